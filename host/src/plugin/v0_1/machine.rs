//! `machine`: what runs on this machine, for the adapter that rents it out.
//!
//! An adapter whose grant does not have it is told so by every function.

use std::future::Future;
use std::sync::Arc;

use super::bindings::compute::subnet::machine as wit;
use super::bindings::compute::subnet::types;
use super::size::Size as _;
use super::{check, convert};
use crate::plugin::guest::Guest;
use crate::subnet::hardware::Label;
use crate::subnet::provider::SshEndpoint;
use crate::subnet::workload::{Running, Share, Workload, WorkloadError, WorkloadStatus, Workloads};

/// What the numbers of one answer take, about.
const NUMBERS_BYTES: usize = 128;

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl wit::Host for Guest {
    fn inventory(&mut self) -> Answer<types::Hardware> {
        let all = self.at_machine(|machine, _| async move { machine.inventory().await })?;
        Ok(all.map(|hardware| convert::hardware(&hardware)))
    }

    fn free(&mut self) -> Answer<wit::Share> {
        let free = self.at_machine(|machine, _| async move { machine.free().await })?;
        Ok(free.map(|free| share(&free)))
    }

    fn images(&mut self) -> Answer<Vec<String>> {
        let images = self.at_machine(|machine, _| async move { machine.images().await })?;
        if let Ok(images) = &images {
            self.take(images.iter().map(String::len).sum())?;
        }
        Ok(images)
    }

    fn launch(&mut self, workload: wit::Workload) -> Answer<wit::Running> {
        self.note_handed_over(workload.size_bytes());
        let workload = read(workload);
        let launched = self
            .at_machine(|machine, owner| async move { machine.launch(&owner, workload).await })?;
        Ok(launched.map(running))
    }

    fn workloads(&mut self) -> Answer<Vec<wit::Running>> {
        let listed = self.at_machine(|machine, owner| async move { machine.list(&owner).await })?;
        if let Ok(listed) = &listed {
            self.take(listed.iter().map(size_bytes).sum())?;
        }
        Ok(listed.map(|listed| listed.into_iter().map(running).collect()))
    }

    fn extend(&mut self, name: String, ends_at: u64) -> Answer<wit::Running> {
        let extended = self.at_machine(|machine, owner| async move {
            machine.extend(&owner, &name, ends_at).await
        })?;
        Ok(extended.map(running))
    }

    fn stop(&mut self, name: String) -> Answer<()> {
        self.at_machine(|machine, owner| async move { machine.stop(&owner, &name).await })
    }
}

impl Guest {
    fn at_machine<T: Send + 'static, F>(
        &mut self,
        work: impl FnOnce(Arc<dyn Workloads>, Arc<str>) -> F,
    ) -> Answer<T>
    where
        F: Future<Output = Result<T, WorkloadError>> + Send + 'static,
    {
        self.take(NUMBERS_BYTES)?;
        let reached = self.way.as_ref().and_then(|way| {
            let machine = way.machine.clone()?;
            Some((machine, way.owner.clone()))
        });
        let Some((machine, owner)) = reached else {
            return Ok(Err(wit::Error::NotGranted));
        };
        let done = self.have_done(work(machine, owner))?;
        Ok(done.map_err(failure))
    }
}

fn read(workload: wit::Workload) -> Workload {
    let wanted = workload.share;
    Workload {
        name: workload.name,
        image: workload.image,
        share: Share {
            gpu_count: wanted.gpu_count,
            cpu_threads: wanted.cpu_threads,
            memory_mib: wanted.memory_mib,
            disk_mib: wanted.disk_mib,
        },
        ssh_public_key: workload.ssh_public_key,
        ends_at: workload.ends_at,
        labels: workload.labels.into_iter().map(check::label).collect(),
    }
}

fn share(share: &Share) -> wit::Share {
    wit::Share {
        gpu_count: share.gpu_count,
        cpu_threads: share.cpu_threads,
        memory_mib: share.memory_mib,
        disk_mib: share.disk_mib,
    }
}

fn running(running: Running) -> wit::Running {
    wit::Running {
        name: running.name,
        image: running.image,
        status: match running.status {
            WorkloadStatus::Starting => wit::Status::Starting,
            WorkloadStatus::Running => wit::Status::Running,
            WorkloadStatus::Exited => wit::Status::Exited,
        },
        share: share(&running.share),
        ends_at: running.ends_at,
        ssh: running.ssh.and_then(ssh),
        labels: convert::labels(&running.labels),
    }
}

/// Absent until its host key is known: nobody should log in to what they cannot
/// recognise.
fn ssh(ssh: SshEndpoint) -> Option<wit::Ssh> {
    Some(wit::Ssh {
        host: ssh.host,
        port: ssh.port,
        user: ssh.user,
        host_key: ssh.host_key?,
    })
}

fn size_bytes(running: &Running) -> usize {
    let text = |label: &Label| label.name.len() + label.value.len();
    let labels: usize = running.labels.iter().map(text).sum();
    NUMBERS_BYTES + running.name.len() + running.image.len() + labels
}

fn failure(error: WorkloadError) -> wit::Error {
    match error {
        WorkloadError::NotGranted => wit::Error::NotGranted,
        WorkloadError::NoSuchWorkload => wit::Error::NoSuchWorkload,
        WorkloadError::NoRoom => wit::Error::NoRoom,
        WorkloadError::Malformed(text) => wit::Error::Malformed(text),
        WorkloadError::Failed(text) => wit::Error::Failed(text),
    }
}
