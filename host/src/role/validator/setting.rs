//! Brings weights to the chain and makes sure that they count there.
//!
//! ```text
//! Intended ── sent, in a block ──> Included ── read back from storage ──> Confirmed
//!   │  ^ └─── refused too often, or too late ──> Abandoned                    ^
//!   │  └──────────────────── dropped by the chain ───────┐                    │
//!   └─ commit demanded ─> Committing ── in a block ─> Committed ── revealed ──┘
//! ```
//!
//! Looks before it sends: after a restart, a lost answer or a timeout the
//! weights may be there already or on their way, and setting them twice would
//! meet the rate limit. What may still be on its way is waited for during
//! [`LOOK_BLOCKS`].
//!
//! An epoch's weights may be late by [`LATE_EPOCHS_MAX`], without the uids that
//! changed hands since; newer ones take their place.

mod commits;

use tracing::{error, info, warn};

use crate::subnet::BlockNumber;
use crate::subnet::chain::{ChainError, Metagraph};
use crate::subnet::commit::Plan;
use crate::subnet::events::{Event, WeightsKind};
use crate::subnet::evidence::{StoreError, WeightsRecord, WeightsState};
use crate::subnet::weights::still_held;

use super::Validator;

/// Refusals after which an epoch's weights are given up.
const REFUSALS_MAX: u32 = 5;
/// Epochs after their own in which weights are still sent.
const LATE_EPOCHS_MAX: u64 = 1;
/// Final blocks in which a call that may have reached a node's pool has to show:
/// the next block holds it, and is final some blocks later.
const LOOK_BLOCKS: u64 = 8;

/// What was tried with this epoch's weights.
#[derive(Debug, Default)]
pub(super) struct Tries {
    refused: u32,
    dropped: u32,
    /// When they were last found to be dropped; 0 if they never were.
    dropped_at: BlockNumber,
    /// They were sent, and the answer was lost.
    unsure: bool,
    /// When it will be clear that they did not arrive.
    look_until: Option<BlockNumber>,
}

impl Tries {
    /// Whether what was sent is not to be waited for any longer.
    fn is_lost(&mut self, now: BlockNumber) -> bool {
        let until = *self.look_until.get_or_insert(now + LOOK_BLOCKS);
        now >= until
    }

    fn sending(&mut self) {
        self.unsure = false;
        self.look_until = None;
    }
}

