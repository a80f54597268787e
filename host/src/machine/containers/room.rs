//! What is free, and which processors, cards and port a workload gets.
//!
//! Pure: the caller says what the engine has and sees to it that nobody else
//! claims meanwhile.

use crate::subnet::workload::{Share, WorkloadError};

use super::tenant::Tenant;

/// What there is to give out.
pub(super) struct Room {
    pub(super) let_out: Share,
    /// The processor's threads that are let out.
    pub(super) cpus: Vec<u32>,
    /// The cards that are let out.
    pub(super) gpus: Vec<String>,
    pub(super) ports: Vec<u16>,
}

/// What one workload gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) cpus: Vec<u32>,
    pub(super) gpus: Vec<String>,
    pub(super) port: u16,
}

impl Room {
    /// What nobody has.
    pub(super) fn free(&self, tenants: &[Tenant]) -> Share {
        let taken = |what: fn(&Share) -> u64| -> u64 {
            let shares = tenants.iter().map(|tenant| what(&tenant.note.share));
            shares.fold(0, u64::saturating_add)
        };
        let disk_taken = taken(|share| share.disk_mib);
        let memory_taken = taken(|share| share.memory_mib);
        Share {
            gpu_count: count(self.free_gpus(tenants).len()).min(self.let_out.gpu_count),
            cpu_threads: count(self.free_cpus(tenants).len()),
            memory_mib: self.let_out.memory_mib.saturating_sub(memory_taken),
            disk_mib: self.let_out.disk_mib.saturating_sub(disk_taken),
        }
    }

    /// What a workload of that share gets, or that there is too little.
    pub(super) fn take(
        &self,
        tenants: &[Tenant],
        share: &Share,
        port_is_free: impl Fn(u16) -> bool,
    ) -> Result<Slot, WorkloadError> {
        let free = self.free(tenants);
        if share.cpu_threads > free.cpu_threads
            || share.memory_mib > free.memory_mib
            || share.disk_mib > free.disk_mib
            || share.gpu_count > free.gpu_count
        {
            return Err(WorkloadError::NoRoom);
        }
        let port = self.ports.iter().copied().find(|port| {
            tenants.iter().all(|tenant| tenant.note.port != *port) && port_is_free(*port)
        });
        Ok(Slot {
            cpus: first(self.free_cpus(tenants), share.cpu_threads),
            gpus: first(self.free_gpus(tenants), share.gpu_count),
            port: port.ok_or(WorkloadError::NoRoom)?,
        })
    }

    fn free_cpus(&self, tenants: &[Tenant]) -> Vec<u32> {
        let taken = |cpu: &u32| tenants.iter().any(|tenant| tenant.note.cpus.contains(cpu));
        self.cpus
            .iter()
            .filter(|cpu| !taken(cpu))
            .copied()
            .collect()
    }

    fn free_gpus(&self, tenants: &[Tenant]) -> Vec<String> {
        let taken = |gpu: &String| tenants.iter().any(|tenant| tenant.note.gpus.contains(gpu));
        self.gpus
            .iter()
            .filter(|gpu| !taken(gpu))
            .cloned()
            .collect()
    }
}

fn first<T>(mut items: Vec<T>, count: u32) -> Vec<T> {
    items.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    items
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::machine::containers::tenant::{Life, tests::note};

    fn room() -> Room {
        Room {
            let_out: Share {
                gpu_count: 2,
                cpu_threads: 4,
                memory_mib: 1_000,
                disk_mib: 1_000,
            },
            cpus: vec![4, 5, 6, 7],
            gpus: vec!["GPU-a".to_owned(), "GPU-b".to_owned()],
            ports: (100..104).collect(),
        }
    }

    fn tenant(share: Share, slot: Slot) -> Tenant {
        let mut note = note("one");
        (note.share, note.cpus, note.gpus, note.port) = (share, slot.cpus, slot.gpus, slot.port);
        Tenant {
            id: String::new(),
            ends_at: 1,
            life: Life::Runs,
            address: None,
            note,
        }
    }

    #[test]
    fn an_empty_room_is_free_as_a_whole_and_full_after_that() {
        let room = room();
        let all = room.free(&[]);
        assert_eq!(all, room.let_out);
        let slot = room.take(&[], &all, |_| true).unwrap();
        let tenants = [tenant(all, slot)];
        assert_eq!(room.free(&tenants), Share::default());
        let least = Share {
            cpu_threads: 1,
            ..Share::default()
        };
        assert_eq!(
            room.take(&tenants, &least, |_| true),
            Err(WorkloadError::NoRoom)
        );
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given_out() {
        let share = Share {
            cpu_threads: 1,
            ..Share::default()
        };
        assert_eq!(
            room().take(&[], &share, |port| port > 102).unwrap().port,
            103
        );
        assert_eq!(
            room().take(&[], &share, |_| false),
            Err(WorkloadError::NoRoom)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_nothing_is_given_out_twice(
            wanted in prop::collection::vec((0..3_u32, 0..4_u32, 0..700_u64, 0..700_u64), 0..12),
        ) {
            let room = room();
            let mut tenants: Vec<Tenant> = Vec::new();
            for (gpu_count, cpu_threads, memory_mib, disk_mib) in wanted {
                let share = Share { gpu_count, cpu_threads, memory_mib, disk_mib };
                if let Ok(slot) = room.take(&tenants, &share, |_| true) {
                    prop_assert_eq!(slot.cpus.len(), usize::try_from(cpu_threads).unwrap());
                    prop_assert_eq!(slot.gpus.len(), usize::try_from(gpu_count).unwrap());
                    tenants.push(tenant(share, slot));
                }
            }
            let all = |what: fn(&Tenant) -> Vec<String>| -> Vec<String> {
                let mut all: Vec<String> = tenants.iter().flat_map(what).collect();
                all.sort();
                all
            };
            for what in [
                |t: &Tenant| t.note.cpus.iter().map(ToString::to_string).collect::<Vec<_>>(),
                |t: &Tenant| t.note.gpus.clone(),
                |t: &Tenant| vec![t.note.port.to_string()],
            ] {
                let given = all(what);
                let mut once = given.clone();
                once.dedup();
                prop_assert_eq!(given, once);
            }
            prop_assert!(tenants.iter().map(|t| t.note.share.memory_mib).sum::<u64>() <= 1_000);
            prop_assert!(tenants.iter().map(|t| t.note.share.disk_mib).sum::<u64>() <= 1_000);
        }
    }
}
