//! Bounded shares of something countable: in all, and for each holder.
//!
//! Used for connections and body bytes. Taking never waits: a queue of strangers
//! would itself need a bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// So much in all, so much of it for one holder.
pub(super) struct Shares<K: Eq + Hash + Copy> {
    max: usize,
    per_holder_max: usize,
    taken: Arc<Mutex<Taken<K>>>,
}

struct Taken<K> {
    in_all: usize,
    /// Only holders that hold something.
    by_holder: HashMap<K, usize>,
}

impl<K: Eq + Hash + Copy> Shares<K> {
    pub(super) fn new(max: usize, per_holder_max: usize) -> Self {
        let taken = Taken {
            in_all: 0,
            by_holder: HashMap::new(),
        };
        Self {
            max,
            per_holder_max,
            taken: Arc::new(Mutex::new(taken)),
        }
    }

    /// `None` if there is not that much left, in all or for this holder.
    pub(super) fn take(&self, holder: K, amount: usize) -> Option<Share<K>> {
        let mut share = Share {
            max: self.max,
            per_holder_max: self.per_holder_max,
            taken: Arc::clone(&self.taken),
            holder,
            amount: 0,
        };
        share.grow(amount).then_some(share)
    }

    /// Whether this holder could not have one more even if there were any.
    pub(super) fn is_used_up_by(&self, holder: K) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_holder.get(&holder).copied().unwrap_or(0);
        own >= self.per_holder_max
    }
}

/// Given back when dropped.
pub(super) struct Share<K: Eq + Hash + Copy> {
    max: usize,
    per_holder_max: usize,
    taken: Arc<Mutex<Taken<K>>>,
    holder: K,
    amount: usize,
}

impl<K: Eq + Hash + Copy> Share<K> {
    /// Takes `more`; `false` if there is not that much left, and nothing is taken.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        if more == 0 {
            return true;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_holder.get(&self.holder).copied().unwrap_or(0);
        let (in_all, own) = (taken.in_all.saturating_add(more), own.saturating_add(more));
        if in_all > self.max || own > self.per_holder_max {
            return false;
        }
        taken.in_all = in_all;
        taken.by_holder.insert(self.holder, own);
        self.amount += more;
        true
    }
}

impl<K: Eq + Hash + Copy> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all = taken.in_all.saturating_sub(self.amount);
        let left = taken
            .by_holder
            .get(&self.holder)
            .map(|own| own.saturating_sub(self.amount));
        match left {
            Some(0) => {
                taken.by_holder.remove(&self.holder);
            }
            Some(own) => {
                taken.by_holder.insert(self.holder, own);
            }
            None => {}
        }
    }
}

/// Whom an address belongs to: an IPv6 user commonly has a whole /64.
pub(super) fn origin(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_holder_gets_its_share_and_no_more() {
        let shares = Shares::new(5, 3);
        let mut first = shares.take('a', 2).unwrap();
        assert!(first.grow(1));
        assert!(!first.grow(1));
        assert!(shares.take('a', 1).is_none());
        assert!(shares.take('b', 2).is_some());
        assert!(shares.take('b', 3).is_none());
        drop(first);
        assert!(shares.take('b', 3).is_some());
        assert!(shares.taken.lock().unwrap().by_holder.is_empty());
        assert_eq!(shares.taken.lock().unwrap().in_all, 0);
    }

    #[test]
    fn a_whole_ipv6_network_is_one_holder() {
        let a: IpAddr = "2a01:4f8:1:2::1".parse().unwrap();
        let b: IpAddr = "2a01:4f8:1:2:3::1".parse().unwrap();
        let mapped: IpAddr = "::ffff:1.2.3.4".parse().unwrap();
        assert_eq!(origin(a), origin(b));
        assert_eq!(origin(mapped), "1.2.3.4".parse::<IpAddr>().unwrap());
    }
}
