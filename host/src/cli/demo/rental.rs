//! Whether one of the miners can offer a machine: that takes a Docker Engine, and
//! an image with an SSH server in it.
//!
//! The image is the operator's, or made of this machine's own busybox and dropbear
//! as `examples/rental-image` says; nothing is downloaded. Where either is missing
//! the demo goes on without, as fast as ever, and says what to install.

use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::net::UnixStream;

/// The recipe, as it stands in the repository.
const RECIPE: [(&str, &str); 2] = [
    (
        "build.sh",
        include_str!("../../../../examples/rental-image/build.sh"),
    ),
    (
        "entry",
        include_str!("../../../../examples/rental-image/entry"),
    ),
];
/// What the image is called on the engine, where it stays for the next time.
const TAG: &str = "host-demo-rental";
/// What the recipe takes from this machine.
const PROGRAMS: [&str; 4] = ["docker", "busybox", "dropbear", "dropbearconvert"];
const USUAL_SOCKET: &str = "/var/run/docker.sock";
/// An engine that answers does so at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Packing some megabytes and importing them.
const BUILD_TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether the image is made.
const LOOK: Duration = Duration::from_millis(50);

/// What a machine can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rentable {
    /// `unix:///var/run/docker.sock`
    pub(super) engine: String,
    /// `sha256:...`
    pub(super) image: String,
}

/// Finds or makes what it takes; `Err` says what is missing and what to type.
pub(super) async fn prepare(image: Option<&str>, folder: &Path) -> Result<Rentable, String> {
    let socket = socket()?;
    let answered = tokio::time::timeout(ANSWER_TIME, UnixStream::connect(&socket)).await;
    if !matches!(answered, Ok(Ok(_))) {
        return Err(format!(
            "no Docker Engine answers at {}; start one to see a machine rented",
            socket.display()
        ));
    }
    let engine = format!("unix://{}", socket.display());
    let image = match image {
        Some(image) => image.to_owned(),
        None => build(&engine, folder).await?,
    };
    Ok(Rentable { engine, image })
}

fn socket() -> Result<PathBuf, String> {
    let Ok(endpoint) = env::var("DOCKER_HOST") else {
        return Ok(USUAL_SOCKET.into());
    };
    let path = endpoint.strip_prefix("unix://");
    path.map(PathBuf::from)
        .ok_or_else(|| "DOCKER_HOST is not a socket of this machine (unix://...)".to_owned())
}

async fn build(engine: &str, folder: &Path) -> Result<String, String> {
    if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
        return Err(format!(
            "an image cannot be made without {missing}; type: apt-get install busybox-static \
             dropbear-bin, or name an image with --rental-image"
        ));
    }
    let failed = |error: io::Error| format!("the image cannot be made: {error}");
    let (said, meant) = (folder.join("image-id"), folder.join("image-trouble"));
    let building = begin(engine, folder, &said, &meant).map_err(failed)?;
    let ended = end(building).await.map_err(failed)?;
    let read = |file| std::fs::read_to_string(file).map_err(failed);
    if ended.is_some_and(|ended| ended.success()) {
        return Ok(read(&said)?.trim().to_owned());
    }
    let trouble = read(&meant)?;
    let last = trouble.trim().lines().last().unwrap_or("it takes too long");
    Err(format!("the image cannot be made: {last}"))
}

fn begin(engine: &str, folder: &Path, said: &Path, meant: &Path) -> io::Result<Child> {
    for (name, text) in RECIPE {
        std::fs::write(folder.join(name), text)?;
    }
    Command::new("bash")
        .arg(folder.join("build.sh"))
        .arg(TAG)
        .env("DOCKER_HOST", engine)
        .stdin(Stdio::null())
        .stdout(File::create(said)?)
        .stderr(File::create(meant)?)
        .spawn()
}

/// Waits for it; `None` if it had to be killed.
async fn end(mut building: Child) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < BUILD_TIME {
        if let Some(ended) = building.try_wait()? {
            return Ok(Some(ended));
        }
        tokio::time::sleep(LOOK).await;
    }
    building.kill()?;
    building.wait()?;
    Ok(None)
}

/// Where programs are that not everybody's `PATH` has.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = MORE_FOLDERS.iter().map(PathBuf::from);
    env::split_paths(&path)
        .chain(more)
        .any(|folder| folder.join(program).is_file())
}
