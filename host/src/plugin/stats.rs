//! What each plugin's calls came to: for metrics, and for `host plugin list`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::subnet::plugin::{Called, PluginError, PluginId, World};

/// One plugin's record since it was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginStats {
    /// Which one.
    pub id: PluginId,
    /// What kind.
    pub world: World,
    /// Whether new calls go to it; if not, sessions finish on it.
    pub active: bool,
    /// Its calls.
    pub calls: Calls,
}

/// Counts and figures of a plugin's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// All that ended, well or not.
    pub ended: u64,
    /// Those that failed, by [`PluginError::kind`].
    pub failed: BTreeMap<&'static str, u64>,
    /// Of the last call that ended well.
    pub fuel_last: u64,
    /// The most of any.
    pub fuel_max: u64,
    /// Of the last call that ended well.
    pub memory_bytes_last: u64,
    /// The most of any.
    pub memory_bytes_max: u64,
    /// Wall clock of the last call, queueing included.
    pub elapsed_last: Duration,
    /// The longest.
    pub elapsed_max: Duration,
    /// All together.
    pub elapsed_total: Duration,
}

/// Where a plugin's calls are counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: Mutex<Calls>,
}

impl Counters {
    pub(super) fn count<T>(&self, called: &Result<Called<T>, PluginError>, elapsed: Duration) {
        let mut calls = self.lock();
        calls.ended += 1;
        calls.elapsed_last = elapsed;
        calls.elapsed_max = calls.elapsed_max.max(elapsed);
        calls.elapsed_total += elapsed;
        match called {
            Ok(called) => {
                calls.fuel_last = called.fuel;
                calls.fuel_max = calls.fuel_max.max(called.fuel);
                calls.memory_bytes_last = called.memory_bytes;
                calls.memory_bytes_max = calls.memory_bytes_max.max(called.memory_bytes);
            }
            Err(error) => *calls.failed.entry(error.kind()).or_default() += 1,
        }
    }

    pub(super) fn read(&self) -> Calls {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
