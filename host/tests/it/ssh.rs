//! The prober against the servers that machines really run: OpenSSH's and
//! Dropbear's, for one connection each and as the user who runs the tests.
//!
//! Where a server is missing the test says what to type and passes, except under
//! `CI=true`, where every test must run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use host::ssh::{SshOptions, SshProber};
use host::subnet::address::AddressPolicy;
use host::subnet::probe::{ProbeError, Prober as _, Seen};
use host::subnet::provider::SshEndpoint;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A server's program, or nothing where it is not installed.
pub(crate) fn program(path: &str, package: &str) -> Option<PathBuf> {
    let found = PathBuf::from(path);
    if found.exists() {
        return Some(found);
    }
    let remedy = format!("type: apt-get install --no-install-recommends {package}");
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{path} is missing; {remedy}"
    );
    eprintln!("skipped: {path} is not installed; {remedy}");
    None
}

/// What a command prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Serves one connection with `server`, whose input and output it becomes.
pub(crate) async fn serving(mut server: Command, host_key: &str) -> SshEndpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let output = std::os::fd::OwnedFd::from(stream.try_clone().unwrap());
        server.stdin(std::os::fd::OwnedFd::from(stream));
        server.stdout(output).stderr(Stdio::null());
        let mut child = server.spawn().unwrap();
        tokio::task::spawn_blocking(move || child.wait())
            .await
            .unwrap()
            .unwrap();
    });
    SshEndpoint {
        host: "localhost".to_owned(),
        port,
        user: output(Command::new("id").arg("-un")),
        host_key: Some(host_key.to_owned()),
    }
}

pub(crate) fn prober() -> SshProber {
    SshProber::new(SshOptions {
        addresses: AddressPolicy::AllowPrivate,
        // This machine may be busy with other tests.
        whole_time: Duration::from_secs(240),
        login_time: Duration::from_secs(60),
        command_time: Duration::from_secs(60),
        ..SshOptions::default()
    })
}

/// A host key of this kind, and its public half: one line, as rentals tell it.
pub(crate) fn host_key(folder: &Path, kind: &str) -> (PathBuf, String) {
    let path = folder.join(kind);
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", kind, "-N", "", "-f"]).arg(&path);
    output(&mut keygen);
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public.trim_end().to_owned())
}

/// OpenSSH's server for one connection, which lets `authorized` in.
pub(crate) fn openssh(sshd: &Path, folder: &Path, host_key: &Path, authorized: &str) -> Command {
    // Where root separates privileges; elsewhere nobody asks for it.
    let _ = fs::create_dir_all("/run/sshd");
    let keys = folder.join("authorized_keys");
    fs::write(&keys, authorized).unwrap();
    fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
    let mut server = Command::new(sshd);
    server.args(["-i", "-f", "/dev/null", "-o", "UsePAM=no"]);
    server.args(["-o", "StrictModes=no", "-o", "PidFile=none", "-o"]);
    server.arg(format!("AuthorizedKeysFile={}", keys.display()));
    server.arg("-h").arg(host_key);
    server
}

/// Visits OpenSSH with a host key of this kind, as somebody it knows or not.
async fn visit(sshd: &Path, kind: &str, known: bool) -> Result<Seen, ProbeError> {
    let folder = TempDir::new().unwrap();
    let (path, public) = host_key(folder.path(), kind);
    let visit = prober().prepare().unwrap();
    let authorized = if known { visit.ssh_public_key() } else { "" };
    let server = openssh(sshd, folder.path(), &path, authorized);
    let at = serving(server, &public).await;
    visit.look(&at).await
}

#[tokio::test]
async fn openssh_shows_this_machine_to_whom_it_knows() {
    let Some(sshd) = program("/usr/sbin/sshd", "openssh-server") else {
        return;
    };
    for kind in ["ed25519", "ecdsa"] {
        let seen = visit(&sshd, kind, true).await.unwrap();
        let threads = output(&mut Command::new("nproc"));
        assert!(seen.hardware.cpu_threads <= threads.parse().unwrap());
        assert!(seen.hardware.memory_mib > 0 && seen.hardware.disk_mib > 0);
        let kernel = output(Command::new("uname").arg("-r"));
        assert!(
            seen.hardware
                .labels
                .iter()
                .any(|label| label.value == kernel)
        );
    }
}

#[tokio::test]
async fn openssh_refuses_whom_it_does_not_know() {
    let Some(sshd) = program("/usr/sbin/sshd", "openssh-server") else {
        return;
    };
    assert_eq!(
        visit(&sshd, "ed25519", false).await,
        Err(ProbeError::LoginRefused)
    );
    let rsa = visit(&sshd, "rsa", true).await;
    assert!(matches!(rsa, Err(ProbeError::BadHostKey(_))), "{rsa:?}");
}

#[tokio::test]
async fn dropbear_is_understood_as_far_as_the_login() {
    let Some(dropbear) = program("/usr/sbin/dropbear", "dropbear-bin") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    let mut keygen = Command::new("dropbearkey");
    let printed = output(keygen.args(["-t", "ed25519", "-f"]).arg(&path));
    let public = printed
        .lines()
        .find(|line| line.starts_with("ssh-ed25519 "))
        .unwrap();
    let mut server = Command::new(dropbear);
    server.args(["-i", "-s", "-r"]).arg(&path);
    let at = serving(server, public).await;
    let visit = prober().prepare().unwrap();
    assert_eq!(visit.look(&at).await, Err(ProbeError::LoginRefused));
}
