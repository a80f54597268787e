//! The machine the node runs on, read at most every few seconds.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::subnet::hardware::{Hardware, Label, Machine, Metric};

use super::gpu::Driver;
use super::readings;
use super::texts::label;

/// How long a reading is good for, whoever asks how often.
pub const CACHE_MS: u64 = 5_000;

/// This machine, with the disk that a path is on.
pub struct LocalMachine {
    disk_path: PathBuf,
    hardware: Cached<Hardware>,
    metrics: Cached<Vec<Metric>>,
    driver: Mutex<Driver>,
}

impl LocalMachine {
    /// Reads nothing yet. `disk_path` is where the node keeps its work.
    pub fn new(disk_path: impl Into<PathBuf>) -> Self {
        Self {
            disk_path: disk_path.into(),
            hardware: Cached::default(),
            metrics: Cached::default(),
            driver: Mutex::default(),
        }
    }

    fn read_hardware(&self) -> Hardware {
        let seen = lock(&self.driver).look();
        let mut labels = system_labels();
        labels.extend(seen.labels);
        Hardware {
            gpus: seen.gpus,
            cpu_model: readings::cpu_model(),
            cpu_threads: u32::try_from(readings::cpu_threads()).unwrap_or(u32::MAX),
            memory_mib: readings::memory_mib(),
            disk_mib: readings::disk(&self.disk_path).map_or(0, |disk| disk.total_mib),
            labels,
        }
    }

    fn read_metrics(&self) -> Vec<Metric> {
        let memory = readings::memory().map(|memory| memory.used_permille());
        let disk = readings::disk(&self.disk_path).map(|disk| whole(disk.free_mib));
        let traffic = readings::traffic();
        let values = [
            ("load-permille", readings::load_permille()),
            ("memory-used-permille", memory),
            ("disk-free-mib", disk),
            ("net-down-bytes", traffic.map(|(down, _)| whole(down))),
            ("net-up-bytes", traffic.map(|(_, up)| whole(up))),
            ("uptime-s", readings::uptime_s().map(whole)),
        ];
        values
            .into_iter()
            .filter_map(|(name, value)| {
                value.map(|value| Metric {
                    name: name.to_owned(),
                    value,
                })
            })
            .collect()
    }
}

impl Machine for LocalMachine {
    fn hardware(&self) -> Hardware {
        self.hardware.get(Instant::now(), || self.read_hardware())
    }

    fn metrics(&self) -> Vec<Metric> {
        self.metrics.get(Instant::now(), || self.read_metrics())
    }
}

fn system_labels() -> Vec<Label> {
    let cores = readings::physical_cores().map(|cores| cores.to_string());
    [
        label("os", readings::os().as_deref()),
        label("kernel", readings::kernel().as_deref()),
        label("cpu-physical-cores", cores.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A reading and when it was taken. Who comes while it is taken waits for it.
struct Cached<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Cached<T> {
    fn get(&self, now: Instant, read: impl FnOnce() -> T) -> T {
        let mut held = lock(&self.0);
        match held.as_ref() {
            Some((taken, value))
                if now.saturating_duration_since(*taken) < Duration::from_millis(CACHE_MS) =>
            {
                value.clone()
            }
            _ => held.insert((now, read())).1.clone(),
        }
    }
}

/// What a reader that panicked left is no worse than what it found.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::machine::texts::TEXT_BYTES_MAX;

    #[test]
    fn this_machine_has_a_processor_memory_and_a_disk() {
        let hardware = LocalMachine::new("/").hardware();
        assert!(!hardware.cpu_model.is_empty());
        assert!(hardware.cpu_threads >= 1);
        assert!(hardware.memory_mib >= 64);
        assert!(hardware.disk_mib >= 64);
        assert!(
            hardware
                .labels
                .iter()
                .all(|label| label.value.len() <= TEXT_BYTES_MAX)
        );
        assert!(hardware.labels.iter().any(|label| label.name == "kernel"));
    }

    #[test]
    fn every_metric_is_there_and_none_is_negative() {
        let metrics = LocalMachine::new("/").metrics();
        for name in [
            "load-permille",
            "memory-used-permille",
            "disk-free-mib",
            "net-down-bytes",
            "net-up-bytes",
        ] {
            assert!(
                metrics.iter().any(|metric| metric.name == name),
                "{name} is missing"
            );
        }
        assert!(metrics.iter().all(|metric| metric.value >= 0));
    }

    #[test]
    fn a_path_that_is_not_there_has_no_disk_and_no_error() {
        let machine = LocalMachine::new("/no/such/path");
        assert_eq!(machine.hardware().disk_mib, 0);
        assert!(
            !machine
                .metrics()
                .iter()
                .any(|metric| metric.name == "disk-free-mib")
        );
    }

    #[test]
    fn who_asks_twice_within_the_cache_time_reads_once() {
        let cached = Cached::default();
        let begun = Instant::now();
        let later = |ms| begun + Duration::from_millis(ms);
        assert_eq!(cached.get(begun, || 1), 1);
        assert_eq!(cached.get(later(CACHE_MS - 1), || 2), 1);
        assert_eq!(cached.get(later(CACHE_MS), || 3), 3);
    }

    #[test]
    fn a_share_is_in_permille_and_nothing_of_nothing_is_zero() {
        assert_eq!(readings::permille(1, 4), 250);
        assert_eq!(readings::permille(0, 0), 0);
        assert_eq!(readings::permille(u64::MAX, u64::MAX), 1000);
    }
}
