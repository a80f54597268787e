//! A node's containers on a real engine, and a renter who logs in to them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host::machine::{Containers, ContainersOptions, DiskLimit, Firewall, LocalMachine};
use host::subnet::hardware::Label;
use host::subnet::provider::SshEndpoint;
use host::subnet::workload::{Running, Share, Workload, WorkloadStatus, Workloads as _};

use super::Engine;
use super::tracks::Tracks;

/// How long anything that a test waits for may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The renter's key, in a folder of the test's.
const RENTER: &str = "renter";
pub(super) const OWNER: &str = "provider-local";
/// The clock's first second.
pub(super) const NOW: u64 = 1_000_000;

/// One node, its engine, and a renter with a key.
pub(super) struct Stage<'a> {
    pub(super) engine: &'a Engine,
    pub(super) node: String,
    pub(super) containers: Arc<Containers>,
    pub(super) folder: Arc<tempfile::TempDir>,
    tracks: Tracks<'a>,
    clock: Arc<AtomicU64>,
    disk: DiskLimit,
    left: bool,
}

/// A node without its engine.
pub(super) struct Left {
    node: String,
    folder: Arc<tempfile::TempDir>,
    clock: Arc<AtomicU64>,
}

impl<'a> Stage<'a> {
    /// A node that lets out all threads but none twice, 512 MiB and 256 MiB of disk.
    pub(super) fn new(engine: &'a Engine, node: &str) -> Self {
        Self::with_disk(engine, node, DiskLimit::Auto)
    }

    pub(super) fn with_disk(engine: &'a Engine, node: &str, disk: DiskLimit) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        renters_key(folder.path());
        let clock = Arc::new(AtomicU64::new(NOW));
        let node = format!("{node}-{}", std::process::id());
        let containers = open(engine, &node, folder.path(), &clock, disk);
        Self {
            engine,
            tracks: Tracks::new(engine, &node, folder.path()),
            node,
            containers,
            folder,
            clock,
            disk,
            left: false,
        }
    }

    /// Goes away from a node and its rentals, to come [`Stage::back`].
    pub(super) fn leave(mut self) -> Left {
        self.left = true;
        Left {
            node: self.node.clone(),
            folder: self.folder.clone(),
            clock: self.clock.clone(),
        }
    }

    /// The same node, started again, perhaps on an engine that did too.
    pub(super) fn back(engine: &'a Engine, left: Left) -> Self {
        let Left {
            node,
            folder,
            clock,
        } = left;
        let disk = DiskLimit::Auto;
        let containers = open(engine, &node, folder.path(), &clock, disk);
        Self {
            engine,
            tracks: Tracks::new(engine, &node, folder.path()),
            node,
            containers,
            folder,
            clock,
            disk,
            left: false,
        }
    }

