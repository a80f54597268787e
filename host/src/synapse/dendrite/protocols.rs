//! Which peers speak the classic wire, as far as is known.
//!
//! Everybody is asked by btauth/1 first. Whoever answers as a classic axon does
//! is asked that way at once from then on, for a while: a miner that was
//! upgraded is found again when its entry runs out, or at its first answer that
//! is no classic one. An entry counts for one hotkey at one address, so a slot
//! that changed hands or moved is new. Nothing here is proved: a wrong entry
//! costs a miner its challenges until it runs out, which whoever stands on the
//! way can do to it anyhow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::subnet::wire::Peer;

/// Bounded; the oldest entry makes room.
pub(super) struct Classics {
    max: usize,
    time: Duration,
    since: Mutex<HashMap<Peer, Instant>>,
}

impl Classics {
    pub(super) fn new(max: usize, time: Duration) -> Self {
        Self {
            max,
            time,
            since: Mutex::default(),
        }
    }

    /// Whether `peer` is to be asked by the classic wire at once.
    pub(super) fn contain(&self, peer: &Peer, now: Instant) -> bool {
        let since = self.lock();
        let entry = since.get(peer);
        entry.is_some_and(|since| now.saturating_duration_since(*since) < self.time)
    }

    pub(super) fn note(&self, peer: Peer, now: Instant) {
        let mut since = self.lock();
        if since.len() >= self.max && !since.contains_key(&peer) {
            since.retain(|_, since| now.saturating_duration_since(*since) < self.time);
        }
        if since.len() >= self.max && !since.contains_key(&peer) {
            let oldest = since.iter().min_by_key(|(_, since)| **since);
            let oldest = oldest.map(|(peer, _)| *peer);
            oldest.and_then(|oldest| since.remove(&oldest));
        }
        if self.max > 0 {
            since.insert(peer, now);
        }
    }

    pub(super) fn forget(&self, peer: &Peer) {
        self.lock().remove(peer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Peer, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::key::AccountId;

    const HOUR: Duration = Duration::from_secs(3600);

    fn peer(key: u8, port: u16) -> Peer {
        Peer {
            hotkey: AccountId([key; 32]),
            address: ([1, 1, 1, 1], port).into(),
        }
    }

    #[test]
    fn a_peer_is_remembered_by_hotkey_and_address_for_a_while() {
        let (classics, now) = (Classics::new(9, HOUR), Instant::now());
        classics.note(peer(1, 1), now);
        assert!(classics.contain(&peer(1, 1), now + HOUR / 2));
        assert!(!classics.contain(&peer(1, 2), now));
        assert!(!classics.contain(&peer(2, 1), now));
        assert!(!classics.contain(&peer(1, 1), now + HOUR));
        classics.forget(&peer(1, 1));
        assert!(!classics.contain(&peer(1, 1), now));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (classics, now) = (Classics::new(2, HOUR), Instant::now());
        for port in 1..=3 {
            classics.note(peer(1, port), now + Duration::from_secs(port.into()));
        }
        let now = now + Duration::from_secs(3);
        let kept = [1, 2, 3].map(|port| classics.contain(&peer(1, port), now));
        assert_eq!(kept, [false, true, true]);
        classics.note(peer(1, 3), now);
        assert!(classics.contain(&peer(1, 2), now));
    }
}
