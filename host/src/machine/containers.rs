//! This machine's containers: what its operator lets out, rented by the piece.
//!
//! [`Containers`] is [`Workloads`] over a Docker Engine. What it promises:
//!
//! - **Nothing is oversold.** Processors, cards, memory, disk and ports are given
//!   out by one claim after the other, against what the engine has. A claim is a
//!   container, so another start of the node sees it too.
//! - **What was ordered is what there is**, and no more: [`spec`].
//! - **It reaches the internet and nothing of ours**: [`firewall`]. Where the rules
//!   cannot be set, nothing is launched.
//! - **It ends when it was to**, whether anybody asks or not: [`keeper`].
//! - **Launching twice is launching once**, whenever the first time broke off.
//! - **Whoever logs in knows whom to expect**: the host key is made here.
//! - **Its renter may hold it still, start it again and exchange the key**: [`act`].
//!
//! An image brings an SSH server that its entry point starts in the foreground, on
//! port 22, for root, with the host key in the variable `RENTAL_SSH_HOST_KEY` (an
//! OpenSSH private key) and the renter's in `RENTAL_SSH_PUBLIC_KEY` (one line), which
//! it puts into `/root/.ssh/authorized_keys` unless that is there already. Only
//! `/root`, `/tmp` and `/run` can be written. `examples/rental-image` is one.
//!
//! Not here: images are not fetched, `docker pull` is the operator's; what a
//! workload costs is its adapter's; nodes that share an engine must let out
//! different parts of the machine.

mod act;
mod disk;
mod engine;
mod firewall;
mod host_key;
mod keeper;
mod launch;
mod options;
mod ready;
mod request;
mod room;
mod spec;
mod tenant;
mod tool;

