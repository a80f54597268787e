//! The ledger and what is remembered beside it: rentals that are not over, and
//! when each wants to be looked at next.
//!
//! Written through: what memory says was on disk before, but for a rental's end,
//! which is begun even where it cannot be written (nothing is bought by it).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tracing::error;

use crate::subnet::evidence::StoreError;
use crate::subnet::letting::Rules;
use crate::subnet::provider::ProviderError;
use crate::subnet::rental::{Ledger, Phase, RentError, Rental, Renter};

use super::rules::Spent;

/// The window of the caps on spending, in seconds.
pub(super) const DAY_S: u64 = 24 * 3_600;
/// Rentals of one adapter in hand at once without anybody waiting: its queue has
/// room for those that are waited for.
const IN_HAND_MAX: usize = 8;

/// What is remembered of a rental for as long as the node lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// Nothing is due before; Unix seconds.
    pub(super) not_before: u64,
    /// Calls in a row that failed.
    pub(super) failures: u32,
    /// Looks in a row that did not find it.
    pub(super) misses: u32,
    /// When the last of them was; Unix seconds.
    pub(super) missed_at: u64,
    /// When the provider last described it; Unix seconds.
    pub(super) seen_at: u64,
    /// It was asked to end, and the call succeeded.
    pub(super) terminated: bool,
    /// Why the last extension was refused.
    pub(super) refusal: Option<ProviderError>,
}

struct Entry {
    rental: Rental,
    pace: Pace,
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Memory {
    live: BTreeMap<String, Entry>,
    in_hand: BTreeMap<String, usize>,
    /// Nothing is due before.
    next_due: u64,
}

/// The ledger, read and written off the async threads.
pub(super) struct Book {
    ledger: Arc<dyn Ledger>,
    memory: Mutex<Memory>,
    /// Held while caps are compared and what they allow is written.
    till: Mutex<()>,
}

/// A rental is worked on by one at a time.
pub(super) struct Hold {
    book: Arc<Book>,
    adapter: String,
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut memory = self.book.memory();
        if let Some(count) = memory.in_hand.get_mut(&self.adapter) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Book {
    /// Reads what is not over.
    pub(super) fn open(ledger: Arc<dyn Ledger>) -> Result<Self, StoreError> {
        let mut memory = Memory::default();
        for rental in ledger.live()? {
            memory
                .live
                .insert(rental.order_key.clone(), Entry::new(rental));
        }
        Ok(Self {
            ledger,
            memory: Mutex::new(memory),
            till: Mutex::default(),
        })
    }

    /// Adds a rental if the caps allow it, or gives the one the renter has by its key.
    pub(super) async fn add(
        self: &Arc<Self>,
        rental: Rental,
        rules: Arc<Rules>,
        now: u64,
    ) -> Result<Rental, RentError> {
        let book = self.clone();
        off_thread(move || {
            let _till = book.till.lock().unwrap_or_else(PoisonError::into_inner);
            let known = book.ledger.of_renter(&rental.renter, &rental.request.key);
            if let Some(known) = known.map_err(unwritten)? {
                return Ok(known);
            }
            let spent = book.spent(&rental, now).map_err(unwritten)?;
            rules.allows(&rental, rental.spend_micro_usd_max, spent)?;
            let added = book.ledger.open(&rental).map_err(unwritten)?;
            book.begin(added.clone());
            Ok(added)
        })
        .await
    }

    /// Takes over what runs already, whatever the caps: it is paid for.
    pub(super) async fn adopt(self: &Arc<Self>, rental: Rental) -> Result<(), RentError> {
        let book = self.clone();
        off_thread(move || {
            let added = book.ledger.open(&rental).map_err(unwritten)?;
            book.begin(added);
            Ok(())
        })
        .await
    }

    /// Writes a rental that may cost `more` than before, if the caps allow it.
    pub(super) async fn grow(
        self: &Arc<Self>,
        rental: Rental,
        more: u64,
        rules: Arc<Rules>,
        now: u64,
    ) -> Result<(), RentError> {
        let book = self.clone();
        off_thread(move || {
            let _till = book.till.lock().unwrap_or_else(PoisonError::into_inner);
            let spent = book.spent(&rental, now).map_err(unwritten)?;
            let growing = Spent {
                rentals: 0,
                of_renter: 0,
                ..spent
            };
            rules.allows(&rental, more, growing)?;
            book.write(rental).map_err(unwritten)
        })
        .await
    }

    fn begin(&self, rental: Rental) {
        let mut memory = self.memory();
        memory.next_due = 0;
        let key = rental.order_key.clone();
        memory.live.insert(key, Entry::new(rental));
    }

    fn spent(&self, rental: &Rental, now: u64) -> Result<Spent, StoreError> {
        let since = now.saturating_sub(DAY_S);
        let memory = self.memory();
        let of_renter = |entry: &&Entry| entry.rental.renter == rental.renter;
        let (rentals, own) = (
            memory.live.len(),
            memory.live.values().filter(of_renter).count(),
        );
        drop(memory);
        Ok(Spent {
            rentals,
            // The operator's own are bounded by what there may be in all.
            of_renter: if rental.renter == Renter::Operator {
                0
            } else {
                own
            },
            day: self.ledger.committed_micro_usd(None, since)?,
            adapter_day: self
                .ledger
                .committed_micro_usd(Some(&rental.adapter), since)?,
        })
    }

    /// Puts what is known of a rental on disk.
    pub(super) async fn save(self: &Arc<Self>, rental: Rental) -> Result<(), StoreError> {
        let book = self.clone();
        let ending = matches!(rental.phase, Phase::Ending { .. }).then(|| rental.clone());
        let saved = off_thread(move || book.write(rental)).await;
        if let (Err(why), Some(rental)) = (&saved, ending) {
            error!(order = %rental.order_key, %why, "a rental is ended though that cannot be written");
            self.remember(rental);
            return Ok(());
        }
        saved
    }

    fn write(&self, rental: Rental) -> Result<(), StoreError> {
        self.ledger.update(&rental)?;
        self.remember(rental);
        Ok(())
    }

    fn remember(&self, rental: Rental) {
        let mut memory = self.memory();
        memory.next_due = 0;
        if rental.phase.is_over() {
            memory.live.remove(&rental.order_key);
        } else if let Some(entry) = memory.live.get_mut(&rental.order_key) {
            entry.rental = rental;
        }
    }

    /// A rental that is not over, and its pace.
    pub(super) fn live(&self, order_key: &str) -> Option<(Rental, Pace)> {
        let memory = self.memory();
        let entry = memory.live.get(order_key)?;
        Some((entry.rental.clone(), entry.pace.clone()))
    }

    /// All that are not over, of an adapter if one is named.
    pub(super) fn all_live(&self, adapter: Option<&str>) -> Vec<Rental> {
        let memory = self.memory();
        let rentals = memory.live.values().map(|entry| &entry.rental);
        let wanted = rentals.filter(|rental| adapter.is_none_or(|name| rental.adapter == name));
        wanted.cloned().collect()
    }

    /// How many are in each phase.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for entry in self.memory().live.values() {
            *counts.entry(entry.rental.phase.as_str()).or_insert(0) += 1;
        }
        counts
    }

