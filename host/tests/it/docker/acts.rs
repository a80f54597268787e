//! What a renter has done to a container that goes on: the key exchanged, all of it
//! held still, started again.

use std::path::{Path, PathBuf};
use std::process::Command;

use host::machine::DiskLimit;
use host::subnet::provider::SshEndpoint;
use host::subnet::rental::Act;
use host::subnet::workload::{Caretaker as _, Running, WorkloadError, Workloads as _, is_paused};

use super::engine;
use super::stage::{NOW, OWNER, Stage};

/// How long a login may take, on a busy machine.
const PATIENCE_S: u64 = 40;
/// How long one is waited for that is to fail.
const IMPATIENCE_S: u64 = 6;

/// A renter's keys: the first, and one to exchange it for.
struct Keys {
    first: PathBuf,
    other: PathBuf,
}

impl Keys {
    fn new(stage: &Stage<'_>) -> Self {
        let other = stage.folder.path().join("other");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "another", "-f"]);
        assert!(keygen.arg(&other).status().unwrap().success());
        Self {
            first: stage.folder.path().join("renter"),
            other,
        }
    }

    fn exchange(&self) -> Act {
        Act::ExchangeKey {
            ssh_public_key: public(&self.other),
        }
    }
}

fn public(key: &Path) -> String {
    std::fs::read_to_string(key.with_extension("pub")).unwrap()
}

/// What `command` says to whoever has `key`; `None` if nobody is let in in time.
fn login(
    stage: &Stage<'_>,
    at: &Running,
    key: &Path,
    command: &str,
    wait_s: u64,
) -> Option<String> {
    let at: &SshEndpoint = at.ssh.as_ref().unwrap();
    let known = stage.folder.path().join("known-acts");
    let host_key = at.host_key.as_ref().unwrap();
    std::fs::write(&known, format!("[{}]:{} {host_key}\n", at.host, at.port)).unwrap();
    let mut ssh = Command::new("timeout");
    ssh.args([&wait_s.to_string(), "ssh", "-o", "BatchMode=yes"]);
    ssh.args([
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "IdentitiesOnly=yes",
    ]);
    ssh.args(["-o", &format!("UserKnownHostsFile={}", known.display())]);
    ssh.arg("-i").arg(key).args(["-p", &at.port.to_string()]);
    ssh.args([&format!("{}@{}", at.user, at.host), command]);
    let output = ssh.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}

async fn act(stage: &Stage<'_>, act: Act) -> Result<(), WorkloadError> {
    stage.containers.act(OWNER, "one", &act).await
}

async fn seen(stage: &Stage<'_>) -> Running {
    stage.containers.list(OWNER).await.unwrap().remove(0)
}

/// The new key opens and the old one does not.
fn only_the_other_key_opens(stage: &Stage<'_>, at: &Running, keys: &Keys) {
    let with = |key: &Path| login(stage, at, key, "echo in", PATIENCE_S);
    assert_eq!(with(&keys.other).as_deref(), Some("in"));
    assert_eq!(with(&keys.first), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renter_exchanges_the_key_holds_still_goes_on_and_starts_again() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let mut stage = Stage::new(engine, "acts");
    let one = stage.launch("one").await;
    let keys = Keys::new(&stage);
    let note = "echo kept > /root/note; sync; touch /tmp/gone; nproc";
    assert_eq!(stage.says(&one, note), "1");
    let with = |stage: &Stage<'_>, at: &Running, wait_s| {
        login(stage, at, &keys.other, "cat /root/note", wait_s)
    };

    act(&stage, keys.exchange()).await.unwrap();
    only_the_other_key_opens(&stage, &one, &keys);

    act(&stage, Act::Pause).await.unwrap();
    act(&stage, Act::Pause).await.unwrap();
    assert_eq!(with(&stage, &one, IMPATIENCE_S), None);
    let paused = seen(&stage).await;
    assert!(is_paused(&paused.labels), "{paused:?}");
    assert_eq!((&paused.ssh, paused.status), (&one.ssh, one.status));
    let refused = act(&stage, keys.exchange()).await;
    assert!(
        matches!(refused, Err(WorkloadError::Malformed(_))),
        "{refused:?}"
    );
    // A node that begins again finds it standing still.
    stage.again();
    assert_eq!(seen(&stage).await, paused);
    act(&stage, Act::Resume).await.unwrap();
    act(&stage, Act::Resume).await.unwrap();
    assert_eq!(with(&stage, &one, PATIENCE_S).as_deref(), Some("kept"));

    act(&stage, Act::Restart).await.unwrap();
    let after = stage.until_running("one").await;
    assert_eq!((&after.ssh, after.ends_at), (&one.ssh, one.ends_at));
    assert!(!is_paused(&after.labels));
    only_the_other_key_opens(&stage, &after, &keys);
    let looked = "cat /root/note; nproc; ls /tmp";
    let looked = login(&stage, &after, &keys.other, looked, PATIENCE_S);
    assert_eq!(looked.as_deref(), Some("kept\n1"));
    let none = stage.containers.act("another", "one", &Act::Pause).await;
    assert_eq!(none, Err(WorkloadError::NoSuchWorkload));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_lets_the_first_key_in_again_is_told_better() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "again");
    let one = stage.launch("one").await;
    let keys = Keys::new(&stage);
    act(&stage, keys.exchange()).await.unwrap();
    // As such an image would, before its server begins.
    let back = format!(
        "echo '{}' > /root/.ssh/authorized_keys",
        public(&keys.first).trim()
    );
    login(&stage, &one, &keys.other, &back, PATIENCE_S).unwrap();
    act(&stage, Act::Restart).await.unwrap();
    let after = stage.until_running("one").await;
    only_the_other_key_opens(&stage, &after, &keys);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_still_ends_in_time_and_whenever_it_is_stopped() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "still");
    for _ in 0..2 {
        stage.launch("one").await;
        act(&stage, Act::Pause).await.unwrap();
        stage.containers.stop(OWNER, "one").await.unwrap();
        assert_eq!((stage.ps(&["-a"]).len(), stage.disks()), (0, 0));
    }
    stage.launch("one").await;
    act(&stage, Act::Pause).await.unwrap();
    let later = stage.containers.extend(OWNER, "one", NOW + 3_700).await;
    assert!(is_paused(&later.unwrap().labels));
    stage.pass(3_700);
    let containers = stage.containers.clone();
    let keeper = tokio::spawn(async move { containers.keep(std::future::pending()).await });
    stage.until_empty().await;
    keeper.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_in_memory_is_not_lost_to_a_restart() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::with_disk(engine, "held", DiskLimit::Memory);
    let one = stage.launch("one").await;
    let keys = Keys::new(&stage);
    let refused = act(&stage, Act::Restart).await;
    assert!(
        matches!(refused, Err(WorkloadError::Malformed(_))),
        "{refused:?}"
    );
    act(&stage, keys.exchange()).await.unwrap();
    only_the_other_key_opens(&stage, &one, &keys);
}
