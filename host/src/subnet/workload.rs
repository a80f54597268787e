//! What runs on this machine for others, in the words of `machine.wit`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::hardware::{Hardware, Label};
use super::provider::SshEndpoint;
use super::rental::Act;

/// The label of what stands still; the value is `true`.
pub const PAUSED: &str = "paused";

/// Whether `labels` say so.
pub fn is_paused(labels: &[Label]) -> bool {
    let mut labels = labels.iter();
    labels.any(|label| label.name == PAUSED && label.value == "true")
}

/// What a workload is given, or what is free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Whole cards.
    pub gpu_count: u32,
    /// Hardware threads.
    pub cpu_threads: u32,
    /// Main memory.
    pub memory_mib: u64,
    /// Writable disk.
    pub disk_mib: u64,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// `[a-z0-9-]`; launching the same name twice is one launch.
    pub name: String,
    /// One of [`Workloads::images`].
    pub image: String,
    /// Enforced.
    pub share: Share,
    /// One line, in OpenSSH form.
    pub ssh_public_key: String,
    /// When the host ends it, in Unix seconds.
    pub ends_at: u64,
    /// Given back by [`Workloads::list`].
    pub labels: Vec<Label>,
}

/// Where a workload is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadStatus {
    /// Not to be logged in to yet.
    Starting,
    /// Can be logged in to.
    Running,
    /// Its first process ended, and is not started again.
    Exited,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// [`Workload::name`]
    pub name: String,
    /// [`Workload::image`]
    pub image: String,
    /// Where it is in its life.
    pub status: WorkloadStatus,
    /// What it has.
    pub share: Share,
    /// When the host ends it, in Unix seconds.
    pub ends_at: u64,
    /// `None` until it can be logged in to; its host key is known then.
    pub ssh: Option<SshEndpoint>,
    /// [`Workload::labels`]
    pub labels: Vec<Label>,
}

/// Why a workload was not handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// The operator did not let this plugin near the machine.
    #[error("not granted")]
    NotGranted,
    /// Nothing by that name.
    #[error("no such workload")]
    NoSuchWorkload,
    /// Not enough of this machine is free.
    #[error("not enough of this machine is free")]
    NoRoom,
    /// What was asked for is not to be had anywhere.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The container engine's own words; whether anything happened is unknown.
    #[error("the container engine failed: {0}")]
    Failed(String),
}

/// This machine, for whoever rents it out. `owner` is the plugin's name: one sees
/// and stops only what it launched.
#[async_trait]
pub trait Workloads: Send + Sync {
    /// All that the operator lets out.
    async fn inventory(&self) -> Result<Hardware, WorkloadError>;
    /// What of it nobody has.
    async fn free(&self) -> Result<Share, WorkloadError>;
    /// Images that the operator allows, pinned by digest.
    async fn images(&self) -> Result<Vec<String>, WorkloadError>;
    /// Starts a workload; the same name twice is one.
    async fn launch(&self, owner: &str, workload: Workload) -> Result<Running, WorkloadError>;
    /// What `owner` launched and did not stop.
    async fn list(&self, owner: &str) -> Result<Vec<Running>, WorkloadError>;
    /// Moves a workload's end, in Unix seconds.
    async fn extend(&self, owner: &str, name: &str, ends_at: u64)
    -> Result<Running, WorkloadError>;
    /// Ends a workload and deletes what it stored; what is gone is no error.
    async fn stop(&self, owner: &str, name: &str) -> Result<(), WorkloadError>;
}

/// Does to a workload that runs what no adapter has a word for.
#[async_trait]
pub trait Caretaker: Send + Sync {
    /// Does `act` to what `owner` launched as `name`, unless that is done already;
    /// returns once it is.
    async fn act(&self, owner: &str, name: &str, act: &Act) -> Result<(), WorkloadError>;
}
