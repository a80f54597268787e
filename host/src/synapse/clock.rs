//! What time it is, so that a test can say so.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time that nonces are made of and measured against.
pub trait Clock: Debug + Send + Sync {
    /// Nanoseconds since 1970, UTC.
    fn unix_ns(&self) -> u64;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ns(&self) -> u64 {
        // Before 1970 and after 2554 nothing is fresh, which is the safe side.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
    }
}
