//! What operators rented of miners: on disk before a miner is asked.
//!
//! A miner is to this book what a provider is to a miner's. The key that the
//! miner is told follows from the operator and its own key, so that an order
//! that is sent twice is one rental, whatever was forgotten in between. Another
//! miner is asked only after one has signed that it did nothing. Where that is
//! unknown, the same miner is looked at, twice, and a settle time apart, before
//! the order counts as not taken: by then a request on its way is too old for
//! any axon to accept.

mod settle;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::subnet::evidence::StoreError;
use crate::subnet::key::AccountId;
use crate::subnet::provider::{Instance, InstanceState, Offer};
use crate::subnet::rental::{
    ID_BYTES_MAX, Lease, Ledger, Phase, RentError, RentRequest, Rental, Renter, cost_micro_usd,
};
use crate::subnet::text::escape;
use crate::subnet::wire::{Dendrite, RentCall, RentFailure};

use super::asked::{Found, Held, Wanted};
use super::market::Market;

/// The most miners that one order goes to, one after the other.
const TRIES_MAX: usize = 8;
/// No further miner is asked after this.
const TRYING_S_MAX: u64 = 90;
/// The most rentals in one answer.
const LIST_MAX: usize = 1_000;
/// The longest rental: ten years, so that no number is too large.
const DURATION_S_MAX: u64 = 3_650 * 86_400;

