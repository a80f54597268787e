//! Who may keep a connection open.
//!
//! So many in all, so many of one address. When all places are taken, the oldest
//! connection on which nobody proved anything yet makes room for a new one: a
//! flood of idle connections passes through, and whoever sends a signed request
//! at once is served and keeps its place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::shares::{Share, Shares};

pub(super) struct Connections {
    places: Shares<IpAddr>,
    unproved: Arc<Mutex<Unproved>>,
}

#[derive(Default)]
struct Unproved {
    arrivals: u64,
    /// The first is the oldest.
    by_age: BTreeMap<u64, (Share<IpAddr>, oneshot::Sender<()>)>,
}

/// A connection's place; given back when dropped.
pub(super) struct Seat {
    held: Held,
    displaced: oneshot::Receiver<()>,
}

/// A place without its alarm.
pub(super) struct Held {
    age: u64,
    unproved: Arc<Mutex<Unproved>>,
    proved: Mutex<Option<Share<IpAddr>>>,
}

impl Connections {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        Self {
            places: Shares::new(max, per_address_max),
            unproved: Arc::default(),
        }
    }

    /// `None` if this address has its share, or all others have proved something.
    pub(super) fn take(&self, from: IpAddr) -> Option<Seat> {
        let mut unproved = lock(&self.unproved);
        let place = match self.places.take(from, 1) {
            Some(place) => place,
            None if self.places.is_used_up_by(from) => return None,
            None => {
                let (_, displaced) = unproved.by_age.pop_first()?;
                // Its place is free at once, its end follows.
                drop(displaced);
                self.places.take(from, 1)?
            }
        };
        let (alarm, displaced) = oneshot::channel();
        unproved.arrivals += 1;
        let age = unproved.arrivals;
        unproved.by_age.insert(age, (place, alarm));
        Some(Seat {
            held: Held {
                age,
                unproved: Arc::clone(&self.unproved),
                proved: Mutex::default(),
            },
            displaced,
        })
    }
}

impl Seat {
    /// The place, and what ends when it is needed for somebody else.
    pub(super) fn split(self) -> (Arc<Held>, Alarm) {
        (Arc::new(self.held), Alarm(self.displaced))
    }
}

impl Held {
    /// Somebody proved who he is: the place is no longer for others to take.
    pub(super) fn prove(&self) {
        let Some((place, alarm)) = lock(&self.unproved).by_age.remove(&self.age) else {
            return;
        };
        // Kept open, never sounded.
        let _ = alarm.send(());
        *self.proved.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.unproved).by_age.remove(&self.age);
    }
}

/// Resolves when the place was taken away; never once something was proved.
pub(super) struct Alarm(oneshot::Receiver<()>);

impl std::future::Future for Alarm {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        use std::task::Poll;
        if self.0.is_terminated() {
            return Poll::Pending;
        }
        match std::pin::Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            // Proved.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }
}

fn lock(unproved: &Mutex<Unproved>) -> MutexGuard<'_, Unproved> {
    unproved.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn the_oldest_that_proved_nothing_makes_room() {
        let connections = Connections::new(2, 2);
        let (first, mut first_alarm) = connections.take(ip(1)).unwrap().split();
        let (_second, mut second_alarm) = connections.take(ip(2)).unwrap().split();
        first.prove();
        let (third, mut third_alarm) = connections.take(ip(3)).unwrap().split();
        assert!((&mut first_alarm).now_or_never().is_none());
        assert!((&mut second_alarm).now_or_never().is_some());
        assert!((&mut third_alarm).now_or_never().is_none());
        third.prove();
        assert!(connections.take(ip(4)).is_none());
        drop(first);
        assert!(connections.take(ip(4)).is_some());
    }

    #[test]
    fn an_address_with_its_share_displaces_nobody() {
        let connections = Connections::new(2, 1);
        let (_first, mut alarm) = connections.take(ip(1)).unwrap().split();
        let _second = connections.take(ip(2)).unwrap();
        assert!(connections.take(ip(1)).is_none());
        assert!((&mut alarm).now_or_never().is_none());
    }
}
