//! Rents machines that miners offer, to see whether one gets in.
//!
//! Once an epoch some machines are drawn, each is rented for some minutes, looked
//! into by SSH, and the rental ended, whatever was seen:
//!
//! ```text
//! lot ─> intended on disk ─> order ─> running? ─> look ─> end ─> released on disk
//!                              │         │          │
//!                              └─────────┴──────────┴──> judged, let, or void
//! ```
//!
//! What is not known to be over when the node dies is ended after its restart
//! ([`leftovers`]): a rental is on disk before it is asked for. Prices and sums
//! are capped before anything is asked.
//!
//! A machine fails if it was let to this validator and nobody got in. What a miner
//! refuses to let, and what this node or the network between may be to blame for,
//! is void: see [`judge`].

mod judge;
mod leftovers;
mod lot;
mod rental;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::subnet::chain::Metagraph;
use crate::subnet::events::{EndingKind, Event};
use crate::subnet::evidence::StoreError;
use crate::subnet::probe::{ProbeBook, ProbeEnding, ProbeRecord, Prober};
use crate::subnet::text::escape;

use super::Means;
use super::memory::Memory;
use super::session::random;
use super::survey::Answering;
use lot::{Budget, Drawn};

/// Over how long the daily cap counts.
const DAY_S: u64 = 86_400;

/// What probes may take. Prices and sums are in millionths of a US dollar.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// Machines drawn in one epoch, at most one of each miner.
    pub machines_per_epoch: u64,
    /// Rented at the same time.
    pub machines_at_once: usize,
    /// How long a machine is rented; it is given back as soon as it was looked at.
    pub rental: Duration,
    /// How long it may take from the order until one gets in.
    pub ready: Duration,
    /// Between two looks at a rental that is not running yet.
    pub poll: Duration,
    /// Machines that cost more are not rented.
    pub price_micro_usd_per_hour_max: u64,
    /// For the probes of one epoch.
    pub epoch_micro_usd_max: u64,
    /// For the probes of any 24 hours.
    pub day_micro_usd_max: u64,
    /// If more of an epoch's machines than this could not be reached, it is our fault.
    pub void_permille: u16,
}

/// What it takes to probe.
#[derive(Clone)]
pub struct Probing {
    prober: Arc<dyn Prober>,
    book: Arc<dyn ProbeBook>,
    options: Arc<ProbeOptions>,
    /// Whether any machine was reached since the node started: until then nobody
    /// knows whether this node's own network lets it out.
    reached: Arc<AtomicBool>,
}

impl Probing {
    /// Looks with `prober` and remembers in `book`.
    pub fn new(prober: Arc<dyn Prober>, book: Arc<dyn ProbeBook>, options: ProbeOptions) -> Self {
        Self {
            prober,
            book,
            options: Arc::new(options),
            reached: Arc::default(),
        }
    }

    /// What is remembered of probes.
    pub(super) fn book(&self) -> Arc<dyn ProbeBook> {
        self.book.clone()
    }

    fn memory(&self) -> Memory<dyn ProbeBook> {
        Memory(self.book.clone())
    }
}

/// One epoch's probes.
pub(super) struct Round {
    pub(super) means: Means,
    pub(super) probing: Probing,
    pub(super) metagraph: Arc<Metagraph>,
    pub(super) answering: Answering,
    /// The node is about to end.
    pub(super) leaving: watch::Receiver<bool>,
}

/// A probe that was begun, and what came of it.
struct Looked {
    drawn: Drawn,
    record: ProbeRecord,
    ending: ProbeEnding,
    /// Whether the network between was seen to carry SSH; none if nobody tried.
    reached: Option<bool>,
    elapsed: Duration,
}

impl Round {
    /// Ends what was left, then probes what is drawn, if anything is to be. Whether
    /// a rental may be left that is not known to be over.
    pub(super) async fn run(self, draw: bool) -> bool {
        leftovers::end_all(&self).await;
        if draw {
            match self.draw().await {
                Ok(drawn) => self.probe_all(drawn).await,
                Err(error) => warn!(%error, "no machine is probed in this epoch"),
            }
        }
        let held = self.probing.memory().with(|book| book.held_probes()).await;
        held.map_or(true, |held| !held.is_empty())
    }

    /// Returns when every rental has been asked to end.
    async fn probe_all(&self, drawn: Vec<Drawn>) {
        let at_once = self.probing.options.machines_at_once.max(1);
        let looked: Vec<Looked> = futures::stream::iter(drawn)
            .map(|drawn| self.probe(drawn))
            .buffer_unordered(at_once)
            .filter_map(|looked| async { looked })
            .collect()
            .await;
        let ours = self.is_ours(&looked);
        for looked in looked {
            self.conclude(looked, ours).await;
        }
    }

