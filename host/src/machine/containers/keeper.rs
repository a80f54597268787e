//! What is done whether anybody asks or not: ends come, rules stay, what an engine
//! that ended took down is brought up again, and no disk outlives its workload.
//!
//! Knows nothing but what the engine and the folder of disks say, so it goes on
//! where another process stopped.

use std::future::Future;
use std::time::Duration;

use super::Containers;
use super::tenant::Tenant;
use crate::subnet::workload::WorkloadError;

/// Between two looks, at most.
const LOOK_S_MAX: u64 = 15;
/// Before the next one, where one failed.
const RETRY_S: u64 = 2;
/// How often one process starts a workload again whose first process ended: one
/// that ends again and again is left to its owner.
const STARTS_MAX: u32 = 5;

impl Containers {
    /// Keeps at it until `shutdown` is done; workloads go on without.
    pub async fn keep(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut told = None;
        loop {
            let looked = self.tend().await;
            let wait_s = match &looked {
                Ok(next_end) => next_end.saturating_sub(self.now()).clamp(1, LOOK_S_MAX),
                Err(_) => RETRY_S,
            };
            let error = looked.err().map(|error| error.to_string());
            if let Some(error) = error.as_ref().filter(|_| error != told) {
                tracing::warn!(error, "workloads cannot be looked after; trying again");
            }
            told = error;
            tokio::select! {
                () = &mut shutdown => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(Duration::from_secs(wait_s)) => {}
            }
        }
    }

    /// One look; when the next end is due.
    async fn tend(&self) -> Result<u64, WorkloadError> {
        let tenants = self.engine.tenants().await?;
        if !tenants.is_empty() {
            self.close_firewall().await?;
        }
        let now = self.now();
        let mut failed = None;
        let mut next_end = u64::MAX;
        for tenant in &tenants {
            let tended = if tenant.ends_at <= now {
                self.end(tenant).await
            } else {
                next_end = next_end.min(tenant.ends_at);
                self.bring_up_again(tenant).await
            };
            failed = tended.err().or(failed);
        }
        self.forget_but(&tenants);
        self.remove_orphans(&tenants).await?;
        failed.map_or(Ok(next_end), Err)
    }

    /// After an engine that ended, or a node that died in the middle of a launch.
    async fn bring_up_again(&self, tenant: &Tenant) -> Result<(), WorkloadError> {
        if tenant.life.is_up() {
            self.see_to_key(tenant).await;
            return Ok(());
        }
        let Some(_hand) = self.take_in_hand(&tenant.note.disk) else {
            return Ok(());
        };
        let starts = {
            let mut memory = self.memory();
            memory.ready.remove(&tenant.id);
            let starts = memory.starts.entry(tenant.id.clone()).or_default();
            *starts += 1;
            *starts
        };
        if starts > STARTS_MAX {
            return Ok(());
        }
        tracing::info!(
            name = tenant.note.name,
            starts,
            "a workload is started again"
        );
        self.bring_up(tenant).await
    }

    /// Whether the keeper starts it no more.
    pub(super) fn is_given_up(&self, tenant: &Tenant) -> bool {
        let memory = self.memory();
        let starts = memory.starts.get(&tenant.id);
        starts.is_some_and(|starts| *starts > STARTS_MAX)
    }

    fn forget_but(&self, tenants: &[Tenant]) {
        let mut memory = self.memory();
        memory
            .starts
            .retain(|id, _| tenants.iter().any(|tenant| tenant.id == *id));
        memory
            .ready
            .retain(|id| tenants.iter().any(|tenant| tenant.id == *id));
    }

    /// Disks whose container is gone; a container is made before its disk is.
    async fn remove_orphans(&self, tenants: &[Tenant]) -> Result<(), WorkloadError> {
        let ids = self
            .disks
            .ids()
            .map_err(|error| WorkloadError::Failed(error.to_string()))?;
        for id in ids {
            let alive = tenants.iter().any(|tenant| tenant.note.disk == id);
            // What was launched since we looked is in hand, or has been seen by now.
            if alive || self.memory().in_hand.contains(&id) || self.is_alive(&id).await? {
                continue;
            }
            self.remove_disk(&id).await?;
        }
        Ok(())
    }

    async fn is_alive(&self, disk: &str) -> Result<bool, WorkloadError> {
        let tenants = self.engine.tenants().await?;
        Ok(tenants.iter().any(|tenant| tenant.note.disk == disk))
    }
}
