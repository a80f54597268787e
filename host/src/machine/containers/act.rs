//! What a renter may have done to a workload that goes on: held still, started
//! again, let in by another key.
//!
//! - **A restart** keeps the container, and with it all but what runs: the disk, the
//!   host key, the port, the limits, the end. A disk in memory would be lost, so it
//!   is refused there.
//! - **What stands still** keeps what it has, and ends when it was to.
//! - **A key that was exchanged** is kept beside the disk before it is put in place.
//!   The container's environment has the first one for ever: an image that lets that
//!   one in again as it starts is told better before anybody hears where to log in.

use async_trait::async_trait;
use bollard::exec::CreateExecOptions;

use super::Containers;
use super::options::DiskLimit;
use super::request::{self, malformed};
use super::spec;
use super::tenant::{Life, Tenant};
use crate::subnet::rental::Act;
use crate::subnet::workload::{Caretaker, WorkloadError};

/// The one key that is let in, in one step, run in the home of root.
const EXCHANGE: &str = "set -eu; umask 077; mkdir -p .ssh; cd .ssh; rm -rf authorized_keys.new; \
    printf '%s\\n' \"$RENTAL_SSH_PUBLIC_KEY\" >authorized_keys.new; \
    mv -f authorized_keys.new authorized_keys";
/// The same, unless it is let in already.
const KEEP: &str = "[ -f .ssh/authorized_keys ] && \
    grep -qxF -e \"$RENTAL_SSH_PUBLIC_KEY\" .ssh/authorized_keys && exit; ";

#[async_trait]
impl Caretaker for Containers {
    async fn act(&self, owner: &str, name: &str, act: &Act) -> Result<(), WorkloadError> {
        let tenant = self.tenant(owner, name).await?;
        let tenant = tenant.ok_or(WorkloadError::NoSuchWorkload)?;
        let hand = self.take_in_hand(&tenant.note.disk);
        let busy = || WorkloadError::Failed("something is being done to it already".to_owned());
        let hand = hand.ok_or_else(busy)?;
        if !tenant.life.is_up() {
            return Err(malformed("it does not run".to_owned()));
        }
        match act {
            Act::Pause if tenant.life == Life::Paused => {}
            Act::Pause => self.engine.pause(&tenant.id).await?,
            Act::Resume if tenant.life == Life::Paused => self.engine.unpause(&tenant.id).await?,
            Act::Resume => {}
            Act::ExchangeKey { ssh_public_key } => {
                self.exchange_key(&tenant, &request::key(ssh_public_key)?)
                    .await?;
            }
            Act::Restart => {
                self.restart(tenant).await?;
                drop(hand);
                self.until_ready(owner, name).await?;
            }
        }
        let word = act.as_str();
        tracing::info!(owner, name, act = word, "a workload was acted upon");
        Ok(())
    }
}

impl Containers {
    async fn restart(&self, tenant: Tenant) -> Result<(), WorkloadError> {
        if self.options.disk_limit() == DiskLimit::Memory {
            let why = "its disk is in memory and would be lost with a restart";
            return Err(malformed(why.to_owned()));
        }
        if tenant.life == Life::Paused {
            self.engine.unpause(&tenant.id).await?;
        }
        self.engine.stop(&tenant.id).await?;
        self.memory().ready.remove(&tenant.id);
        let life = Life::Ended;
        self.bring_up(&Tenant { life, ..tenant }).await
    }

    async fn exchange_key(&self, tenant: &Tenant, key: &str) -> Result<(), WorkloadError> {
        if tenant.life == Life::Paused {
            return Err(malformed("it is paused: resume it first".to_owned()));
        }
        let disk = &tenant.note.disk;
        let before = self.disks.key(disk).map_err(not_kept)?;
        self.disks.keep_key(disk, Some(key)).map_err(not_kept)?;
        let exchanged = self.engine.run(&tenant.id, command(EXCHANGE, key)).await;
        if exchanged.is_err() {
            let back = self.disks.keep_key(disk, before.as_deref());
            back.map_err(not_kept)?;
        }
        Ok(exchanged?)
    }

    /// Whether the key that its renter wants is let in: what only starts may have put
    /// the first one back.
    pub(super) async fn has_its_key(&self, tenant: &Tenant) -> bool {
        let script = format!("{KEEP}{EXCHANGE}");
        let kept = match self.disks.key(&tenant.note.disk) {
            Ok(None) => return true,
            Ok(Some(key)) => self.engine.run(&tenant.id, command(&script, &key)).await,
            Err(error) => return self.keyless(tenant, &error),
        };
        kept.map_or_else(|error| self.keyless(tenant, &error), |()| true)
    }

    fn keyless(&self, tenant: &Tenant, error: &dyn std::fmt::Display) -> bool {
        let name = &tenant.note.name;
        tracing::warn!(name, %error, "a renter's own key is not in place yet");
        false
    }

    /// The same, though nobody looks.
    pub(super) async fn see_to_key(&self, tenant: &Tenant) {
        if matches!(self.disks.key(&tenant.note.disk), Ok(Some(_))) {
            self.is_ready(tenant).await;
        }
    }
}

fn command(script: &str, key: &str) -> CreateExecOptions<String> {
    let words = ["/bin/sh", "-c", script].map(str::to_owned);
    CreateExecOptions {
        cmd: Some(words.to_vec()),
        env: Some(vec![format!("{}={key}", spec::PUBLIC_KEY)]),
        user: Some("0:0".to_owned()),
        working_dir: Some(spec::HOME.to_owned()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    }
}

fn not_kept(error: std::io::Error) -> WorkloadError {
    WorkloadError::Failed(format!("the key cannot be kept: {error}"))
}
