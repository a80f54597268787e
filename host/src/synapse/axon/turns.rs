//! Whose request is handled next.
//!
//! So many at once, of each hotkey so many. When all turns are taken a request
//! waits, and a turn that becomes free goes to whoever has most at stake, the
//! longest-waiting of equals. The waiting room is bounded too: somebody with more
//! at stake takes the place of the one with the least. A hotkey's requests that
//! wait count as its own, so nobody fills the room with one key.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::subnet::key::AccountId;

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// This hotkey has as many requests here as it may have.
    OwnShare,
    /// Everybody who waits has more at stake, or as much and came earlier.
    Full,
    /// Somebody with more at stake took the place.
    Displaced,
}

/// All turns of an axon.
#[derive(Clone)]
pub(super) struct Turns {
    per_hotkey_max: usize,
    waiting_max: usize,
    room: Arc<Mutex<Room>>,
}

struct Room {
    free: usize,
    /// Requests handled or waiting; only hotkeys that have some.
    by_hotkey: HashMap<AccountId, usize>,
    /// The last is served next, the first displaced next.
    waiting: BTreeMap<Place, oneshot::Sender<()>>,
    arrivals: u64,
}

/// More at stake is greater, and of equals who came earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    stake_rao: u64,
    before: u64,
}

/// A turn, given on when dropped.
pub(super) struct Turn {
    room: Arc<Mutex<Room>>,
    hotkey: AccountId,
}

/// A place in the waiting room, or a turn that was just given; given back when
/// dropped.
struct Waiting {
    room: Arc<Mutex<Room>>,
    place: Place,
    hotkey: AccountId,
    called: oneshot::Receiver<()>,
    /// The turn counts on, for whoever holds it.
    has_turn: bool,
}

impl Turns {
    /// `at_once` turns, `waiting_max` places; `per_hotkey_max` counts both.
    pub(super) fn new(at_once: usize, per_hotkey_max: usize, waiting_max: usize) -> Self {
        let room = Room {
            free: at_once,
            by_hotkey: HashMap::new(),
            waiting: BTreeMap::new(),
            arrivals: 0,
        };
        Self {
            per_hotkey_max,
            waiting_max,
            room: Arc::new(Mutex::new(room)),
        }
    }

    /// A turn, at once or when one becomes free; the caller bounds the wait.
    pub(super) async fn take(&self, hotkey: AccountId, stake_rao: u64) -> Result<Turn, NoTurn> {
        let Some(mut waiting) = self.enter(hotkey, stake_rao)? else {
            return Ok(self.turn(hotkey));
        };
        (&mut waiting.called).await.map_err(|_| NoTurn::Displaced)?;
        waiting.has_turn = true;
        Ok(self.turn(hotkey))
    }

    fn turn(&self, hotkey: AccountId) -> Turn {
        Turn {
            room: Arc::clone(&self.room),
            hotkey,
        }
    }

    /// `None` if there is a turn at once.
    fn enter(&self, hotkey: AccountId, stake_rao: u64) -> Result<Option<Waiting>, NoTurn> {
        let mut room = lock(&self.room);
        let own = room.by_hotkey.get(&hotkey).copied().unwrap_or(0);
        if own >= self.per_hotkey_max {
            return Err(NoTurn::OwnShare);
        }
        if room.free > 0 {
            room.free -= 1;
            room.by_hotkey.insert(hotkey, own + 1);
            return Ok(None);
        }
        room.arrivals += 1;
        let place = Place {
            stake_rao,
            before: u64::MAX - room.arrivals,
        };
        if room.waiting.len() >= self.waiting_max {
            let least = room.waiting.keys().next().copied();
            if least.is_none_or(|least| least > place) {
                return Err(NoTurn::Full);
            }
            // Its sender's end tells it; it gives its share back by itself.
            room.waiting.pop_first();
        }
        let (call, called) = oneshot::channel();
        room.waiting.insert(place, call);
        room.by_hotkey.insert(hotkey, own + 1);
        Ok(Some(Waiting {
            room: Arc::clone(&self.room),
            place,
            hotkey,
            called,
            has_turn: false,
        }))
    }
}

impl Room {
    fn leave(&mut self, hotkey: &AccountId) {
        match self.by_hotkey.get_mut(hotkey) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                self.by_hotkey.remove(hotkey);
            }
        }
    }

    /// Gives a turn to the next who still waits.
    fn give_on(&mut self) {
        while let Some((_, call)) = self.waiting.pop_last() {
            if call.send(()).is_ok() {
                return;
            }
        }
        self.free += 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut room = lock(&self.room);
        room.leave(&self.hotkey);
        room.give_on();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.has_turn {
            return;
        }
        let mut room = lock(&self.room);
        room.leave(&self.hotkey);
        // Gone, it may have been called in this very moment: then the turn is free.
        let waited = room.waiting.remove(&self.place).is_some();
        if !waited && self.called.try_recv().is_ok() {
            room.give_on();
        }
    }
}

fn lock(room: &Mutex<Room>) -> MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
