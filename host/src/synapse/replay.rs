//! Remembers nonces, so that a recorded request is good for nothing.
//!
//! Bounded twice: so many nonces of one hotkey, so many hotkeys. A full share
//! refuses its owner's next request and forgets nothing, so no hotkey can push
//! out another's nonces, nor its own to use them again. Nonces leave by age
//! alone, long after they have gone stale. The clock may be set back: what has
//! once been let go by age is never taken again.
//!
//! It is lost with the process, so the verifier refuses older nonces than that.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::subnet::key::AccountId;

/// How much is remembered, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Longer than any freshness window and the time to read a body together.
    pub retention: Duration,
    /// Nonces of one hotkey.
    pub nonces_per_hotkey_max: usize,
    /// Hotkeys.
    pub hotkeys_max: usize,
}

impl Default for ReplayLimits {
    /// A minute and a half, 2048 nonces of each of 1024 hotkeys: at most some
    /// 100 MiB, and only if 1024 admitted hotkeys each call 22 times a second.
    /// The longest window is that of the classic wire, 64 s, and a body has 15 s.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90),
            nonces_per_hotkey_max: 2048,
            hotkeys_max: 1024,
        }
    }
}

/// What came of an attempt to spend a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It was new and is spent now.
    Now,
    /// It was spent already.
    Before,
    /// It could have been forgotten already; the retention.
    TooOld(Duration),
    /// This hotkey's share is full.
    FullForCaller,
    /// There is no room for another hotkey.
    Full,
}

/// The nonces of the last while.
pub struct ReplayStore {
    limits: ReplayLimits,
    spent: Mutex<Nonces>,
}

#[derive(Default)]
struct Nonces {
    /// When a nonce was made first: a set's beginning is its oldest.
    by_hotkey: HashMap<AccountId, BTreeSet<(u64, u128)>>,
    /// Whatever was made before this may have been forgotten.
    forgotten_before_unix_ns: u64,
}

impl ReplayStore {
    /// An empty store.
    pub fn new(limits: ReplayLimits) -> Self {
        Self {
            limits,
            spent: Mutex::default(),
        }
    }

    /// Spends `once`, made by `hotkey` at `made_at_unix_ns`.
    pub fn spend(
        &self,
        hotkey: &AccountId,
        made_at_unix_ns: u64,
        once: u128,
        now_unix_ns: u64,
    ) -> Spent {
        let mut nonces = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.age(now_unix_ns, self.limits.retention);
        if made_at_unix_ns < nonces.forgotten_before_unix_ns {
            return Spent::TooOld(self.limits.retention);
        }
        if !nonces.has_room_for(hotkey, self.limits.hotkeys_max) {
            return Spent::Full;
        }
        let horizon = nonces.forgotten_before_unix_ns;
        let own = nonces.by_hotkey.entry(*hotkey).or_default();
        drop_older(own, horizon);
        if own.contains(&(made_at_unix_ns, once)) {
            return Spent::Before;
        }
        if own.len() >= self.limits.nonces_per_hotkey_max {
            return Spent::FullForCaller;
        }
        own.insert((made_at_unix_ns, once));
        Spent::Now
    }
}

impl Nonces {
    fn age(&mut self, now_unix_ns: u64, retention: Duration) {
        let retention = u64::try_from(retention.as_nanos()).unwrap_or(u64::MAX);
        let horizon = now_unix_ns.saturating_sub(retention);
        self.forgotten_before_unix_ns = self.forgotten_before_unix_ns.max(horizon);
    }

    /// Lets go of hotkeys without live nonces, but only when there is no room.
    fn has_room_for(&mut self, hotkey: &AccountId, hotkeys_max: usize) -> bool {
        if self.by_hotkey.contains_key(hotkey) || self.by_hotkey.len() < hotkeys_max {
            return true;
        }
        let horizon = self.forgotten_before_unix_ns;
        self.by_hotkey.retain(|_, own| {
            drop_older(own, horizon);
            !own.is_empty()
        });
        self.by_hotkey.len() < hotkeys_max
    }
}

fn drop_older(own: &mut BTreeSet<(u64, u128)>, horizon_unix_ns: u64) {
    while own.first().is_some_and(|(made, _)| *made < horizon_unix_ns) {
        own.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: AccountId = AccountId([1; 32]);
    const BOB: AccountId = AccountId([2; 32]);
    const CHARLIE: AccountId = AccountId([3; 32]);
    const SECOND: u64 = 1_000_000_000;
    const NOW: u64 = 1_000 * SECOND;

    fn store() -> ReplayStore {
        ReplayStore::new(ReplayLimits {
            retention: Duration::from_secs(60),
            nonces_per_hotkey_max: 2,
            hotkeys_max: 2,
        })
    }

    #[test]
    fn a_nonce_is_good_once() {
        let store = store();
        assert_eq!(store.spend(&ALICE, NOW, 7, NOW), Spent::Now);
        assert_eq!(store.spend(&ALICE, NOW, 7, NOW + SECOND), Spent::Before);
        assert_eq!(store.spend(&BOB, NOW, 7, NOW + SECOND), Spent::Now);
    }

    #[test]
    fn a_full_share_forgets_nothing_and_harms_nobody_else() {
        let store = store();
        assert_eq!(store.spend(&ALICE, NOW, 1, NOW), Spent::Now);
        assert_eq!(store.spend(&ALICE, NOW, 2, NOW), Spent::Now);
        assert_eq!(store.spend(&ALICE, NOW, 3, NOW), Spent::FullForCaller);
        assert_eq!(store.spend(&ALICE, NOW, 1, NOW), Spent::Before);
        assert_eq!(store.spend(&BOB, NOW, 3, NOW), Spent::Now);
    }

    #[test]
    fn a_full_store_takes_new_hotkeys_once_old_ones_are_stale() {
        let store = store();
        assert_eq!(store.spend(&ALICE, NOW, 1, NOW), Spent::Now);
        assert_eq!(store.spend(&BOB, NOW, 1, NOW), Spent::Now);
        assert_eq!(store.spend(&CHARLIE, NOW, 1, NOW), Spent::Full);
        let later = NOW + 61 * SECOND;
        assert_eq!(store.spend(&CHARLIE, later, 1, later), Spent::Now);
    }

    #[test]
    fn a_share_has_room_again_when_its_nonces_are_stale() {
        let store = store();
        assert_eq!(store.spend(&ALICE, NOW, 1, NOW), Spent::Now);
        assert_eq!(store.spend(&ALICE, NOW, 2, NOW), Spent::Now);
        let later = NOW + 61 * SECOND;
        assert_eq!(store.spend(&ALICE, later, 3, later), Spent::Now);
    }

    #[test]
    fn a_clock_set_back_revives_no_nonce() {
        let store = store();
        assert_eq!(store.spend(&ALICE, NOW, 1, NOW), Spent::Now);
        let later = NOW + 120 * SECOND;
        assert_eq!(store.spend(&ALICE, later, 2, later), Spent::Now);
        assert_eq!(
            store.spend(&ALICE, NOW, 1, NOW),
            Spent::TooOld(Duration::from_secs(60))
        );
    }
}
