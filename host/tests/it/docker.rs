//! A real Docker Engine, for what only a real one can show.
//!
//! [`engine`] is one engine for the whole test binary: the machine's, if one
//! answers at `DOCKER_HOST` or its usual socket, else one that is started below a
//! temporary folder, with its own data, sockets and no default bridge, and that
//! ends with the tests. [`Engine::own`] is one that a test may kill. Both hold the
//! image of `examples/rental-image`, built from this machine's busybox and dropbear.
//!
//! Where that cannot be (not root, programs missing) the test says what to type
//! and passes, except under `CI=true`, where every test must run.

mod acts;
mod allocate;
mod isolation;
mod order;
mod rentals;
pub(crate) mod stage;
pub(crate) mod tracks;

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long an engine may take to answer, on a machine busy with other tests.
const START_S_MAX: u64 = 90;
const USUAL_SOCKET: &str = "/var/run/docker.sock";
const PROGRAMS: [&str; 7] = [
    "dockerd",
    "docker",
    "busybox",
    "dropbear",
    "ssh",
    "mkfs.ext4",
    "nft",
];
const REMEDY: &str = "type, as root: apt-get install docker.io busybox-static dropbear-bin \
                      openssh-client e2fsprogs nftables iproute2";

/// An engine with the rental image on it.
pub(crate) struct Engine {
    socket: PathBuf,
    /// What `images` of `[machine]` lists: `sha256:...`.
    pub(crate) image: String,
    process: Option<Process>,
}

/// An engine of our own; the shell ends it when its standard input does.
struct Process {
    folder: tempfile::TempDir,
    shell: Child,
    input: Option<ChildStdin>,
}

/// The engine that all tests share; `None` where there can be none.
pub(crate) fn engine() -> Option<&'static Engine> {
    static SHARED: OnceLock<Option<Engine>> = OnceLock::new();
    SHARED
        .get_or_init(|| or_skip(machines_own().map_or_else(start, Ok)))
        .as_ref()
}

/// Two engines of one network write over one another's rules: whoever starts a second
/// one waits for those who use the first, and they for it.
static TURNS: RwLock<()> = RwLock::const_new(());

/// For as long as it is held, no engine is started or killed by a test.
pub(crate) async fn beside_others() -> RwLockReadGuard<'static, ()> {
    TURNS.read().await
}

/// For as long as it is held, no other test uses an engine.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    TURNS.write().await
}

impl Engine {
    /// An engine that nobody else uses; `None` where there can be none.
    pub(crate) fn own() -> Option<Self> {
        or_skip(start())
    }

    /// `unix:///...`, as configuration and `DOCKER_HOST` have it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What `docker ARGUMENTS` prints, on this engine; panics where it fails.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// `docker`, about to talk to this engine.
    pub(crate) fn command(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", self.endpoint());
        docker
    }

    /// Kills the engine, as a crash would; only one of the test's own.
    pub(crate) fn kill(&mut self) {
        let process = self.process.as_mut().expect("an engine of our own");
        let containerd = process.folder.path().join("exec/containerd");
        let pids = [
            process.folder.path().join("pid"),
            containerd.join("containerd.pid"),
        ];
        for pid in pids.map(std::fs::read_to_string) {
            run(Command::new("kill").args(["-9", pid.unwrap().trim()])).unwrap();
        }
        // A machine that starts again finds none of what a live one keeps there.
        for stale in ["containerd.pid", "containerd.sock", "containerd.sock.ttrpc"] {
            let _ = std::fs::remove_file(containerd.join(stale));
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Starts it again after [`Engine::kill`].
    pub(crate) fn restart(&mut self) {
        let process = self.process.as_mut().expect("an engine of our own");
        let _ = std::fs::remove_file(process.folder.path().join("pid"));
        let (shell, input) = shell(process.folder.path()).unwrap();
        // The old shell keeps waiting, lest it remove what the new engine uses.
        std::mem::forget(process.input.replace(input));
        process.shell = shell;
        wait(&self.socket, process.folder.path()).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

fn or_skip(engine: Result<Engine, String>) -> Option<Engine> {
    match engine {
        Ok(engine) => Some(engine),
        Err(error) => {
            let ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!ci, "no Docker Engine: {error}");
            eprintln!("skipped: no Docker Engine: {error}");
            None
        }
    }
}

/// The engine that runs here anyway.
fn machines_own() -> Option<Engine> {
    let socket = match std::env::var("DOCKER_HOST") {
        Ok(endpoint) => PathBuf::from(endpoint.strip_prefix("unix://")?),
        Err(_) => PathBuf::from(USUAL_SOCKET),
    };
    let engine = with_image(socket, None);
    engine.ok()
}

fn start() -> Result<Engine, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("none runs here, and only root can start one".to_owned());
    }
    if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
        return Err(format!("{missing} is not installed; {REMEDY}"));
    }
    let folder = tempfile::Builder::new().prefix("engine").tempdir();
    let folder = folder.map_err(|error| format!("no temporary folder: {error}"))?;
    std::fs::write(folder.path().join("daemon.json"), "{}").map_err(|error| error.to_string())?;
    let (shell, input) = shell(folder.path())?;
    let socket = folder.path().join("docker.sock");
    let process = Process {
        folder,
        shell,
        input: Some(input),
    };
    wait(&socket, process.folder.path())?;
    with_image(socket, Some(process))
}

fn is_installed(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

fn shell(folder: &Path) -> Result<(Child, ChildStdin), String> {
    let mut shell = Command::new("sh")
        .arg(here().join("tests/it/docker/engine.sh"))
        .arg(folder)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sh does not start: {error}"))?;
    let input = shell.stdin.take().expect("it was asked for");
    Ok((shell, input))
}

/// Until the engine answers, or with the end of its log.
fn wait(socket: &Path, folder: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let mut docker = Command::new("docker");
    docker.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    docker.arg("version");
    while run(&mut docker).is_err() {
        if begun.elapsed() > Duration::from_secs(START_S_MAX) {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(5).collect();
            return Err(format!("dockerd does not start here: {}", end.join(" / ")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn with_image(socket: PathBuf, process: Option<Process>) -> Result<Engine, String> {
    let mut build = Command::new(here().join("../examples/rental-image/build.sh"));
    build.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let image = run(&mut build)?;
    Ok(Engine {
        socket,
        image,
        process,
    })
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_engine_of_our_own_runs_a_rental_image_and_goes_without_a_trace() {
    let _alone = TURNS.blocking_write();
    let Some(engine) = Engine::own() else { return };
    let socket = engine.socket.clone();
    let applet = [
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "/bin/echo",
    ];
    let said = engine.docker(&[&applet[..], &[&engine.image, "hello"]].concat());
    assert_eq!(said, "hello");
    drop(engine);
    assert!(!socket.exists());
}
