//! How often one hotkey may call: a bucket that fills with time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::subnet::key::AccountId;

/// One request, in the unit buckets count in: what a second fills at one
/// request a second is exactly this many nanoseconds.
const REQUEST: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
/// Whoever is remembered was admitted, so a subnet's keys fit.
const HOTKEYS_MAX: usize = 4096;

/// Buckets, one for each hotkey that called lately.
pub(super) struct Pace {
    per_second: u64,
    full: u64,
    buckets: Mutex<HashMap<AccountId, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: u64,
    at_unix_ns: u64,
}

impl Pace {
    /// `per_second` in the long run, `burst` after a pause; at least one of each.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: u64::from(per_second.max(1)),
            full: u64::from(burst.max(1)).saturating_mul(REQUEST),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request from the bucket, or says how many milliseconds until it may.
    pub(super) fn take(&self, hotkey: &AccountId, now_unix_ns: u64) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Bucket {
            left: self.full,
            at_unix_ns: now_unix_ns,
        };
        if !buckets.contains_key(hotkey) && buckets.len() >= HOTKEYS_MAX {
            buckets.retain(|_, bucket| self.filled(*bucket, now_unix_ns) < self.full);
            if buckets.len() >= HOTKEYS_MAX {
                return Err(self.wait_ms(0));
            }
        }
        let bucket = buckets.entry(*hotkey).or_insert(new);
        bucket.left = self.filled(*bucket, now_unix_ns);
        bucket.at_unix_ns = now_unix_ns;
        match bucket.left.checked_sub(REQUEST) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => Err(self.wait_ms(bucket.left)),
        }
    }

    fn filled(&self, bucket: Bucket, now_unix_ns: u64) -> u64 {
        let passed_ns = now_unix_ns.saturating_sub(bucket.at_unix_ns);
        let gained = passed_ns.saturating_mul(self.per_second);
        bucket.left.saturating_add(gained).min(self.full)
    }

    fn wait_ms(&self, left: u64) -> u32 {
        let ns = REQUEST.saturating_sub(left).div_ceil(self.per_second);
        u32::try_from(ns.div_ceil(NS_PER_MS)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: AccountId = AccountId([1; 32]);
    const BOB: AccountId = AccountId([2; 32]);

    #[test]
    fn a_hotkey_that_rushes_waits_and_others_do_not() {
        let pace = Pace::new(10, 2);
        assert_eq!(pace.take(&ALICE, 0), Ok(()));
        assert_eq!(pace.take(&ALICE, 0), Ok(()));
        assert_eq!(pace.take(&ALICE, 0), Err(100));
        assert_eq!(pace.take(&ALICE, 99 * NS_PER_MS), Err(1));
        assert_eq!(pace.take(&BOB, 99 * NS_PER_MS), Ok(()));
        assert_eq!(pace.take(&ALICE, 100 * NS_PER_MS), Ok(()));
    }

    #[test]
    fn a_clock_set_back_gives_nothing_away() {
        let pace = Pace::new(1, 1);
        assert_eq!(pace.take(&ALICE, REQUEST), Ok(()));
        assert!(pace.take(&ALICE, 0).is_err());
        assert!(pace.take(&ALICE, REQUEST / 2).is_err());
    }
}
