//! Lets machines: the miner's own and those of its providers.
//!
//! Rentals are money. Each is an intent on disk before anything is bought, and a
//! [`Phase`](crate::subnet::rental::Phase) on disk before each call to a provider
//! and after it, so that whoever starts the node again knows what may have been
//! bought, and looks before it buys:
//!
//! ```text
//! rent ── check, caps, intent on disk ─┐
//! tick ── what is due ─────────────────┼─> step: call, result on disk, again or wait
//! inspect, extend, act, end ── of one ─┘     Intended  provision
//! tick ── every few minutes, by adapter:     Unknown   look twice, a settle time apart
//!         reconcile: what runs against       Running   until it can be logged in to, is
//!         what the ledger says                         lost, or its time is over
//!                                            Ending    terminate until it is gone
//! ```
//!
//! One rental is worked on by one task at a time, and that task outlives whoever
//! asked for it. A provider that fails or hangs delays its own rentals and nobody
//! else's: offers are read side by side, and so many rentals of one adapter are in
//! hand at once. Ending is retried for as long as the node lives, ever louder,
//! because it costs money until it succeeds; whatever else is retried is bounded.
//!
//! What it does not do: take a renter's money, judge who may rent (that is
//! [`MayRent`]), or end anything at a provider whose adapter is gone (it says so).

mod act;
mod board;
mod book;
mod clock;
mod drive;
mod ending;
mod extend;
mod labels;
mod office;
mod reconcile;
mod renting;
mod request;
mod rules;
mod running;
mod showing;
mod tasks;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::subnet::Netuid;
use crate::subnet::events::Observer;
use crate::subnet::evidence::StoreError;
use crate::subnet::key::AccountId;
use crate::subnet::letting::Rules;
use crate::subnet::plugin::Plugins;
use crate::subnet::rental::{
    Act, Landlord, Lease, Ledger, Listing, RentError, RentRequest, Rental, Renter,
};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::workload::Caretaker;

pub use clock::{Clock, SystemClock};

use office::Office;

/// Between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

/// Says who may rent; the text reaches who may not. The operator always may.
pub type MayRent = Arc<dyn Fn(&AccountId) -> Result<(), String> + Send + Sync>;

/// What lets machines are made of.
pub struct Means {
    /// Whose orders they are.
    pub me: AccountId,
    /// In which subnet.
    pub netuid: Netuid,
    /// The chain's name, to keep apart what one key orders on two of them.
    pub network: String,
    /// Where rentals are kept.
    pub ledger: Arc<dyn Ledger>,
    /// Where the adapters are.
    pub plugins: Arc<dyn Plugins>,
    /// Counts.
    pub observer: Arc<dyn Observer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who may rent.
    pub may_rent: MayRent,
    /// Has what runs on this machine, if anything of it is let out.
    pub caretaker: Option<Arc<dyn Caretaker>>,
}

/// The landlord of a miner. Cheap to clone.
#[derive(Clone)]
pub struct Lettings(Arc<Office>);

impl Lettings {
    /// Reads what is not over; nothing is called until [`Lettings::run`].
    pub fn open(means: Means, rules: Rules) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Office::open(means, rules)?)))
    }

    /// Does what is due until `shutdown`; then lets nothing any more and waits, for
    /// `drain` at most, until no call is between its intent and its result.
    pub async fn run(self, shutdown: impl Future<Output = ()>, drain: Duration) {
        tokio::pin!(shutdown);
        loop {
            drop(self.0.tick());
            tokio::select! {
                () = &mut shutdown => break,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        self.close(drain).await;
    }

    /// Does all that is due now, and waits until it is done.
    pub async fn work_due(&self) {
        for work in self.0.tick() {
            // Cut off only where the runtime ends.
            let _ = work.await;
        }
    }

    /// Lets nothing any more, and waits for what runs.
    async fn close(&self, drain: Duration) {
        self.0.close();
        if tokio::time::timeout(drain, self.0.tasks.idle())
            .await
            .is_err()
        {
            tracing::warn!("rentals are still being worked on; the next start looks at them");
        }
    }
}

#[async_trait]
impl Landlord for Lettings {
    async fn listings(&self) -> Vec<Listing> {
        let mut listings = self.0.board.listings().await;
        listings.truncate(self.0.rules.listings_max.saturating_add(1));
        listings
    }

    async fn rent(&self, renter: &Renter, request: RentRequest) -> Result<Lease, RentError> {
        let (office, renter) = (self.0.clone(), *renter);
        self.0
            .outlive(async move { office.rent(renter, request).await })
            .await
    }

    async fn inspect(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        let (office, renter, key) = (self.0.clone(), *renter, key.to_owned());
        self.0
            .outlive(async move { office.inspect(renter, &key).await })
            .await
    }

    async fn extend(&self, renter: &Renter, key: &str, by_s: u64) -> Result<Lease, RentError> {
        let (office, renter, key) = (self.0.clone(), *renter, key.to_owned());
        self.0
            .outlive(async move { office.extend(renter, &key, by_s).await })
            .await
    }

    async fn end(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        let (office, renter, key) = (self.0.clone(), *renter, key.to_owned());
        self.0
            .outlive(async move { office.end(renter, &key).await })
            .await
    }

    async fn leases(&self, renter: &Renter) -> Result<Vec<Lease>, RentError> {
        self.0.leases(*renter).await
    }

    async fn machines(&self) -> Vec<OfferedMachine> {
        let listings = self.listings().await;
        self.0.machines(listings).await
    }

    async fn rentals(&self) -> Result<Vec<Rental>, RentError> {
        self.0.rentals().await
    }

    async fn act(&self, renter: &Renter, key: &str, act: Act) -> Result<(), RentError> {
        let (office, renter, key) = (self.0.clone(), *renter, key.to_owned());
        self.0
            .outlive(async move { office.act(renter, &key, act).await })
            .await
    }
}
