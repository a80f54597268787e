//! What operators rented of miners: on disk before a miner is asked.
//!
//! A miner is to this book what a provider is to a miner's. The key that the
//! miner is told follows from the operator and its own key, so that an order
//! that is sent twice is one rental, whatever was forgotten in between. Another
//! miner is asked only after one has signed that it did nothing. Where that is
//! unknown, the same miner is looked at, twice, and a settle time apart, before
//! the order counts as not taken: by then a request on its way is too old for
//! any axon to accept.
//!
//! ```text
//! Ordered ─────────────> Running ───────────────> Ending ─> Ended
//!    │                    ^  │ its time is over     ^  │      ^
//!    └─> Unknown ─ seen ──┘  └──── or ended by word ┘  │      │
//!           │ │                       its miner was told, or does not answer
//!           │ └─ twice not seen ─> Refused         for an hour after its end
//!           └─ does not answer for an hour after its end ────────────┘
//! ```
//!
//! What may be spent is reserved before a miner is asked ([`Purse`]), and a miner
//! that later asks for more than was agreed to is not believed ([`lease`]).

mod change;
mod labels;
mod lease;
mod order;
mod queue;
mod settle;

pub(super) use order::order_key;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::subnet::evidence::StoreError;
use crate::subnet::key::AccountId;
use crate::subnet::purse::{Purse, Spent};
use crate::subnet::rental::{Lease, Ledger, Phase, RentError, Rental, Renter};
use crate::subnet::text::escape;
use crate::subnet::wire::{Dendrite, RentCall, RentFailure};

use super::asked::Held;
use super::market::Market;

/// The most rentals in one answer.
const LIST_MAX: usize = 1_000;
/// The longest rental: ten years, so that no number is too large.
const DURATION_S_MAX: u64 = 3_650 * 86_400;
/// The window of the caps on spending.
const DAY_S: u64 = 86_400;

/// What a book works with.
pub(super) struct Tools {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) dendrite: Arc<dyn Dendrite>,
    pub(super) market: Arc<Market>,
    pub(super) purse: Purse,
    pub(super) now_unix_s: Arc<dyn Fn() -> u64 + Send + Sync>,
}

pub(super) struct Book {
    tools: Tools,
    /// Rentals that somebody works on, by the key that the miner knows.
    busy: Mutex<HashSet<String>>,
    /// One at a time counts what is spent and adds to it.
    till: Arc<Mutex<()>>,
}

/// A rental that nobody else works on meanwhile.
struct Claim<'a> {
    book: &'a Book,
    order_key: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let busy = &self.book.busy;
        let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.order_key);
    }
}

impl Book {
    pub(super) fn new(tools: Tools) -> Self {
        Self {
            tools,
            busy: Mutex::default(),
            till: Arc::default(),
        }
    }

    /// A rental as its miner says it is now.
    pub(super) async fn show(&self, order_key: &str) -> Result<Held, RentError> {
        let (_claim, rental) = self.take(order_key).await?;
        Ok(self.look(rental).await)
    }

    /// An operator's rentals as they are on disk, newest first.
    pub(super) async fn list(&self, operator: AccountId) -> Result<Vec<Held>, RentError> {
        let renter = Renter::Hotkey(operator);
        let rentals = self
            .with(move |ledger| ledger.recent(Some(&renter), LIST_MAX))
            .await?;
        Ok(rentals.iter().map(|rental| held(rental, None)).collect())
    }

    /// All there is to know of everybody's, newest first.
    pub(super) async fn all(&self) -> Result<Vec<Rental>, RentError> {
        self.with(|ledger| ledger.recent(None, LIST_MAX)).await
    }

    async fn look(&self, mut rental: Rental) -> Held {
        let note = self.refresh(&mut rental).await;
        held(&rental, note)
    }

    /// Asks the miner, and keeps what it says; the note says why that is not all.
    async fn refresh(&self, rental: &mut Rental) -> Option<String> {
        if rental.phase.is_over() || matches!(rental.phase, Phase::Ending { .. }) {
            return None;
        }
        let key = rental.order_key.clone();
        let note = match self.call(rental, RentCall::Show { key }).await {
            Ok(lease) => self.apply(rental, lease),
            Err(RentFailure::Said(RentError::NoSuchRental)) => {
                self.not_seen(rental);
                Some("the miner knows no such rental".to_owned())
            }
            Err(failure) if self.is_given_up(rental) => {
                self.never_known(rental, &failure);
                None
            }
            Err(failure) => return Some(failure.to_string()),
        };
        self.kept(rental, note).await
    }

