//! A validator: asks, remembers, scores, sets weights.
//!
//! ```text
//! each head ─┬─ survey due, or my turn ──> one background task:
//!            │     survey: every serving miner describes itself
//!            │     round:  sessions in lockstep, all clocks at the same moment
//!            ├─ a new epoch ────────────> machines are rented and looked into
//!            ├─ epoch about to end ──────> policy ──> weights, intended on disk
//!            └─ weights not confirmed ───> send, look, send again
//! ```
//!
//! Everything that matters is in the store before it is acted on, so the node
//! goes on where it was after `kill -9`: unfinished sessions continue under
//! the digest they began under, and weights are looked up on chain before they
//! are sent again.

mod evidence;
pub mod guard;
mod keeping;
mod memory;
pub mod probing;
mod round;
mod scoring;
mod session;
mod setting;
mod shadow;
mod survey;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::role::registration::{NoSlot, registered};
use crate::subnet::chain::{Chain, Metagraph};
use crate::subnet::events::{Condition, Event, Observer};
use crate::subnet::evidence::EvidenceStore;
use crate::subnet::key::AccountId;
use crate::subnet::plugin::Plugins;
use crate::subnet::wire::Dendrite;
use crate::subnet::{BlockNumber, Netuid};

use session::Live;
use survey::Answering;

/// How long a round may go on after the node was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Held while a miner's clock runs, and by whoever does guest work meanwhile:
/// what shares the validator's processors with a clock would falsify it.
pub type Quiet = Arc<Mutex<()>>;

/// How the tasks of one step leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// All at the same moment, so that one machine behind several uids cannot
    /// answer for one after the other.
    Together,
    /// One after the other, where miners are known to share a machine.
    InTurn,
}

/// What a validator is told by its operator. Blocks are the chain's.
#[derive(Debug, Clone)]
pub struct ValidatorOptions {
    /// The subnet.
    pub netuid: Netuid,
    /// Takes a slot if it has none, paying at most so much.
    pub register_limit_rao: Option<u64>,
    /// Between two looks at the metagraph.
    pub sync_blocks: u64,
    /// Between two surveys.
    pub survey_blocks: u64,
    /// Between two rounds of challenges, at least.
    pub challenge_blocks: u64,
    /// Length of one validator's turn.
    pub turn_blocks: u64,
    /// A step in which more sessions than this fail in transport is our fault.
    pub void_permille: u16,
    /// How long before the end of an epoch it is scored.
    pub lead_blocks: u64,
    /// Sessions in lockstep.
    pub sessions_at_once: usize,
    /// Verdicts worked out at the same time.
    pub verify_at_once: usize,
    /// Surveyed at the same time.
    pub surveys_at_once: usize,
    /// How tasks leave.
    pub spread: Spread,
}

/// What a validator works with.
#[derive(Clone)]
pub struct Means {
    /// This validator's key.
    pub me: AccountId,
    /// Its chain.
    pub chain: Arc<dyn Chain>,
    /// Its way to the miners.
    pub dendrite: Arc<dyn Dendrite>,
    /// Its policy and generators.
    pub plugins: Arc<dyn Plugins>,
    /// Its memory.
    pub store: Arc<dyn EvidenceStore>,
    /// Who counts what happens.
    pub observer: Arc<dyn Observer>,
    /// Keeps the machine quiet while a clock runs.
    pub quiet: Quiet,
    /// Stands between the policy and the chain.
    pub guard: Arc<guard::Guard>,
    /// Looks into machines; none if they are not to be rented.
    pub probing: Option<probing::Probing>,
}

/// A validator between two heads.
pub struct Validator {
    means: Means,
    options: Arc<ValidatorOptions>,
    metagraph: Option<Arc<Metagraph>>,
    answering: Answering,
    surveyed: Option<BlockNumber>,
    challenged: Option<BlockNumber>,
    work: Option<JoinHandle<()>>,
    probes: Option<JoinHandle<bool>>,
    /// The epoch whose machines were drawn.
    probed: Option<u64>,
    /// Whether probes may hold rentals from before.
    leftovers: bool,
    /// Told when the node is about to end.
    leaving: watch::Sender<bool>,
    resumed: Vec<Live>,
    /// The epoch it was when this validator first looked.
    began: Option<u64>,
    /// The epoch whose outcome became weights, or none for a reason.
    proposed: Option<u64>,
    tries: setting::Tries,
    drain: Duration,
}

impl Validator {
    /// Does nothing until [`Validator::run`].
    pub fn new(means: Means, options: ValidatorOptions) -> Self {
        Self {
            means,
            options: Arc::new(options),
            metagraph: None,
            answering: Answering::default(),
            surveyed: None,
            challenged: None,
            work: None,
            probes: None,
            probed: None,
            leftovers: true,
            leaving: watch::Sender::new(false),
            resumed: Vec::new(),
            began: None,
            proposed: None,
            tries: setting::Tries::default(),
            drain: DRAIN,
        }
    }