    async fn draw(&self) -> Result<Vec<Drawn>, StoreError> {
        let offered = lot::offered(&self.metagraph, self.means.me, &self.answering.load());
        let (epoch, since) = (self.metagraph.epoch, unix_s().saturating_sub(DAY_S));
        let (tries, spent) = self
            .probing
            .memory()
            .with(move |book| Ok((book.last_tries()?, book.probe_spending(epoch, since)?)))
            .await?;
        let seed = random()?;
        let budget = Budget::new(&self.probing.options, spent);
        Ok(lot::draw(offered, &tries, seed, budget))
    }

    /// Rents one machine, looks, and ends the rental. Nothing is asked for that is
    /// not on disk.
    async fn probe(&self, drawn: Drawn) -> Option<Looked> {
        if *self.leaving.borrow() {
            return None;
        }
        let record = self.intend(&drawn).await?;
        let began = Instant::now();
        let (ending, reached) = rental::probe(self, &drawn, &record).await;
        Some(Looked {
            drawn,
            record,
            ending,
            reached,
            elapsed: began.elapsed(),
        })
    }

    async fn intend(&self, drawn: &Drawn) -> Option<ProbeRecord> {
        let began_at = unix_s();
        let key = match random::<16>() {
            Ok(key) => format!("probe-{}", hex::encode(key)),
            Err(error) => {
                error!(%error, "no machine can be probed");
                return None;
            }
        };
        let record = ProbeRecord {
            key,
            hotkey: drawn.peer.hotkey,
            machine: drawn.machine.id.clone(),
            block: self.means.chain.heads().borrow().number,
            epoch: self.metagraph.epoch,
            began_at,
            ends_at: began_at.saturating_add(self.probing.options.rental.as_secs()),
            price_micro_usd_per_hour: drawn.machine.price_micro_usd_per_hour,
            cost_micro_usd_max: drawn.cost_micro_usd_max,
        };
        let kept = record.clone();
        let written = self
            .probing
            .memory()
            .with(move |book| book.intend_probe(&kept))
            .await;
        if let Err(error) = written {
            error!(%error, "no machine is rented: what is rented must be on record first");
            return None;
        }
        Some(record)
    }

    /// Whether most of an epoch's machines were out of reach, or all there ever
    /// were: then our own network may be.
    fn is_ours(&self, looked: &[Looked]) -> bool {
        let reached = |wanted| {
            looked
                .iter()
                .filter(|looked| looked.reached == Some(wanted))
                .count()
        };
        let (good, bad) = (reached(true), reached(false));
        if good > 0 {
            self.probing.reached.store(true, Ordering::Relaxed);
        }
        let permille = usize::from(self.probing.options.void_permille);
        let most = good + bad >= judge::BLAME_MACHINES_MIN && bad * 1000 > (good + bad) * permille;
        let ours = bad > 0 && (most || !self.probing.reached.load(Ordering::Relaxed));
        if ours {
            warn!(
                machines = bad,
                "machines could not be reached by SSH, perhaps because of this node's own network"
            );
        }
        ours
    }

    async fn conclude(&self, looked: Looked, ours: bool) {
        let ending = match looked.reached {
            Some(false) if ours => ProbeEnding::Void(judge::OUR_NETWORK.to_owned()),
            _ => looked.ending,
        };
        let (key, kept) = (looked.record.key.clone(), ending.clone());
        let memory = self.probing.memory();
        let written = memory
            .with(move |book| book.conclude_probe(&key, &kept))
            .await;
        if let Err(error) = written {
            return error!(%error, "what a probe saw is not on record: it counts for nobody");
        }
        self.report(&looked.drawn, &ending, looked.elapsed);
    }

    fn report(&self, drawn: &Drawn, ending: &ProbeEnding, elapsed: Duration) {
        let (uid, machine) = (drawn.uid, escape(&drawn.machine.id));
        let kind = match ending {
            ProbeEnding::Judged { finding, reason } => {
                let passed = finding.passed;
                info!(uid, machine, passed, reason = escape(reason), "probed");
                if passed {
                    EndingKind::Passed
                } else {
                    EndingKind::Failed
                }
            }
            ProbeEnding::Let => {
                info!(uid, machine, "not probed: it is let to somebody else");
                EndingKind::Void
            }
            ProbeEnding::Void(why) => {
                info!(uid, machine, why = escape(why), "probe void");
                EndingKind::Void
            }
        };
        self.means
            .observer
            .observe(Event::ProbeEnded { kind, elapsed });
    }
}

fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
