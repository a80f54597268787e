//! A validator's operator finds machines by requirement and rents them.
//!
//! ```text
//! operator ── signed JSON ──> Operator ──> Market (last survey, findings)
//!                                └───────> Book ── intent on disk ──> miners
//! ```
//!
//! Served on a listener of its own, off unless configured, in btauth/1 by the
//! keys in `operator.keys`; answers are signed too. `openapi.json` describes it
//! and is served at [`OPENAPI_PATH`], to anybody who may connect. What an
//! operator rented is its own: another key sees none of it. Miners let to this
//! validator, and it owes what they ask: [`Purse`] says how much that may be.
//!
//! What the original's register API did: `allocate_spec` is `rent`,
//! `allocate_hotkey` is `rent` with `requirement.miner`, `deallocate` is `end`,
//! `check_miner_status` is `show`, its lists are `list` and `find`.

mod asked;
mod book;
mod market;
mod payer;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::subnet::Netuid;
use crate::subnet::chain::Chain;
use crate::subnet::evidence::EvidenceStore;
use crate::subnet::key::AccountId;
use crate::subnet::purse::Purse;
use crate::subnet::rental::{Ledger, RentError};
use crate::subnet::wire::{Dendrite, Description, Refusal, Service, TaskReceived};

pub use asked::{Extension, Found, Held, Machines, Named, Rentals, Requirement, Wanted};
use book::{Book, Tools, order_key};
use market::Market;

/// Where the API's description is served.
pub const OPENAPI_PATH: &str = "/compute-subnet/1/operator/openapi.json";
/// The description of the API.
pub const OPENAPI: &str = include_str!("operator/openapi.json");
/// Between two looks at what is not settled.
const SETTLE_EVERY: Duration = Duration::from_secs(15);

/// What the operator API works with.
pub struct Means {
    /// The subnet.
    pub netuid: Netuid,
    /// This validator's key.
    pub me: AccountId,
    /// Whose requests are served.
    pub keys: HashSet<AccountId>,
    /// What their rentals may cost.
    pub purse: Purse,
    /// A miner that answered no survey for so many blocks is not offered.
    pub answered_within_blocks: u64,
    /// Where miners are.
    pub chain: Arc<dyn Chain>,
    /// What miners said, and what was found out about them.
    pub store: Arc<dyn EvidenceStore>,
    /// The way to the miners.
    pub dendrite: Arc<dyn Dendrite>,
    /// What was rented, on disk.
    pub ledger: Arc<dyn Ledger>,
    /// Seconds since 1970.
    pub now_unix_s: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Serves the operator API.
pub struct Operator {
    keys: HashSet<AccountId>,
    market: Arc<Market>,
    book: Arc<Book>,
}

impl Operator {
    /// Rents nothing until it is asked to.
    pub fn new(means: Means) -> Self {
        let market = Arc::new(Market::new(&means));
        let book = Book::new(Tools {
            ledger: means.ledger,
            dendrite: means.dendrite,
            market: market.clone(),
            purse: means.purse,
            now_unix_s: means.now_unix_s,
        });
        Self {
            keys: means.keys,
            market,
            book: Arc::new(book),
        }
    }

    /// Brings what the node left unfinished to an end, at once and then every
    /// quarter of a minute, until told to stop.
    pub async fn tend(&self, mut stop: watch::Receiver<bool>) {
        let mut due = tokio::time::interval(SETTLE_EVERY);
        while !*stop.borrow_and_update() {
            tokio::select! {
                _ = due.tick() => self.book.settle().await,
                _ = stop.changed() => {}
            }
        }
    }

    async fn answer(
        &self,
        caller: AccountId,
        operation: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, RentError> {
        let book = self.book.clone();
        match operation {
            "find" => {
                let machines = self.market.find(&read(body)?).await?;
                write(&Machines { machines })
            }
            "rent" => {
                let wanted: Wanted = read(body)?;
                write(&outlive(async move { book.rent(caller, wanted).await }).await?)
            }
            "show" => {
                let Named { key } = read(body)?;
                write(&book.show(&order_key(&caller, &key)).await?)
            }
            "extend" => {
                let Extension { key, by_s } = read(body)?;
                let key = order_key(&caller, &key);
                write(&outlive(async move { book.extend(&key, by_s).await }).await?)
            }
            "end" => {
                let Named { key } = read(body)?;
                let key = order_key(&caller, &key);
                write(&outlive(async move { book.end(&key).await }).await?)
            }
            "list" => write(&Rentals {
                rentals: book.list(caller).await?,
            }),
            other => Err(RentError::Malformed(format!(
                "there is no operation {other}; see {OPENAPI_PATH}"
            ))),
        }
    }
}

/// Goes on when the caller hangs up: what was begun is noted.
async fn outlive<T: Send + 'static>(
    work: impl Future<Output = Result<T, RentError>> + Send + 'static,
) -> Result<T, RentError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "work on a rental panicked");
        Err(RentError::Failed("this node failed; look with show".into()))
    })
}

/// An empty body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, RentError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| RentError::Malformed(format!("the body does not parse: {error}")))
}

fn write<T: Serialize>(answer: &T) -> Result<Vec<u8>, RentError> {
    serde_json::to_vec(answer).map_err(|error| RentError::Failed(error.to_string()))
}

#[async_trait]
impl Service for Operator {
    fn admit(&self, caller: &AccountId) -> Result<(), Refusal> {
        if self.keys.contains(caller) {
            return Ok(());
        }
        let why = "your key is not one of operator.keys";
        Err(Refusal::Forbidden(why.to_owned()))
    }

    async fn describe(&self, _caller: &AccountId) -> Result<Description, Refusal> {
        Err(Refusal::Unable(format!(
            "no miner is here; see {OPENAPI_PATH}"
        )))
    }

    async fn challenge(&self, _: &AccountId, _: TaskReceived) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Unable(format!(
            "no miner is here; see {OPENAPI_PATH}"
        )))
    }

    async fn end_session(&self, _caller: &AccountId, _session: &str) {}

    async fn operate(
        &self,
        caller: &AccountId,
        operation: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, RentError> {
        self.answer(*caller, operation, body).await
    }

    fn document(&self, path: &str) -> Option<&'static str> {
        (path == OPENAPI_PATH).then_some(OPENAPI)
    }
}
