//! What each plugin's calls came to: for metrics, and for `host plugin inspect`.
//!
//! Of fuel, memory and time the last figure, the most, and the 99th percentile
//! over the last [`WINDOW`] calls. Failures in a row are counted apart: they are
//! what a plugin is demoted for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::guest::Used;
use crate::subnet::plugin::{Called, PluginError, PluginId, World};
use crate::subnet::provider::ProviderError;

/// Calls that a percentile is taken over.
const WINDOW: usize = 512;

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
    /// Failures of its own since it last did well.
    pub failed_in_a_row: u32,
    /// Of calls that ended well.
    pub fuel: Figures,
    /// Of calls that ended well.
    pub memory_bytes: Figures,
    /// What the guest took from the host.
    pub taken_bytes: Figures,
    /// What it handed over at once, at most.
    pub handed_over_bytes: Figures,
    /// What it wrote and printed.
    pub log_bytes: Figures,
    /// Wall clock of all calls, queueing included, in microseconds.
    pub elapsed_us: Figures,
}

/// What a quantity came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The last call's.
    pub last: u64,
    /// 99 in 100 of the latest calls were at or below.
    pub p99: u64,
    /// The most of any.
    pub max: u64,
}

/// The last thing that went wrong with an adapter: its own fault, its cloud's, or
/// its operator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When.
    pub at_unix_s: u64,
    /// What, escaped.
    pub text: String,
}

/// Where an adapter's last error is kept.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<LastError>>);

impl Trouble {
    pub(super) fn note(&self, error: &ProviderError) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(LastError {
            at_unix_s: since.map_or(0, |since| since.as_secs()),
            text: error.to_string(),
        });
    }

    pub(super) fn last(&self) -> Option<LastError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Where a plugin's calls are counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    ended: u64,
    failed: BTreeMap<&'static str, u64>,
    failed_in_a_row: u32,
    fuel: Series,
    memory_bytes: Series,
    taken_bytes: Series,
    handed_over_bytes: Series,
    log_bytes: Series,
    elapsed_us: Series,
}

/// The latest figures, and the most there ever was.
#[derive(Debug, Default)]
struct Series {
    latest: VecDeque<u64>,
    max: u64,
}

impl Counters {
    pub(super) fn count<T>(
        &self,
        world: World,
        called: &Result<Called<T>, PluginError>,
        elapsed: Duration,
    ) {
        let mut record = self.lock();
        record.ended += 1;
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        record.elapsed_us.push(us);
        match called {
            Ok(called) => {
                record.fuel.push(called.fuel);
                record.memory_bytes.push(called.memory_bytes);
                record.failed_in_a_row = 0;
            }
            Err(error) => {
                *record.failed.entry(error.kind()).or_default() += 1;
                if is_its_own(world, error) {
                    record.failed_in_a_row += 1;
                }
            }
        }
    }

    /// Notes what a call took that its guest ended well, whatever its answer.
    pub(super) fn note(&self, used: &Used) {
        let mut record = self.lock();
        record.taken_bytes.push(used.taken_bytes);
        record.handed_over_bytes.push(used.handed_over_bytes);
        record.log_bytes.push(used.log_bytes);
    }

    pub(super) fn failed_in_a_row(&self) -> u32 {
        self.lock().failed_in_a_row
    }

    /// Begins again: nothing better is there to take its place.
    pub(super) fn forgive(&self) {
        self.lock().failed_in_a_row = 0;
    }

    pub(super) fn read(&self) -> Calls {
        let record = self.lock();
        Calls {
            ended: record.ended,
            failed: record.failed.clone(),
            failed_in_a_row: record.failed_in_a_row,
            fuel: record.fuel.figures(),
            memory_bytes: record.memory_bytes.figures(),
            taken_bytes: record.taken_bytes.figures(),
            handed_over_bytes: record.handed_over_bytes.figures(),
            log_bytes: record.log_bytes.figures(),
            elapsed_us: record.elapsed_us.figures(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure says something about the plugin rather than the node. Where
/// fuel is what stops it, the wall clock only says that this machine is slow.
fn is_its_own(world: World, error: &PluginError) -> bool {
    match error {
        PluginError::Overloaded(_) | PluginError::ShuttingDown => false,
        PluginError::Deadline(_) => !super::engine::is_deterministic(world),
        _ => true,
    }
}

impl Series {
    fn push(&mut self, figure: u64) {
        if self.latest.len() == WINDOW {
            self.latest.pop_front();
        }
        self.latest.push_back(figure);
        self.max = self.max.max(figure);
    }

    fn figures(&self) -> Figures {
        let mut sorted: Vec<u64> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        Figures {
            last: self.latest.back().copied().unwrap_or(0),
            p99: rank
                .checked_sub(1)
                .and_then(|index| sorted.get(index).copied())
                .unwrap_or(0),
            max: self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_lie_above_the_percentile() {
        let mut series = Series::default();
        for figure in (1..=200).rev() {
            series.push(figure);
        }
        let expected = Figures {
            last: 1,
            p99: 198,
            max: 200,
        };
        assert_eq!(series.figures(), expected);
        assert_eq!(Series::default().figures(), Figures::default());
    }

    #[test]
    fn a_slow_machine_is_not_a_policys_failure_and_a_success_begins_anew() {
        let counters = Counters::default();
        let count = |world, error| {
            counters.count::<()>(world, &Err(error), Duration::ZERO);
            counters.failed_in_a_row()
        };
        assert_eq!(count(World::ScoringPolicy, PluginError::Deadline(1)), 0);
        assert_eq!(count(World::ScoringPolicy, PluginError::Overloaded(1)), 0);
        assert_eq!(count(World::ChallengeSolver, PluginError::Deadline(1)), 1);
        assert_eq!(count(World::ScoringPolicy, PluginError::OutOfFuel(1)), 2);
        let done = Called {
            value: (),
            fuel: 1,
            memory_bytes: 1,
            elapsed: Duration::ZERO,
        };
        counters.count(World::ScoringPolicy, &Ok(done), Duration::ZERO);
        assert_eq!(counters.failed_in_a_row(), 0);
    }
}
