//! Warm connections: some, for a while, each for the neuron it was made to.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::link::Link;
use crate::subnet::wire::Peer;

/// Oldest first; a new one pushes out the oldest when it is full.
pub(super) struct Pool {
    max: usize,
    idle_time: Duration,
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    peer: Peer,
    since: Instant,
    link: Link,
}

impl Pool {
    pub(super) fn new(max: usize, idle_time: Duration) -> Self {
        Self {
            max,
            idle_time,
            idle: Mutex::default(),
        }
    }

    /// The youngest warm connection to `peer`.
    pub(super) fn take(&self, peer: &Peer) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_stale(&mut idle);
        let index = idle.iter().rposition(|one| one.peer == *peer)?;
        idle.remove(index).map(|one| one.link)
    }

    pub(super) fn put(&self, peer: Peer, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_stale(&mut idle);
        idle.push_back(Idle {
            peer,
            since: Instant::now(),
            link,
        });
        while idle.len() > self.max {
            idle.pop_front();
        }
    }

    fn drop_stale(&self, idle: &mut VecDeque<Idle>) {
        idle.retain(|one| one.since.elapsed() < self.idle_time && !one.link.is_closed());
    }
}