    /// The node's process, started again.
    pub(super) fn again(&mut self) {
        self.containers = open(
            self.engine,
            &self.node,
            self.folder.path(),
            &self.clock,
            self.disk,
        );
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A workload of one thread, 64 MiB and 32 MiB of disk, for an hour.
    pub(super) fn workload(&self, name: &str) -> Workload {
        let key = std::fs::read_to_string(self.folder.path().join("renter.pub")).unwrap();
        Workload {
            name: name.to_owned(),
            image: self.engine.image.clone(),
            share: Share {
                gpu_count: 0,
                cpu_threads: 1,
                memory_mib: 64,
                disk_mib: 32,
            },
            ssh_public_key: key,
            ends_at: NOW + 3_600,
            labels: vec![Label {
                name: "order".to_owned(),
                value: "\"}' $(x)\n".to_owned(),
            }],
        }
    }

    /// Launched, and waited for until somebody can log in.
    pub(super) async fn launch(&self, name: &str) -> Running {
        let launched = self
            .containers
            .launch(OWNER, self.workload(name))
            .await
            .unwrap();
        if launched.ssh.is_some() {
            return launched;
        }
        self.until_running(name).await
    }

    pub(super) async fn until_running(&self, name: &str) -> Running {
        let begun = Instant::now();
        loop {
            let listed = self.containers.list(OWNER).await.unwrap();
            let found = listed.into_iter().find(|one| one.name == name);
            if let Some(running) = found.filter(|one| one.status == WorkloadStatus::Running) {
                return running;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} does not run");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What `command` says to the renter, who knows the host key beforehand.
    pub(super) fn says(&self, running: &Running, command: &str) -> String {
        let output = self.ssh(running.ssh.as_ref().unwrap(), command);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(255), "no login: {error}");
        said
    }

    pub(super) fn ssh(&self, at: &SshEndpoint, command: &str) -> Output {
        ssh(self.folder.path(), at, command)
    }

    /// Names of this node's containers in `docker ps`, all of them with `-a`.
    pub(super) fn ps(&self, all: &[&str]) -> Vec<String> {
        self.tracks.ps(all)
    }

    /// The same image, published likewise, until its SSH server says something.
    pub(super) async fn run_by_hand(&self, like: &Running) {
        let bridge = self.tracks.bridge();
        let port = like.ssh.as_ref().unwrap().port;
        let host_key = self.folder.path().join("renter");
        let host_key = std::fs::read_to_string(host_key).unwrap();
        let environment = [
            format!("RENTAL_SSH_HOST_KEY={}", host_key.trim()),
            format!(
                "RENTAL_SSH_PUBLIC_KEY={}",
                self.workload("x").ssh_public_key.trim()
            ),
        ];
        let publish = format!("127.0.0.1:{port}:22");
        self.engine.docker(&[
            "run",
            "-d",
            "--name",
            "by-hand",
            "--network",
            &bridge,
            "-p",
            &publish,
            "-e",
            &environment[0],
            "-e",
            &environment[1],
            &self.engine.image,
        ]);
        let greets = || {
            use std::io::Read as _;
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
            stream
                .set_read_timeout(Some(Duration::from_millis(500)))
                .ok()?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).ok()?;
            (greeting == *b"SSH-").then_some(())
        };
        while greets().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for the last container and the last disk to be gone, but not long.
    pub(super) async fn until_empty(&self) {
        let gone = async {
            while !self.ps(&["-a"]).is_empty() || self.disks() > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), gone).await;
        waited.expect("something is left after a minute");
    }

    /// The disks there are.
    pub(super) fn disks(&self) -> usize {
        self.tracks.disks()
    }
}

/// Takes along what the node would leave for its next start.
impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.tracks.sweep();
        }
    }
}

/// Makes a renter's key in `folder`; the path of its public half.
pub(super) fn renters_key(folder: &Path) -> PathBuf {
    let key = folder.join(RENTER);
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "the renter", "-f"]);
    assert!(keygen.arg(&key).status().unwrap().success());
    key.with_extension("pub")
}

/// Logs in with the renter's key of `folder`, to the host key that was told.
pub(super) fn ssh(folder: &Path, at: &SshEndpoint, command: &str) -> Output {
    let known = folder.join(format!("known-{}", at.port));
    let host_key = at.host_key.as_ref().unwrap();
    std::fs::write(&known, format!("[{}]:{} {host_key}\n", at.host, at.port)).unwrap();
    let mut ssh = Command::new("timeout");
    ssh.args([
        "40",
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=yes",
    ]);
    ssh.args(["-o", &format!("UserKnownHostsFile={}", known.display())]);
    ssh.args(["-o", "IdentitiesOnly=yes", "-i"])
        .arg(folder.join(RENTER));
    ssh.args([
        "-p",
        &at.port.to_string(),
        &format!("{}@{}", at.user, at.host),
        command,
    ]);
    ssh.output().unwrap()
}

fn open(
    engine: &Engine,
    node: &str,
    folder: &Path,
    clock: &Arc<AtomicU64>,
    disk: DiskLimit,
) -> Arc<Containers> {
    let threads = std::thread::available_parallelism().unwrap().get();
    let clock = clock.clone();
    let options = ContainersOptions {
        socket: engine.socket.clone(),
        node: node.to_owned(),
        let_out: Share {
            gpu_count: 0,
            cpu_threads: u32::try_from(threads).unwrap(),
            memory_mib: 512,
            disk_mib: 256,
        },
        images: vec![engine.image.clone()],
        ssh_host: "127.0.0.1".to_owned(),
        ssh_bind: "127.0.0.1".parse().unwrap(),
        ssh_ports: ports(),
        dns: vec!["9.9.9.9".parse().unwrap()],
        disk,
        firewall: Firewall::Enforced,
        folder: folder.to_owned(),
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
    };
    let machine = Arc::new(LocalMachine::new(folder));
    Arc::new(Containers::open(options, machine).unwrap())
}

/// Ports of one stage's own: tests run beside one another, and beside other tests.
pub(crate) fn ports() -> std::ops::RangeInclusive<u16> {
    const EACH: u16 = 10;
    static STAGES: AtomicU64 = AtomicU64::new(0);
    let stage = STAGES.fetch_add(1, Ordering::Relaxed) + u64::from(std::process::id() % 37) * 20;
    let first = 20_000 + u16::try_from(stage % 740).unwrap() * EACH;
    first..=first + EACH - 1
}