use std::collections::{HashMap, HashSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::subnet::hardware::{Gpu, Hardware, Label, Machine};
use crate::subnet::provider::SshEndpoint;
use crate::subnet::workload::{
    PAUSED, Running, Share, Workload, WorkloadError, WorkloadStatus, Workloads,
};

pub use options::{ContainersOptions, DiskLimit, Firewall};

use disk::Disks;
use engine::Engine;
use room::Room;
use tenant::{Life, Tenant};

/// Bytes of the digest that tells a node's workloads from another's.
const TAG_BYTES: usize = 5;

/// This machine's containers.
pub struct Containers {
    options: ContainersOptions,
    machine: Arc<dyn Machine>,
    engine: Engine,
    disks: Disks,
    tag: String,
    /// Claims are made one after the other.
    turn: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
    /// Something has an end that had none before.
    changed: tokio::sync::Notify,
}

/// What is lost with the process, and no harm done.
#[derive(Default)]
struct Memory {
    /// Containers whose SSH server answered.
    ready: HashSet<String>,
    /// Disks of workloads that are being launched or ended.
    in_hand: HashSet<String>,
    /// How often the keeper started a container again.
    starts: HashMap<String, u32>,
}

impl Containers {
    /// Does not look for the engine yet: one that starts later is as good.
    pub fn open(options: ContainersOptions, machine: Arc<dyn Machine>) -> std::io::Result<Self> {
        let digest = Sha256::digest(options.node.as_bytes());
        let tag = hex::encode(&digest[..TAG_BYTES]);
        Ok(Self {
            engine: Engine::new(&options.socket, tag.clone()),
            disks: Disks::open(&options.folder)?,
            tag,
            options,
            machine,
            turn: tokio::sync::Mutex::new(()),
            memory: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        })
    }

    fn now(&self) -> u64 {
        (self.options.clock)()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hardware(&self) -> Result<Hardware, WorkloadError> {
        let machine = self.machine.clone();
        let read = tokio::task::spawn_blocking(move || machine.hardware()).await;
        read.map_err(|error| WorkloadError::Failed(format!("the machine cannot be read: {error}")))
    }

    /// What there is to give out: of the processor the last threads, since the first
    /// is what the system itself likes best.
    async fn room(&self) -> Result<Room, WorkloadError> {
        let let_out = self.options.for_rent();
        let threads = self.engine.info().await?.ncpu.unwrap_or_default();
        let threads = u32::try_from(threads).unwrap_or_default();
        let gpus = match let_out.gpu_count {
            0 => Vec::new(),
            count => cards(&let_out_gpus(self.hardware().await?.gpus, count)),
        };
        Ok(Room {
            let_out,
            cpus: (threads.saturating_sub(let_out.cpu_threads)..threads).collect(),
            gpus,
            ports: self.options.ssh_ports.clone().collect(),
        })
    }

    /// Whether nothing listens there.
    fn is_free(&self, port: u16) -> bool {
        TcpListener::bind((self.options.ssh_bind, port)).is_ok()
    }

    async fn tenant(&self, owner: &str, name: &str) -> Result<Option<Tenant>, WorkloadError> {
        let tenants = self.engine.tenants().await?;
        Ok(tenants.into_iter().find(|tenant| tenant.is(owner, name)))
    }

    /// Whether it can be logged in to; asked once only of one that can.
    async fn is_ready(&self, tenant: &Tenant) -> bool {
        if tenant.life != Life::Runs {
            return false;
        }
        if self.memory().ready.contains(&tenant.id) {
            return true;
        }
        let Some(address) = tenant.address else {
            return false;
        };
        let answers = ready::answers(address, spec::SSH_PORT).await;
        let ready = answers && self.has_its_key(tenant).await;
        if ready {
            self.memory().ready.insert(tenant.id.clone());
        }
        ready
    }

    async fn running(&self, tenant: Tenant) -> Running {
        // What stands still could be logged in to before, and can be again.
        let paused = tenant.life == Life::Paused;
        let ready = paused || self.is_ready(&tenant).await;
        let status = match tenant.life {
            _ if ready => WorkloadStatus::Running,
            Life::Ended if self.is_given_up(&tenant) => WorkloadStatus::Exited,
            _ => WorkloadStatus::Starting,
        };
        let mut note = tenant.note;
        note.labels.extend(paused.then(|| Label {
            name: PAUSED.to_owned(),
            value: "true".to_owned(),
        }));
        let ssh = ready.then(|| SshEndpoint {
            host: self.options.ssh_host.clone(),
            port: note.port,
            user: spec::SSH_USER.to_owned(),
            host_key: Some(note.host_key),
        });
        Running {
            name: note.name,
            image: note.image,
            status,
            share: note.share,
            ends_at: tenant.ends_at,
            ssh,
            labels: note.labels,
        }
    }

    /// Ends a workload: the container first, since it is what costs.
    async fn end(&self, tenant: &Tenant) -> Result<(), WorkloadError> {
        let _hand = self.take_in_hand(&tenant.note.disk);
        self.engine.remove(&tenant.id).await?;
        self.memory().ready.remove(&tenant.id);
        tracing::info!(
            owner = tenant.note.owner,
            name = tenant.note.name,
            "a workload ended"
        );
        self.remove_disk(&tenant.note.disk).await
    }

    async fn remove_disk(&self, id: &str) -> Result<(), WorkloadError> {
        self.engine.remove_volume(&spec::volume_name(id)).await?;
        self.disks.remove(id).await.map_err(WorkloadError::Failed)
    }

    /// Keeps others from a workload until what this returns is dropped; `None` if
    /// somebody has it already.
    fn take_in_hand(&self, disk: &str) -> Option<InHand<'_>> {
        let taken = self.memory().in_hand.insert(disk.to_owned());
        taken.then(|| InHand {
            containers: self,
            disk: disk.to_owned(),
        })
    }
}

/// A workload that somebody works on.
struct InHand<'a> {
    containers: &'a Containers,
    disk: String,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.containers.memory().in_hand.remove(&self.disk);
    }
}