pub(super) struct Book {
    ledger: Arc<dyn Ledger>,
    dendrite: Arc<dyn Dendrite>,
    market: Arc<Market>,
    now_unix_s: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Rentals that somebody works on, by the key that the miner knows.
    busy: Mutex<HashSet<String>>,
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
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        dendrite: Arc<dyn Dendrite>,
        market: Arc<Market>,
        now_unix_s: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self {
            ledger,
            dendrite,
            market,
            now_unix_s,
            busy: Mutex::default(),
        }
    }

    /// The cheapest machine that fits; the next one if its miner says no.
    pub(super) async fn rent(
        &self,
        operator: AccountId,
        wanted: Wanted,
    ) -> Result<Held, RentError> {
        check(&wanted)?;
        let _claim = self.claim(&order_key(&operator, &wanted.key))?;
        let renter = Renter::Hotkey(operator);
        if let Some(known) = self.of(renter, wanted.key.clone()).await? {
            return self.look(known).await;
        }
        let candidates = self.market.find(&wanted.requirement).await?;
        let begun = (self.now_unix_s)();
        let mut opened: Option<Rental> = None;
        let mut why = "no machine that fits is offered; see find".to_owned();
        for found in candidates.into_iter().take(TRIES_MAX) {
            let now = (self.now_unix_s)();
            if now.saturating_sub(begun) > TRYING_S_MAX {
                break;
            }
            let is_first = opened.is_none();
            let rental = opened.insert(intend(renter, &operator, &wanted, &found, now));
            if is_first {
                self.open(rental.clone()).await?;
            } else {
                self.keep(rental).await?;
            }
            match self.order(rental).await {
                Ok(held) => return Ok(held),
                Err(refused) => why = format!("{}: {refused}", found.miner),
            }
        }
        let Some(mut rental) = opened else {
            return Err(RentError::NoSuchMachine(why));
        };
        let reason = escape(&why);
        rental.phase = Phase::Refused { reason };
        rental.over_at = Some((self.now_unix_s)());
        self.keep(&rental).await?;
        Err(RentError::Full(why))
    }

    /// `Err` if the miner did nothing, for certain.
    async fn order(&self, rental: &mut Rental) -> Result<Held, RentFailure> {
        let request = RentRequest {
            key: rental.order_key.clone(),
            ..rental.request.clone()
        };
        match self.call(rental, RentCall::Order(request)).await {
            Ok(lease) if lease.state == "refused" => {
                Err(RentError::Full(lease.reason.unwrap_or_default()).into())
            }
            Ok(lease) => {
                self.apply(rental, lease);
                Ok(self.kept(rental, None).await)
            }
            Err(failure) if failure.effect_unknown() => {
                let since = (self.now_unix_s)();
                rental.phase = Phase::Unknown { looks: 0, since };
                let note = format!("whether it is rented is not known yet: {failure}");
                Ok(self.kept(rental, Some(note)).await)
            }
            Err(failure) => Err(failure),
        }
    }

    /// A rental as its miner says it is now.
    pub(super) async fn show(&self, operator: AccountId, key: &str) -> Result<Held, RentError> {
        let rental = self.named(operator, key).await?;
        let _claim = self.claim(&rental.order_key)?;
        // Somebody may have worked on it until now.
        let rental = self.named(operator, key).await?;
        self.look(rental).await
    }

    async fn look(&self, mut rental: Rental) -> Result<Held, RentError> {
        if rental.phase.is_over() || matches!(rental.phase, Phase::Ending { .. }) {
            return Ok(held(&rental, None));
        }
        let key = rental.order_key.clone();
        let note = match self.call(&rental, RentCall::Show { key }).await {
            Ok(lease) => {
                self.apply(&mut rental, lease);
                None
            }
            Err(RentFailure::Said(RentError::NoSuchRental)) => {
                self.not_seen(&mut rental);
                Some("the miner knows no such rental".to_owned())
            }
            Err(failure) => return Ok(held(&rental, Some(failure.to_string()))),
        };
        Ok(self.kept(&rental, note).await)
    }

    /// More time. Sent once: after a failure `show` says what came of it.
    pub(super) async fn extend(
        &self,
        operator: AccountId,
        key: &str,
        by_s: u64,
    ) -> Result<Held, RentError> {
        if !(1..=DURATION_S_MAX).contains(&by_s) {
            return Err(RentError::Malformed("`by_s` is no time".to_owned()));
        }
        let mut rental = self.named(operator, key).await?;
        let _claim = self.claim(&rental.order_key)?;
        let key = rental.order_key.clone();
        let lease = self.call(&rental, RentCall::Extend { key, by_s }).await;
        self.apply(&mut rental, lease.map_err(told)?);
        Ok(self.kept(&rental, None).await)
    }

    /// Ends a rental, now or as soon as its miner can be reached.
    pub(super) async fn end(&self, operator: AccountId, key: &str) -> Result<Held, RentError> {
        let mut rental = self.named(operator, key).await?;
        let _claim = self.claim(&rental.order_key)?;
        if rental.phase.is_over() {
            return Ok(held(&rental, None));
        }
        if matches!(rental.phase, Phase::Running | Phase::Ending { .. }) {
            let reason = "its renter ended it".to_owned();
            rental.phase = Phase::Ending { reason };
            self.keep(&rental).await?;
        }
        self.finish(rental).await
    }

    /// An operator's rentals as they are on disk, newest first.
    pub(super) async fn list(&self, operator: AccountId) -> Result<Vec<Held>, RentError> {
        let renter = Renter::Hotkey(operator);
        let rentals = self
            .with(move |ledger| ledger.recent(Some(&renter), LIST_MAX))
            .await?;
        Ok(rentals.iter().map(|rental| held(rental, None)).collect())
    }

    /// Asks the miner that has it, or may have it.
    async fn call(&self, rental: &Rental, call: RentCall) -> Result<Lease, RentFailure> {
        let miner = miner(rental).ok_or_else(|| RentError::Failed("no miner has it".into()))?;
        let peer = self.market.peer(miner).await.map_err(|error| {
            let why = crate::subnet::wire::PeerError::Address(error.to_string());
            RentFailure::Peer(why)
        })?;
        let answer = self.dendrite.rent(&peer, call).await?;
        let no_lease = || RentError::Failed("the answer is about no rental".to_owned());
        Ok(answer.into_lease().ok_or_else(no_lease)?)
    }

    /// Takes over what the miner says.
    fn apply(&self, rental: &mut Rental, lease: Lease) {
        let reason = escape(lease.reason.as_deref().unwrap_or("the miner says so"));
        rental.phase = match lease.state.as_str() {
            "ended" => Phase::Ended { reason },
            "refused" => Phase::Refused { reason },
            "ending" => Phase::Ending { reason },
            _ => Phase::Running,
        };
        let state = match lease.ssh {
            Some(_) => InstanceState::Running,
            None => InstanceState::Starting,
        };
        rental.over_at = rental.phase.is_over().then(|| (self.now_unix_s)());
        rental.price_micro_usd_per_hour = lease.price_micro_usd_per_hour;
        (rental.began_at, rental.ends_at) = (lease.began_at, lease.ends_at);
        rental.spend_micro_usd_max = cost_micro_usd(
            lease.price_micro_usd_per_hour,
            lease.ends_at.saturating_sub(lease.began_at),
        );
        rental.instance = Some(Instance {
            id: rental.order_key.clone(),
            order_key: Some(rental.order_key.clone()),
            state,
            hardware: lease.hardware,
            price_micro_usd_per_hour: lease.price_micro_usd_per_hour,
            ssh: lease.ssh,
            ends_at: Some(lease.ends_at),
            labels: Vec::new(),
        });
    }

    /// What is shown, once it is on disk; if the disk fails it is shown all the
    /// same, because it is true, and looked up again later.
    async fn kept(&self, rental: &Rental, note: Option<String>) -> Held {
        match self.keep(rental).await {
            Ok(()) => held(rental, note),
            Err(error) => {
                tracing::error!(%error, key = rental.order_key, "a rental is not on record as it is");
                held(rental, note.or_else(|| Some(error.to_string())))
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

    async fn named(&self, operator: AccountId, key: &str) -> Result<Rental, RentError> {
        let found = self.of(Renter::Hotkey(operator), key.to_owned()).await?;
        found.ok_or(RentError::NoSuchRental)
    }

    async fn of(&self, renter: Renter, key: String) -> Result<Option<Rental>, RentError> {
        self.with(move |ledger| ledger.of_renter(&renter, &key))
            .await
    }

    async fn open(&self, rental: Rental) -> Result<(), RentError> {
        self.with(move |ledger| ledger.open(&rental).map(|_| ()))
            .await
    }

    async fn keep(&self, rental: &Rental) -> Result<(), RentError> {
        let rental = rental.clone();
        self.with(move |ledger| ledger.update(&rental)).await
    }

    /// Off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RentError> {
        let ledger = self.ledger.clone();
        let done = tokio::task::spawn_blocking(move || work(&*ledger)).await;
        let done = done.map_err(|error| RentError::Failed(error.to_string()))?;
        done.map_err(|error| RentError::Failed(error.to_string()))
    }
}

/// Unique to an operator and its key, and the same whenever it is asked for.
fn order_key(operator: &AccountId, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(operator.0)
        .chain_update(key.as_bytes())
        .finalize();
    format!("operator-{}", hex::encode(&digest[..16]))
}

fn check(wanted: &Wanted) -> Result<(), RentError> {
    let malformed = |why: &str| Err(RentError::Malformed(why.to_owned()));
    let is_key = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !(1..=ID_BYTES_MAX).contains(&wanted.key.len()) || !wanted.key.bytes().all(is_key) {
        return malformed("`key` must be 1 to 128 of a-z, 0-9 and -");
    }
    if !(1..=DURATION_S_MAX).contains(&wanted.duration_s) {
        return malformed("`duration_s` is no time");
    }
    Ok(())
}

fn intend(
    renter: Renter,
    operator: &AccountId,
    wanted: &Wanted,
    found: &Found,
    now: u64,
) -> Rental {
    let price = found.price_micro_usd_per_hour;
    let requirement = &wanted.requirement;
    let price_max = requirement.price_micro_usd_per_hour_max.unwrap_or(price);
    Rental {
        order_key: order_key(operator, &wanted.key),
        renter,
        request: RentRequest {
            key: wanted.key.clone(),
            machine: found.machine.clone(),
            image: wanted.image.clone(),
            ssh_public_key: wanted.ssh_public_key.clone(),
            cpu_threads: 0,
            memory_mib: 0,
            disk_mib: 0,
            duration_s: wanted.duration_s,
            price_micro_usd_per_hour_max: price_max,
            probe: false,
        },
        adapter: found.miner.to_string(),
        offer: Offer {
            id: found.machine.clone(),
            hardware: found.claimed.clone(),
            region: found.region.clone().unwrap_or_default(),
            price_micro_usd_per_hour: price,
            interruptible: false,
            labels: Vec::new(),
        },
        price_micro_usd_per_hour: price,
        spend_micro_usd_max: cost_micro_usd(price_max, wanted.duration_s),
        began_at: now,
        ends_at: now.saturating_add(wanted.duration_s),
        phase: Phase::Ordered,
        instance: None,
        over_at: None,
        labels: Vec::new(),
    }
}

fn miner(rental: &Rental) -> Option<AccountId> {
    rental.adapter.parse().ok()
}

fn held(rental: &Rental, note: Option<String>) -> Held {
    Held {
        miner: miner(rental).unwrap_or(AccountId([0; 32])),
        rental: rental.lease(),
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
