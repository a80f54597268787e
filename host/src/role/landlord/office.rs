//! What all parts of the landlord share.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::subnet::events::{Event, Observer};
use crate::subnet::evidence::StoreError;
use crate::subnet::letting::Rules;
use crate::subnet::plugin::Plugins;
use crate::subnet::provider::{ProviderAdapter, ProviderError};
use crate::subnet::rental::{Phase, RentError, Rental};
use crate::subnet::workload::Caretaker;

use super::board::Board;
use super::book::Book;
use super::clock::Clock;
use super::request::prefix;
use super::tasks::Tasks;
use super::{MayRent, Means};

/// The first wait after a failure, in seconds; it doubles.
const RETRY_S: u64 = 2;
/// The longest wait after a failure.
const RETRY_S_MAX: u64 = 300;
/// The longest a provider may ask to be left alone.
const BUSY_S_MAX: u64 = 3_600;

/// When an adapter's instances were compared with the ledger.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Unix seconds.
    pub(super) due_at: u64,
    /// In a row.
    pub(super) failures: u32,
    /// What runs and is nobody's, by the provider's names.
    pub(super) unknown: BTreeSet<String>,
    /// A comparison is under way.
    pub(super) under_way: bool,
}

/// The landlord's parts.
pub(super) struct Office {
    pub(super) book: Arc<Book>,
    pub(super) board: Arc<Board>,
    pub(super) rules: Arc<Rules>,
    pub(super) tasks: Arc<Tasks>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) may_rent: MayRent,
    pub(super) caretaker: Option<Arc<dyn Caretaker>>,
    pub(super) prefix: String,
    compared: Mutex<BTreeMap<String, Compared>>,
    plugins: Arc<dyn Plugins>,
    closing: AtomicBool,
}

impl Office {
    pub(super) fn open(means: Means, rules: Rules) -> Result<Self, StoreError> {
        let rules = Arc::new(rules);
        let tasks = Arc::new(Tasks::new());
        let board = Board::new(
            means.plugins.clone(),
            means.clock.clone(),
            rules.clone(),
            tasks.clone(),
        );
        Ok(Self {
            book: Arc::new(Book::open(means.ledger)?),
            board: Arc::new(board),
            rules,
            tasks,
            clock: means.clock,
            observer: means.observer,
            may_rent: means.may_rent,
            caretaker: means.caretaker,
            prefix: prefix(&means.me, means.netuid, &means.network),
            compared: Mutex::default(),
            plugins: means.plugins,
            closing: AtomicBool::new(false),
        })
    }

    /// Begins all that is due; nothing while the node ends.
    pub(super) fn tick(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        if self.is_closing() {
            return Vec::new();
        }
        let now = self.clock.unix_s();
        let mut begun = Vec::new();
        for (key, hold) in self.book.take_due(now) {
            let office = self.clone();
            begun.push(self.tasks.spawn(async move {
                office.work(&key).await;
                drop(hold);
            }));
        }
        begun.extend(self.reconcile_due(now));
        let board = self.board.clone();
        begun.push(self.tasks.spawn(async move { board.refresh().await }));
        self.count();
        begun
    }

    fn count(&self) {
        let counts = self.book.counts();
        for phase in Phase::LIVE {
            self.observer.observe(Event::Rentals {
                phase,
                count: counts.get(phase).copied().unwrap_or(0),
            });
        }
    }

    /// Lets nothing any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Work that is finished even if nobody waits for it any more.
    pub(super) async fn outlive<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RentError>> + Send + 'static,
    ) -> Result<T, RentError> {
        let done = self.tasks.spawn(work).await;
        done.unwrap_or_else(|_| Err(RentError::Failed("the miner is ending".to_owned())))
    }

    /// The active adapter of that name.
    pub(super) fn adapter(&self, name: &str) -> Option<Arc<dyn ProviderAdapter>> {
        let mut adapters = self.plugins.providers().into_iter();
        adapters.find(|adapter| adapter.id().name == name)
    }

    pub(super) fn adapters(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        self.plugins.providers()
    }

    /// One call of an adapter, bounded in time: past it, nobody knows what happened.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let limit = Duration::from_secs(self.rules.call_timeout_s);
        let answer = tokio::time::timeout(limit, call).await;
        answer.unwrap_or_else(|_| {
            Err(ProviderError::Upstream(format!(
                "no answer within {} seconds",
                limit.as_secs()
            )))
        })
    }

    /// Nothing more is done about a rental for so many seconds.
    pub(super) fn wait(&self, rental: &Rental, seconds: u64) {
        let until = self.clock.unix_s().saturating_add(seconds);
        self.book
            .pace(&rental.order_key, |pace| pace.not_before = until);
    }

    /// As long as the provider asked for.
    pub(super) fn wait_busy(&self, rental: &Rental, milliseconds: u32) {
        let seconds = u64::from(milliseconds).div_ceil(1_000);
        self.wait(rental, seconds.clamp(1, BUSY_S_MAX));
    }

    /// Longer after each failure; says how many in a row there were.
    pub(super) fn back_off(&self, order_key: &str) -> u32 {
        let now = self.clock.unix_s();
        let mut failures = 0;
        self.book.pace(order_key, |pace| {
            pace.failures = pace.failures.saturating_add(1);
            failures = pace.failures;
            pace.not_before = now.saturating_add(retry_s(failures));
        });
        failures
    }

    /// Instances of all adapters that the ledger does not know.
    pub(super) fn unknown_instances(&self) -> usize {
        let compared = self.compared.lock();
        let compared = compared.unwrap_or_else(PoisonError::into_inner);
        compared.values().map(|it| it.unknown.len()).sum()
    }

    pub(super) fn with_compared<T>(
        &self,
        adapter: &str,
        work: impl FnOnce(&mut Compared) -> T,
    ) -> T {
        let compared = self.compared.lock();
        let mut compared = compared.unwrap_or_else(PoisonError::into_inner);
        work(compared.entry(adapter.to_owned()).or_default())
    }
}

/// The wait after so many failures in a row.
pub(super) fn retry_s(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(RETRY_S_MAX.ilog2());
    (RETRY_S << doublings).min(RETRY_S_MAX)
}