#[async_trait]
impl Workloads for Containers {
    async fn inventory(&self) -> Result<Hardware, WorkloadError> {
        let hardware = self.hardware().await?;
        let let_out = self.options.for_rent();
        Ok(Hardware {
            gpus: let_out_gpus(hardware.gpus, let_out.gpu_count),
            cpu_threads: let_out.cpu_threads.min(hardware.cpu_threads),
            memory_mib: let_out.memory_mib,
            disk_mib: let_out.disk_mib,
            ..hardware
        })
    }

    async fn free(&self) -> Result<Share, WorkloadError> {
        let tenants = self.engine.tenants().await?;
        Ok(self.room().await?.free(&tenants))
    }

    async fn images(&self) -> Result<Vec<String>, WorkloadError> {
        let mut there = Vec::new();
        for image in &self.options.images {
            if self.engine.has_image(image).await? {
                there.push(image.clone());
            }
        }
        Ok(there)
    }

    async fn launch(&self, owner: &str, workload: Workload) -> Result<Running, WorkloadError> {
        let public_key = request::check(&workload, self.now())?;
        self.launch_checked(owner, &workload, &public_key).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<Running>, WorkloadError> {
        let tenants = self.engine.tenants().await?.into_iter();
        let own = tenants.filter(|tenant| tenant.note.owner == owner);
        Ok(futures::future::join_all(own.map(|tenant| self.running(tenant))).await)
    }

    async fn extend(
        &self,
        owner: &str,
        name: &str,
        ends_at: u64,
    ) -> Result<Running, WorkloadError> {
        request::ends_at(ends_at, self.now())?;
        let Some(mut tenant) = self.tenant(owner, name).await? else {
            return Err(WorkloadError::NoSuchWorkload);
        };
        if tenant.ends_at != ends_at {
            let container = tenant.note.container_name(&self.tag, ends_at);
            self.engine.rename(&tenant.id, &container).await?;
            tenant.ends_at = ends_at;
            self.changed.notify_one();
        }
        Ok(self.running(tenant).await)
    }

    async fn stop(&self, owner: &str, name: &str) -> Result<(), WorkloadError> {
        match self.tenant(owner, name).await? {
            Some(tenant) => self.end(&tenant).await,
            None => Ok(()),
        }
    }
}

/// The first `count` cards.
fn let_out_gpus(gpus: Vec<Gpu>, count: u32) -> Vec<Gpu> {
    let mut left = count;
    let cut = gpus.into_iter().map(|gpu| {
        let count = gpu.count.min(left);
        left -= count;
        let mut uuids = gpu.uuids;
        uuids.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Gpu {
            count,
            uuids,
            ..gpu
        }
    });
    cut.filter(|gpu| gpu.count > 0).collect()
}

/// What the engine calls each card: what its driver does, else its place in line.
fn cards(gpus: &[Gpu]) -> Vec<String> {
    let mut cards = Vec::new();
    for gpu in gpus {
        for index in 0..gpu.count {
            let uuid = usize::try_from(index)
                .ok()
                .and_then(|index| gpu.uuids.get(index));
            cards.push(uuid.cloned().unwrap_or_else(|| cards.len().to_string()));
        }
    }
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(model: &str, count: u32, uuids: &[&str]) -> Gpu {
        Gpu {
            model: model.to_owned(),
            count,
            memory_mib: 1,
            uuids: uuids.iter().map(|&uuid| uuid.to_owned()).collect(),
        }
    }

    #[test]
    fn only_so_many_cards_as_the_operator_lets_out() {
        let gpus = vec![gpu("a", 2, &["GPU-1", "GPU-2"]), gpu("b", 2, &[])];
        assert_eq!(cards(&let_out_gpus(gpus.clone(), 1)), ["GPU-1"]);
        assert_eq!(
            cards(&let_out_gpus(gpus.clone(), 3)),
            ["GPU-1", "GPU-2", "2"]
        );
        assert_eq!(let_out_gpus(gpus, 0), []);
    }
}