    /// Follows the chain until told to stop, or until validating is impossible.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), NoSlot> {
        let mut heads = self.means.chain.heads();
        let mut resumed = false;
        while !*stop.borrow_and_update() {
            let head = heads.borrow_and_update().number;
            if self.sync(head).await? {
                if !resumed {
                    self.resumed = session::resume(&self.means, head).await;
                    resumed = true;
                }
                self.step(head).await;
            }
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { break },
                _ = stop.changed() => break,
            }
        }
        self.drain().await;
        Ok(())
    }

    /// Whether there is a metagraph to work with.
    async fn sync(&mut self, head: BlockNumber) -> Result<bool, NoSlot> {
        let fresh = |at: BlockNumber| head >= at && head < at + self.options.sync_blocks;
        if self
            .metagraph
            .as_ref()
            .is_some_and(|metagraph| fresh(metagraph.block))
        {
            return Ok(true);
        }
        let limit_rao = self.options.register_limit_rao;
        match registered(
            &*self.means.chain,
            self.options.netuid,
            self.means.me,
            limit_rao,
        )
        .await
        {
            Ok(metagraph) => {
                self.means.observer.observe(Event::Readiness {
                    condition: Condition::Registered,
                    met: true,
                });
                self.metagraph = Some(Arc::new(metagraph));
            }
            Err(error) if error.passes() => warn!(%error, "will ask again with the next block"),
            Err(error) => return Err(error),
        }
        Ok(self.metagraph.is_some())
    }

    async fn step(&mut self, head: BlockNumber) {
        let Some(metagraph) = self.metagraph.clone() else {
            return;
        };
        self.begin_work(head, metagraph.clone());
        self.begin_probes(&metagraph).await;
        if let Err(error) = self.score_if_due(head, &metagraph).await {
            warn!(%error, "this epoch is not scored yet");
        }
        if let Err(error) = self.settle_weights().await {
            warn!(%error, "the weights are not settled yet");
        }
    }

    /// Starts the background task if something is due and none is running.
    fn begin_work(&mut self, head: BlockNumber, metagraph: Arc<Metagraph>) {
        if self.work.as_ref().is_some_and(|work| !work.is_finished()) {
            return;
        }
        let elapsed = |since: Option<BlockNumber>, blocks: u64| {
            since.is_none_or(|at| head >= at + blocks || head < at)
        };
        let survey = elapsed(self.surveyed, self.options.survey_blocks);
        let challenge = elapsed(self.challenged, self.options.challenge_blocks)
            && turns::is_mine(&metagraph, self.means.me, head, self.options.turn_blocks);
        if !survey && !challenge && self.resumed.is_empty() {
            return;
        }
        if survey {
            self.surveyed = Some(head);
        }
        if challenge {
            self.challenged = Some(head);
        }
        let (means, options, answering) = (
            self.means.clone(),
            self.options.clone(),
            self.answering.clone(),
        );
        let resumed = std::mem::take(&mut self.resumed);
        self.work = Some(tokio::spawn(async move {
            if survey {
                survey::survey(&means, &options, &metagraph, &answering).await;
            }
            round::round(&means, &options, &metagraph, &answering, resumed, challenge).await;
        }));
    }

    /// Ends what earlier probes left, then draws and probes once in an epoch.
    async fn begin_probes(&mut self, metagraph: &Arc<Metagraph>) {
        let Some(probing) = self.means.probing.clone() else {
            return;
        };
        if self
            .probes
            .as_ref()
            .is_some_and(|probes| !probes.is_finished())
        {
            return;
        }
        if let Some(probes) = self.probes.take() {
            self.leftovers = probes.await.unwrap_or(true);
        }
        let due = self.probed != Some(metagraph.epoch) && !self.answering.load().is_empty();
        if !due && !self.leftovers {
            return;
        }
        if due {
            self.probed = Some(metagraph.epoch);
        }
        let round = probing::Round {
            means: self.means.clone(),
            probing,
            metagraph: metagraph.clone(),
            answering: self.answering.clone(),
            leaving: self.leaving.subscribe(),
        };
        self.probes = Some(tokio::spawn(round.run(due)));
    }

    async fn drain(&mut self) {
        self.leaving.send_replace(true);
        let until = tokio::time::Instant::now() + self.drain;
        if let Some(work) = self.work.take() {
            info!(
                "waiting at most {} s for the sessions under way",
                self.drain.as_secs()
            );
            let abort = work.abort_handle();
            if tokio::time::timeout_at(until, work).await.is_err() {
                abort.abort();
                warn!("sessions under way were left; they continue, or are void, after a restart");
            }
        }
        if let Some(probes) = self.probes.take() {
            let abort = probes.abort_handle();
            if tokio::time::timeout_at(until, probes).await.is_err() {
                abort.abort();
                warn!("probes' rentals under way were left; they are ended after a restart");
            }
        }
    }
}
