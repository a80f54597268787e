//! What the engine remembers of a workload, in labels: a node that starts again
//! knows from them alone what runs, what it takes, and when it ends.
//!
//! A label cannot be changed, and an end can: it is the last part of the
//! container's name, which can, in one step. The label has the first end.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use serde::{Deserialize, Serialize};

use crate::subnet::hardware::Label;
use crate::subnet::workload::Share;

/// Whose workload it is, as [`Tenant::tag`] has it.
pub(super) const NODE_LABEL: &str = "compute-subnet.node";
/// A [`Note`], as JSON.
const NOTE_LABEL: &str = "compute-subnet.workload";

/// What is written when a workload is made, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) share: Share,
    pub(super) ends_at: u64,
    /// The processor's threads that are its own.
    pub(super) cpus: Vec<u32>,
    /// The cards that are its own.
    pub(super) gpus: Vec<String>,
    pub(super) port: u16,
    /// The name of its disk.
    pub(super) disk: String,
    /// In OpenSSH form.
    pub(super) host_key: String,
    pub(super) labels: Vec<Label>,
}

/// What its first process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Made,
    Runs,
    /// Held still by its renter.
    Paused,
    Ended,
}

impl Life {
    /// Whether there is nothing to start.
    pub(super) fn is_up(self) -> bool {
        matches!(self, Self::Runs | Self::Paused)
    }
}

/// A workload that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tenant {
    /// The engine's own name for it.
    pub(super) id: String,
    pub(super) note: Note,
    pub(super) ends_at: u64,
    pub(super) life: Life,
    /// On the bridge; `None` while it does not run.
    pub(super) address: Option<IpAddr>,
}

impl Note {
    /// The container's, until it ends at another time.
    pub(super) fn container_name(&self, tag: &str, ends_at: u64) -> String {
        format!("rental.{tag}.{}.{}.{ends_at}", self.owner, self.name)
    }

    /// The container's.
    pub(super) fn container_labels(&self, tag: &str) -> HashMap<String, String> {
        let note = serde_json::to_string(self).expect("texts and numbers are JSON");
        HashMap::from([
            (NODE_LABEL.to_owned(), tag.to_owned()),
            (NOTE_LABEL.to_owned(), note),
        ])
    }
}

impl Tenant {
    /// What a container is; `None` for one that no node made.
    pub(super) fn read(container: ContainerSummary) -> Option<Self> {
        let note: Note = serde_json::from_str(container.labels?.get(NOTE_LABEL)?).ok()?;
        let ends_at = container.names.and_then(|names| {
            let name = names.into_iter().next()?;
            name.rsplit_once('.')?.1.parse().ok()
        });
        Some(Self {
            id: container.id?,
            ends_at: ends_at.unwrap_or(note.ends_at),
            life: match container.state {
                Some(ContainerSummaryStateEnum::CREATED) => Life::Made,
                Some(ContainerSummaryStateEnum::RUNNING) => Life::Runs,
                Some(ContainerSummaryStateEnum::PAUSED) => Life::Paused,
                _ => Life::Ended,
            },
            address: container.network_settings.and_then(|settings| {
                let mut networks = settings.networks?.into_values();
                networks.next()?.ip_address?.parse().ok()
            }),
            note,
        })
    }

    /// Whether `owner` gave it that name.
    pub(super) fn is(&self, owner: &str, name: &str) -> bool {
        self.note.owner == owner && self.note.name == name
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(in super::super) fn note(name: &str) -> Note {
        Note {
            owner: "provider-local".to_owned(),
            name: name.to_owned(),
            image: "sha256:00".to_owned(),
            share: Share {
                gpu_count: 0,
                cpu_threads: 1,
                memory_mib: 64,
                disk_mib: 64,
            },
            ends_at: 100,
            cpus: vec![1],
            gpus: Vec::new(),
            port: 22_000,
            disk: "00".to_owned(),
            host_key: "ssh-ed25519 AAAA".to_owned(),
            labels: vec![Label {
                name: "a".to_owned(),
                value: "\"},x=\n".to_owned(),
            }],
        }
    }

    fn container(note: &Note, ends_at: u64) -> ContainerSummary {
        ContainerSummary {
            id: Some("c0".to_owned()),
            names: Some(vec![format!("/{}", note.container_name("tag", ends_at))]),
            labels: Some(note.container_labels("tag")),
            state: Some(ContainerSummaryStateEnum::RUNNING),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn what_was_written_is_read_again_and_the_name_says_when_it_ends() {
        let note = note("one");
        let read = Tenant::read(container(&note, 250)).unwrap();
        assert_eq!(
            (read.note, read.ends_at, read.life),
            (note, 250, Life::Runs)
        );
    }

    #[test]
    fn a_container_of_somebody_else_is_none_of_ours() {
        assert_eq!(Tenant::read(ContainerSummary::default()), None);
        let mut other = container(&note("one"), 1);
        other.labels = Some(HashMap::from([(NOTE_LABEL.to_owned(), "{}".to_owned())]));
        assert_eq!(Tenant::read(other), None);
    }
}
