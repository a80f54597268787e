//! What plugins use up: by call, and by day.
//!
//! A day is a calendar day, UTC, by the clock that was injected; a clock that
//! goes back opens no second day. Counted in memory: a new process begins a new
//! day. What passes a limit is refused with the key that sets it, for the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use super::Clock;
use crate::subnet::grant::EgressLimits;

const DAY_S: u64 = 86_400;

/// The configuration's key of the limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed(pub(super) &'static str);

/// All plugins' days.
pub(super) struct Days {
    clock: Arc<dyn Clock>,
    requests_max: u64,
    bytes_max: u64,
    by_plugin: Mutex<BTreeMap<String, Day>>,
}

#[derive(Default)]
struct Day {
    number: u64,
    requests: u64,
    bytes: u64,
}

impl Days {
    pub(super) fn new(limits: &EgressLimits, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            requests_max: limits.requests_per_day_max.into(),
            bytes_max: limits.mib_per_day_max.saturating_mul(1 << 20),
            by_plugin: Mutex::default(),
        }
    }

    fn charge(&self, plugin: &str, requests: u64, bytes: u64) -> Result<(), Passed> {
        let since = self.clock.now().duration_since(UNIX_EPOCH);
        let number = since.map_or(0, |since| since.as_secs() / DAY_S);
        let mut days = lock(&self.by_plugin);
        if !days.contains_key(plugin) {
            // Only plugins with a grant come here: as many as the configuration has.
            days.insert(plugin.to_owned(), Day::default());
        }
        let Some(day) = days.get_mut(plugin) else {
            return Ok(());
        };
        if number > day.number {
            *day = Day {
                number,
                ..Day::default()
            };
        }
        add(
            &mut day.requests,
            requests,
            self.requests_max,
            "egress.requests-per-day-max",
        )?;
        add(
            &mut day.bytes,
            bytes,
            self.bytes_max,
            "egress.mib-per-day-max",
        )
    }
}

/// One call of one plugin.
pub(super) struct CallBudget {
    days: Arc<Days>,
    plugin: String,
    requests_max: u64,
    sent_bytes_max: u64,
    received_bytes_max: u64,
    time_max: Duration,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    requests: u64,
    sent_bytes: u64,
    received_bytes: u64,
    time: Duration,
}

impl CallBudget {
    pub(super) fn new(limits: &EgressLimits, days: Arc<Days>, plugin: &str) -> Self {
        Self {
            days,
            plugin: plugin.to_owned(),
            requests_max: limits.requests_per_call_max.into(),
            sent_bytes_max: limits.sent_kib_per_call_max.saturating_mul(1 << 10),
            received_bytes_max: limits.received_kib_per_call_max.saturating_mul(1 << 10),
            time_max: limits.call_time,
            spent: Mutex::default(),
        }
    }

    /// Counts a request, whatever becomes of it; how much time is left.
    pub(super) fn begin(&self) -> Result<Duration, Passed> {
        let mut spent = lock(&self.spent);
        add(
            &mut spent.requests,
            1,
            self.requests_max,
            "egress.requests-per-call-max",
        )?;
        let left = self.time_max.saturating_sub(spent.time);
        if left.is_zero() {
            return Err(Passed("egress.call-timeout-ms"));
        }
        Ok(left)
    }

    /// Counts a request that is about to be sent.
    pub(super) fn send(&self, bytes: u64) -> Result<(), Passed> {
        let max = self.sent_bytes_max;
        add(
            &mut lock(&self.spent).sent_bytes,
            bytes,
            max,
            "egress.sent-kib-per-call-max",
        )?;
        self.days.charge(&self.plugin, 1, bytes)
    }

    /// Counts what came.
    pub(super) fn receive(&self, bytes: u64) -> Result<(), Passed> {
        let max = self.received_bytes_max;
        let key = "egress.received-kib-per-call-max";
        add(&mut lock(&self.spent).received_bytes, bytes, max, key)?;
        self.days.charge(&self.plugin, 0, bytes)
    }

    /// Counts time.
    pub(super) fn take(&self, time: Duration) {
        let mut spent = lock(&self.spent);
        spent.time = spent.time.saturating_add(time);
    }
}

/// What passes the limit counts too: it was sent or received.
fn add(count: &mut u64, more: u64, max: u64, key: &'static str) -> Result<(), Passed> {
    *count = count.saturating_add(more);
    if *count > max {
        Err(Passed(key))
    } else {
        Ok(())
    }
}

/// Numbers stay numbers if a thread dies with them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use super::*;

    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    fn days(limits: &EgressLimits) -> (Arc<Hand>, Arc<Days>) {
        let clock = Arc::new(Hand(AtomicU64::new(20_000 * DAY_S)));
        (clock.clone(), Arc::new(Days::new(limits, clock)))
    }

    #[test]
    fn a_call_ends_at_each_of_its_limits_and_the_next_begins_anew() {
        let limits = EgressLimits {
            requests_per_call_max: 2,
            sent_kib_per_call_max: 1,
            received_kib_per_call_max: 1,
            call_time: Duration::from_secs(1),
            ..EgressLimits::default()
        };
        let (_, days) = days(&limits);
        let call = || CallBudget::new(&limits, days.clone(), "p");
        let requests = call();
        assert!(requests.begin().is_ok() && requests.begin().is_ok());
        assert_eq!(
            requests.begin(),
            Err(Passed("egress.requests-per-call-max"))
        );
        let bytes = call();
        assert_eq!(bytes.send(1024), Ok(()));
        assert_eq!(bytes.send(1), Err(Passed("egress.sent-kib-per-call-max")));
        assert_eq!(bytes.receive(1024), Ok(()));
        assert_eq!(
            bytes.receive(1),
            Err(Passed("egress.received-kib-per-call-max"))
        );
        let time = call();
        time.take(Duration::from_millis(400));
        assert_eq!(time.begin(), Ok(Duration::from_millis(600)));
        time.take(Duration::from_millis(600));
        assert_eq!(time.begin(), Err(Passed("egress.call-timeout-ms")));
    }

    #[test]
    fn a_day_is_shared_by_all_calls_of_a_plugin_and_ends_at_midnight() {
        let limits = EgressLimits {
            requests_per_day_max: 2,
            ..EgressLimits::default()
        };
        let (clock, days) = days(&limits);
        let send = |plugin| CallBudget::new(&limits, days.clone(), plugin).send(1);
        assert!(send("p").is_ok() && send("p").is_ok());
        let passed = Err(Passed("egress.requests-per-day-max"));
        assert_eq!(send("p"), passed);
        assert_eq!(send("another"), Ok(()));
        clock.0.fetch_add(DAY_S - 1, Ordering::Relaxed);
        assert_eq!(send("p"), passed);
        clock.0.fetch_sub(DAY_S, Ordering::Relaxed);
        assert_eq!(send("p"), passed, "yesterday is no new day");
        clock.0.fetch_add(DAY_S + 1, Ordering::Relaxed);
        assert_eq!(send("p"), Ok(()));
    }

    #[test]
    fn bytes_of_a_day_count_both_ways() {
        let limits = EgressLimits {
            mib_per_day_max: 1,
            ..EgressLimits::default()
        };
        let (_, days) = days(&limits);
        let call = CallBudget::new(&limits, days, "p");
        assert_eq!(call.send(1 << 19), Ok(()));
        assert_eq!(call.receive(1 << 19), Ok(()));
        assert_eq!(call.receive(1), Err(Passed("egress.mib-per-day-max")));
    }
}