/// Why weights are not settled; the next head tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSettled {
    /// The record cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Validator {
    /// Takes all unsettled weights as far as they go now.
    pub(super) async fn settle_weights(&mut self) -> Result<(), NotSettled> {
        let (records, newest) = self
            .memory()
            .with(|store| Ok((store.unsettled_weights()?, store.last_weights()?)))
            .await?;
        if records.iter().all(|record| self.waits(record)) {
            return Ok(());
        }
        let metagraph = self.means.chain.metagraph(self.options.netuid).await?;
        let newest = newest.map_or(0, |newest| newest.epoch);
        for record in records {
            match &record.state {
                WeightsState::Committing(_) | WeightsState::Committed(..) => {
                    self.settle_commit(record, &metagraph, newest).await?;
                }
                _ => self.settle_open(record, &metagraph, newest).await?,
            }
        }
        Ok(())
    }

    async fn settle_open(
        &mut self,
        record: WeightsRecord,
        metagraph: &Metagraph,
        newest: u64,
    ) -> Result<(), NotSettled> {
        if self.landed(metagraph, &record).await? {
            return self.confirmed(record, metagraph.block).await;
        }
        if record.epoch < newest || metagraph.epoch > record.epoch + LATE_EPOCHS_MAX {
            error!(
                epoch = record.epoch,
                "these weights did not arrive on chain in time and are given up"
            );
            return self.moved(record, WeightsState::Abandoned).await;
        }
        if self.tries.unsure && !self.tries.is_lost(metagraph.block) {
            return Ok(());
        }
        if self.allowed(metagraph) {
            return self.send(record, metagraph).await;
        }
        Ok(())
    }

    /// Whether storage holds these weights, set after the epoch was scored.
    async fn landed(
        &self,
        metagraph: &Metagraph,
        record: &WeightsRecord,
    ) -> Result<bool, NotSettled> {
        let Some(own) = metagraph.neuron(&self.means.me) else {
            return Ok(false);
        };
        // The same weights may be there from before; a drop's commit counts as an update.
        let since = self.scored_at(record.epoch).await?;
        if own.last_update < since.max(self.tries.dropped_at) {
            return Ok(false);
        }
        Ok(self.means.chain.weights(metagraph.netuid, own.uid).await? == record.weights)
    }

    /// The block at which an epoch was scored; 0 if that is not on record.
    async fn scored_at(&self, number: u64) -> Result<BlockNumber, NotSettled> {
        let scored = self.memory().with(move |store| store.epoch(number)).await?;
        Ok(scored.map_or(0, |scored| scored.evidence.epoch.block))
    }

    /// Whether the subnet's rate limit lets weights through in the next block.
    fn allowed(&self, metagraph: &Metagraph) -> bool {
        metagraph.block + 1 >= self.allowed_from(metagraph)
    }

    /// The first block that may hold weights; the last one without a slot.
    fn allowed_from(&self, metagraph: &Metagraph) -> BlockNumber {
        match metagraph.neuron(&self.means.me) {
            Some(own) if own.last_update == 0 => 0,
            Some(own) => own.last_update + metagraph.rules.weights_rate_limit,
            None => BlockNumber::MAX,
        }
    }

    async fn send(
        &mut self,
        record: WeightsRecord,
        metagraph: &Metagraph,
    ) -> Result<(), NotSettled> {
        let Some(record) = self.without_newcomers(record, metagraph).await? else {
            return Ok(());
        };
        let (netuid, version_key) = (metagraph.netuid, metagraph.rules.weights_version_key);
        let chain = self.means.chain.clone();
        let plan = match chain
            .plan_weights(netuid, &record.weights, version_key)
            .await
        {
            Err(ChainError::Refused { name, remedy }) => {
                return self.refused(record, &name, &remedy, metagraph.block).await;
            }
            plan => plan?,
        };
        let state = match &plan {
            Plan::Set { .. } => WeightsState::Intended,
            Plan::Commit { commit, .. } => WeightsState::Committing(commit.clone()),
        };
        self.moved(record.clone(), state).await?;
        self.tries.sending();
        match (
            chain.send_weights(netuid, &record.weights, &plan).await,
            plan,
        ) {
            (Ok(included), Plan::Set { .. }) => self.included(record, included.block).await,
            (Ok(included), Plan::Commit { commit, .. }) => {
                self.committed(record, commit, included.block).await
            }
            (Err(ChainError::Refused { name, remedy }), _) => {
                self.refused(record, &name, &remedy, metagraph.block).await
            }
            (Err(error), _) => {
                self.tries.unsure = true;
                Err(error.into())
            }
        }
    }

    /// The same weights without the uids that changed hands since they were
    /// scored; none, if what is left cannot be set.
    async fn without_newcomers(
        &self,
        record: WeightsRecord,
        metagraph: &Metagraph,
    ) -> Result<Option<WeightsRecord>, NotSettled> {
        let scored = self.scored_at(record.epoch).await?;
        let is_held = |uid: u16| {
            let neuron = metagraph.neurons.get(usize::from(uid));
            neuron.is_some_and(|neuron| neuron.registered_at <= scored)
        };
        let all_held = record.weights.0.iter().all(|(uid, _)| is_held(*uid));
        // The chain scales what it is given, and would hold other weights than ours.
        let is_scaled = record.weights.values().contains(&u16::MAX);
        if all_held && is_scaled {
            return Ok(Some(record));
        }
        let (neurons, rules) = (metagraph.neurons.len(), &metagraph.rules);
        match still_held(&record.weights, is_held, neurons, rules) {
            Ok(weights) => {
                info!(
                    epoch = record.epoch,
                    "uids that changed hands since the epoch was scored are left out"
                );
                Ok(Some(WeightsRecord { weights, ..record }))
            }
            Err(why) => {
                error!(epoch = record.epoch, %why, "neurons left, and the other weights cannot be set");
                self.moved(record, WeightsState::Abandoned).await?;
                Ok(None)
            }
        }
    }

    async fn included(
        &mut self,
        record: WeightsRecord,
        block: BlockNumber,
    ) -> Result<(), NotSettled> {
        info!(
            epoch = record.epoch,
            block,
            uids = record.weights.0.len(),
            "weights set"
        );
        self.count(WeightsKind::Set, block);
        self.moved(record.clone(), WeightsState::Included(block))
            .await?;
        let metagraph = self.means.chain.metagraph(self.options.netuid).await?;
        if self.landed(&metagraph, &record).await? {
            return self.confirmed(record, metagraph.block).await;
        }
        // In a block, so not to be sent again before it must be in storage.
        self.tries.unsure = true;
        warn!(
            "the weights were in a block and are not in storage yet; looking again with the next block"
        );
        Ok(())
    }

    async fn refused(
        &mut self,
        record: WeightsRecord,
        name: &str,
        remedy: &str,
        block: BlockNumber,
    ) -> Result<(), NotSettled> {
        self.tries.refused += 1;
        self.count(WeightsKind::Refused, block);
        error!(
            epoch = record.epoch,
            name,
            remedy,
            tries = self.tries.refused,
            "the chain refused the weights"
        );
        let state = match self.tries.refused {
            REFUSALS_MAX.. => WeightsState::Abandoned,
            _ => WeightsState::Intended,
        };
        self.moved(record, state).await
    }

    async fn confirmed(&self, record: WeightsRecord, block: BlockNumber) -> Result<(), NotSettled> {
        info!(
            epoch = record.epoch,
            block, "weights confirmed from storage"
        );
        self.count(WeightsKind::Confirmed, block);
        self.moved(record, WeightsState::Confirmed(block)).await
    }

    async fn moved(&self, record: WeightsRecord, state: WeightsState) -> Result<(), NotSettled> {
        let record = WeightsRecord { state, ..record };
        Ok(self
            .memory()
            .with(move |store| store.record_weights(&record))
            .await?)
    }

    fn count(&self, kind: WeightsKind, block: BlockNumber) {
        self.means.observer.observe(Event::Weights { kind, block });
    }
}