    /// Changes a rental's pace.
    pub(super) fn pace(&self, order_key: &str, change: impl FnOnce(&mut Pace)) {
        let mut memory = self.memory();
        if let Some(entry) = memory.live.get_mut(order_key) {
            change(&mut entry.pace);
            let due = entry.pace.not_before;
            memory.next_due = memory.next_due.min(due);
        }
    }

    /// Waits until nobody else works on a rental; `None` if it is over.
    pub(super) async fn hold(self: &Arc<Self>, order_key: &str) -> Option<Hold> {
        let turn = self.memory().live.get(order_key)?.turn.clone();
        let turn = turn.lock_owned().await;
        let mut memory = self.memory();
        let adapter = memory.live.get(order_key)?.rental.adapter.clone();
        Some(self.held(&mut memory, adapter, turn))
    }

    /// Takes in hand what is due at `now`, as much as its adapters can bear.
    pub(super) fn take_due(self: &Arc<Self>, now: u64) -> Vec<(String, Hold)> {
        let mut memory = self.memory();
        if memory.next_due > now {
            return Vec::new();
        }
        let mut due = Vec::new();
        let mut next_due = u64::MAX;
        for (key, entry) in &memory.live {
            if entry.pace.not_before > now {
                next_due = next_due.min(entry.pace.not_before);
            } else {
                next_due = now;
                due.push((
                    key.clone(),
                    entry.rental.adapter.clone(),
                    entry.turn.clone(),
                ));
            }
        }
        memory.next_due = next_due;
        let mut taken = Vec::new();
        for (key, adapter, turn) in due {
            if memory
                .in_hand
                .get(&adapter)
                .is_some_and(|count| *count >= IN_HAND_MAX)
            {
                continue;
            }
            if let Ok(turn) = turn.try_lock_owned() {
                taken.push((key, self.held(&mut memory, adapter, turn)));
            }
        }
        taken
    }

    fn held(
        self: &Arc<Self>,
        memory: &mut Memory,
        adapter: String,
        turn: OwnedMutexGuard<()>,
    ) -> Hold {
        *memory.in_hand.entry(adapter.clone()).or_insert(0) += 1;
        Hold {
            book: self.clone(),
            adapter,
            _turn: turn,
        }
    }

    /// A renter's rental, over or not; the operator may name any by its order's key.
    pub(super) async fn find(
        self: &Arc<Self>,
        renter: &Renter,
        key: &str,
    ) -> Result<Option<Rental>, RentError> {
        let (renter, key) = (*renter, key.to_owned());
        self.ask(move |ledger| match ledger.of_renter(&renter, &key)? {
            None if renter == Renter::Operator => ledger.rental(&key),
            found => Ok(found),
        })
        .await
    }

    /// Asks the ledger itself.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RentError> {
        let ledger = self.ledger.clone();
        off_thread(move || work(&*ledger).map_err(unwritten)).await
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(rental: Rental) -> Self {
        Self {
            rental,
            pace: Pace::default(),
            turn: Arc::default(),
        }
    }
}

/// Renters learn that it is the node's fault; the operator's log says what it is.
pub(super) fn unwritten(why: StoreError) -> RentError {
    error!(%why, "the ledger of rentals");
    RentError::Failed("the miner's ledger cannot be used now; try again later".to_owned())
}

async fn off_thread<T: Send + 'static, E: From<Panicked> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Panicked.into()),
    }
}

/// The work on the ledger did not come back.
pub(super) struct Panicked;

impl From<Panicked> for StoreError {
    fn from(_: Panicked) -> Self {
        Self("the ledger's thread ended".to_owned())
    }
}

impl From<Panicked> for RentError {
    fn from(_: Panicked) -> Self {
        unwritten(Panicked.into())
    }
}
