//! A launch, step by step.
//!
//! ```text
//! checks ─ image here? ─ rules, network ─ claim: look, choose, make ─ disk ─ start ─ answers?
//!                                              one after the other
//! ```
//!
//! The claim is a container that does not run. If the node dies after it, the next
//! launch of that name, or the keeper, goes on from there; if a step after it
//! fails, it is taken back.

use std::time::Duration;

use crate::subnet::workload::{Running, Workload, WorkloadError};

use super::disk::RootOwner;
use super::host_key::HostKey;
use super::options::{DiskLimit, Firewall};
use super::request::malformed;
use super::room::Slot;
use super::spec::{self, Handed};
use super::tenant::{Life, Note, Tenant};
use super::{Containers, InHand, firewall};

/// How long a launch waits for the SSH server; one that takes longer is `Starting`.
const READY_MS_MAX: u64 = 5_000;
/// Between two looks.
const LOOK_AGAIN_MS: u64 = 20;
/// Bytes of a disk's name.
const DISK_ID_BYTES: usize = 8;

/// A container that stands for what it takes.
struct Claim<'a> {
    tenant: Tenant,
    /// Just now, so that a failure takes it back.
    made: bool,
    hand: Option<InHand<'a>>,
}

impl Containers {
    pub(super) async fn launch_checked(
        &self,
        owner: &str,
        workload: &Workload,
        public_key: &str,
    ) -> Result<Running, WorkloadError> {
        self.check_image(&workload.image).await?;
        self.engine.network(spec::network(&self.tag)).await?;
        let claim = self.claim(owner, workload, public_key).await?;
        // Whoever else has it in hand brings it up.
        if claim.hand.is_some()
            && let Err(error) = self.bring_up(&claim.tenant).await
        {
            if claim.made {
                drop(claim.hand);
                self.take_back(&claim.tenant).await;
            }
            return Err(error);
        }
        drop(claim.hand);
        self.changed.notify_one();
        self.until_ready(owner, &workload.name).await
    }

    async fn check_image(&self, image: &str) -> Result<(), WorkloadError> {
        if !self.options.images.iter().any(|allowed| allowed == image) {
            return Err(malformed(
                "the image is not one of `images` in `[machine]`".to_owned(),
            ));
        }
        if !self.engine.has_image(image).await? {
            return Err(malformed(format!(
                "the image is not on this machine; its operator types: docker pull {image}"
            )));
        }
        Ok(())
    }

    /// The workload's container: the one there is, or a new one.
    async fn claim(
        &self,
        owner: &str,
        workload: &Workload,
        public_key: &str,
    ) -> Result<Claim<'_>, WorkloadError> {
        let _turn = self.turn.lock().await;
        let tenants = self.engine.tenants().await?;
        let name = &workload.name;
        if let Some(same) = tenants.iter().find(|tenant| tenant.is(owner, name)) {
            return Ok(Claim {
                hand: self.take_in_hand(&same.note.disk),
                tenant: same.clone(),
                made: false,
            });
        }
        let room = self.room().await?;
        let slot = room.take(&tenants, &workload.share, |port| self.is_free(port))?;
        let host_key = HostKey::new().map_err(|error| WorkloadError::Failed(error.to_string()))?;
        let note = self.note(owner, workload, slot, &host_key)?;
        let hand = self.take_in_hand(&note.disk);
        let handed = Handed {
            public_key,
            host_key: &host_key.private(),
        };
        let device = self.disks.device(&note.disk);
        let device = device.to_string_lossy();
        let body = spec::container(&self.options, &self.tag, &note, &handed, &device);
        let container = note.container_name(&self.tag, note.ends_at);
        let id = self.engine.create(&container, body).await?;
        tracing::info!(
            owner,
            name,
            port = note.port,
            ends_at = note.ends_at,
            "a workload begins"
        );
        let tenant = Tenant {
            id,
            ends_at: note.ends_at,
            life: Life::Made,
            address: None,
            note,
        };
        Ok(Claim {
            tenant,
            made: true,
            hand,
        })
    }

    fn note(
        &self,
        owner: &str,
        workload: &Workload,
        slot: Slot,
        host_key: &HostKey,
    ) -> Result<Note, WorkloadError> {
        let mut disk = [0; DISK_ID_BYTES];
        getrandom::fill(&mut disk).map_err(|error| WorkloadError::Failed(error.to_string()))?;
        Ok(Note {
            owner: owner.to_owned(),
            name: workload.name.clone(),
            image: workload.image.clone(),
            share: workload.share,
            ends_at: workload.ends_at,
            cpus: slot.cpus,
            gpus: slot.gpus,
            port: slot.port,
            disk: format!("{}-{}", self.tag, hex::encode(disk)),
            host_key: host_key.public(),
            labels: workload.labels.clone(),
        })
    }

    /// Gets a container that was made, or that ended, to run; one that runs is left
    /// alone.
    pub(super) async fn bring_up(&self, tenant: &Tenant) -> Result<(), WorkloadError> {
        if tenant.life.is_up() {
            return Ok(());
        }
        self.close_firewall().await?;
        if self.options.disk_limit() == DiskLimit::Loop {
            let folder = self
                .engine
                .info()
                .await?
                .docker_root_dir
                .unwrap_or_default();
            let owner = RootOwner::of(&folder);
            let (disk, mib) = (&tenant.note.disk, tenant.note.share.disk_mib);
            let attached = self.disks.attach(disk, mib, owner).await;
            attached.map_err(|error| WorkloadError::Failed(format!("its disk: {error}")))?;
        }
        Ok(self.engine.start(&tenant.id).await?)
    }

    /// Sees to it that what starts now reaches the internet and nothing of ours.
    pub(super) async fn close_firewall(&self) -> Result<(), WorkloadError> {
        if self.options.firewall == Firewall::Operators {
            return Ok(());
        }
        let bridge = spec::bridge(&self.tag);
        firewall::put(&bridge, spec::SSH_PORT)
            .await
            .map_err(|error| {
                WorkloadError::Failed(format!(
                    "nothing is launched without rules that keep it from this machine and its \
                 neighbours, and they cannot be set: {error}; install nftables and run as root, \
                 or set them yourself and `machine.firewall = \"mine\"`"
                ))
            })
    }

    async fn take_back(&self, tenant: &Tenant) {
        if let Err(error) = self.end(tenant).await {
            let name = &tenant.note.name;
            tracing::warn!(name, %error, "a launch that failed cannot be taken back yet");
        }
    }

    /// Waits until somebody can log in, but not long.
    pub(super) async fn until_ready(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Running, WorkloadError> {
        let ready = async {
            loop {
                let Some(tenant) = self.tenant(owner, name).await? else {
                    return Err(WorkloadError::Failed("it ended as it began".to_owned()));
                };
                if tenant.life != Life::Runs || self.is_ready(&tenant).await {
                    return Ok(tenant);
                }
                tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_millis(READY_MS_MAX), ready).await;
        let tenant = match waited {
            Ok(tenant) => tenant?,
            Err(_) => self
                .tenant(owner, name)
                .await?
                .ok_or(WorkloadError::NoSuchWorkload)?,
        };
        Ok(self.running(tenant).await)
    }
}