    /// Asks the miner that has it, or may have it.
    async fn call(&self, rental: &Rental, call: RentCall) -> Result<Lease, RentFailure> {
        let miner = miner(rental).ok_or_else(|| RentError::Failed("no miner has it".into()))?;
        let peer = self.tools.market.peer(miner).await.map_err(|error| {
            let why = crate::subnet::wire::PeerError::Address(error.to_string());
            RentFailure::Peer(why)
        })?;
        let answer = self.tools.dendrite.rent(&peer, call).await?;
        let no_lease = || RentError::Failed("the answer is about no rental".to_owned());
        Ok(answer.into_lease().ok_or_else(no_lease)?)
    }

    fn now(&self) -> u64 {
        (self.tools.now_unix_s)()
    }

    /// Writes what is known; gives what is to be told of it. If the disk fails it
    /// is told all the same, because it is true, and looked up again later.
    async fn kept(&self, rental: &Rental, note: Option<String>) -> Option<String> {
        match self.keep(rental).await {
            Ok(()) => note,
            Err(error) => {
                tracing::error!(%error, key = rental.order_key, "a rental is not on record as it is");
                note.or_else(|| Some(error.to_string()))
            }
        }
    }

    fn claim(&self, order_key: &str) -> Result<Claim<'_>, RentError> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.insert(order_key.to_owned()) {
            return Ok(Claim {
                book: self,
                order_key: order_key.to_owned(),
            });
        }
        let why = "something is being done about this rental; ask again in a moment";
        Err(RentError::Full(why.to_owned()))
    }

    /// A rental as it is once nobody else works on it.
    async fn take(&self, order_key: &str) -> Result<(Claim<'_>, Rental), RentError> {
        let claim = self.claim(order_key)?;
        let found = self.known(order_key).await?;
        Ok((claim, found.ok_or(RentError::NoSuchRental)?))
    }

    async fn known(&self, order_key: &str) -> Result<Option<Rental>, RentError> {
        let order_key = order_key.to_owned();
        self.with(move |ledger| ledger.rental(&order_key)).await
    }

    async fn keep(&self, rental: &Rental) -> Result<(), RentError> {
        let rental = rental.clone();
        self.with(move |ledger| ledger.update(&rental)).await
    }

    /// Puts on disk what a rental may cost, if that is within the caps: before a
    /// miner is asked for it.
    async fn reserve(&self, rental: &Rental) -> Result<(), RentError> {
        let (purse, till) = (self.tools.purse.clone(), self.till.clone());
        let (rental, since) = (rental.clone(), self.now().saturating_sub(DAY_S));
        let reserving = move |ledger: &dyn Ledger| {
            let _alone = till.lock().unwrap_or_else(PoisonError::into_inner);
            let known = ledger.rental(&rental.order_key)?;
            let spent = spent(ledger, &rental.renter, known.as_ref(), since)?;
            if let Err(refused) = purse.allows(rental.cost_micro_usd(), spent) {
                return Ok(Err(refused));
            }
            match known {
                None => ledger.open(&rental).map(|_| Ok(())),
                Some(_) => ledger.update(&rental).map(Ok),
            }
        };
        self.with(reserving).await?
    }

    /// Off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RentError> {
        let ledger = self.tools.ledger.clone();
        let done = tokio::task::spawn_blocking(move || work(&*ledger)).await;
        let done = done.map_err(|error| RentError::Failed(error.to_string()))?;
        done.map_err(|error| RentError::Failed(error.to_string()))
    }
}

/// What counts against the caps beside a rental that may be `known` already.
fn spent(
    ledger: &dyn Ledger,
    renter: &Renter,
    known: Option<&Rental>,
    since: u64,
) -> Result<Spent, StoreError> {
    let own = known.map_or(0, Rental::cost_micro_usd);
    let day = ledger.committed_micro_usd(None, since)?;
    let renter_day = ledger.committed_by_renter_micro_usd(renter, since)?;
    let live = ledger.live()?;
    let others = |rental: &&Rental| known.is_none_or(|known| known.order_key != rental.order_key);
    Ok(Spent {
        day_micro_usd: day.saturating_sub(own),
        renter_day_micro_usd: renter_day.saturating_sub(own),
        rentals: live.iter().filter(others).count(),
    })
}

fn miner(rental: &Rental) -> Option<AccountId> {
    rental.adapter.parse().ok()
}

fn held(rental: &Rental, note: Option<String>) -> Held {
    Held {
        miner: miner(rental).unwrap_or(AccountId([0; 32])),
        rental: rental.lease(),
        cost_micro_usd: rental.cost_micro_usd(),
        note: note.map(|note| escape(&note)),
    }
}

/// What an operator is told of a miner's words.
fn told(failure: RentFailure) -> RentError {
    match failure {
        RentFailure::Said(error) => error,
        other => RentError::Upstream(other.to_string()),
    }
}
