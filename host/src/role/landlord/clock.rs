//! What time it is, so that a test can say so.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time that rentals begin and end by.
pub trait Clock: Send + Sync {
    /// Seconds since 1970, UTC.
    fn unix_s(&self) -> u64;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_s(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}
