//! Brings weights to the chain and makes sure that they arrived.
//!
//! ```text
//! Intended ── sent, in a block ──> Included ── read back from storage ──> Confirmed
//!     └────────── refused too often, or the epoch is over ──> Abandoned
//! ```
//!
//! Looks before it sends: after a restart, a lost answer or a timeout the
//! weights may be there already, and setting them twice would meet the rate limit.

use tracing::{error, info, warn};

use crate::subnet::chain::{ChainError, Metagraph};
use crate::subnet::events::{Event, WeightsKind};
use crate::subnet::evidence::{StoreError, WeightsRecord, WeightsState};

use super::Validator;

/// Refusals after which an epoch's weights are given up.
const REFUSALS_MAX: u32 = 5;

/// How often this epoch's weights were refused.
#[derive(Debug, Default)]
pub(super) struct Tries {
    refused: u32,
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
    /// Takes the newest weights record as far as it goes now.
    pub(super) async fn settle_weights(&mut self) -> Result<(), NotSettled> {
        let Some(record) = self.memory().with(|store| store.last_weights()).await? else {
            return Ok(());
        };
        if matches!(
            record.state,
            WeightsState::Confirmed(_) | WeightsState::Abandoned
        ) {
            return Ok(());
        }
        let metagraph = self.means.chain.metagraph(self.options.netuid).await?;
        if self.landed(&metagraph, &record).await? {
            return self.confirmed(record, metagraph.block).await;
        }
        if metagraph.epoch != record.epoch {
            error!(
                epoch = record.epoch,
                "the epoch ended before its weights arrived on chain"
            );
            return self.moved(record, WeightsState::Abandoned).await;
        }
        if self.allowed(&metagraph) {
            return self.send(record, &metagraph).await;
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
        let number = record.epoch;
        let scored = self.memory().with(move |store| store.epoch(number)).await?;
        let since = scored.map_or(0, |scored| scored.evidence.epoch.block);
        if own.last_update < since {
            return Ok(false);
        }
        Ok(self.means.chain.weights(metagraph.netuid, own.uid).await? == record.weights)
    }

    /// Whether the subnet's rate limit lets weights through in the next block.
    fn allowed(&self, metagraph: &Metagraph) -> bool {
        let limit = metagraph.rules.weights_rate_limit;
        metagraph.neuron(&self.means.me).is_some_and(|own| {
            own.last_update == 0 || metagraph.block + 1 >= own.last_update + limit
        })
    }

    async fn send(
        &mut self,
        record: WeightsRecord,
        metagraph: &Metagraph,
    ) -> Result<(), NotSettled> {
        let version_key = metagraph.rules.weights_version_key;
        match self
            .means
            .chain
            .set_weights(metagraph.netuid, &record.weights, version_key)
            .await
        {
            Ok(included) => {
                info!(
                    epoch = record.epoch,
                    block = included.block,
                    uids = record.weights.0.len(),
                    "weights set"
                );
                self.count(WeightsKind::Set, included.block);
                self.moved(record.clone(), WeightsState::Included(included.block))
                    .await?;
                let metagraph = self.means.chain.metagraph(self.options.netuid).await?;
                if self.landed(&metagraph, &record).await? {
                    return self.confirmed(record, metagraph.block).await;
                }
                warn!(
                    "the weights were in a block and are not in storage yet; looking again with the next block"
                );
                Ok(())
            }
            Err(ChainError::Refused { name, remedy }) => {
                self.refused(record, &name, &remedy, metagraph.block).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn refused(
        &mut self,
        record: WeightsRecord,
        name: &str,
        remedy: &str,
        block: u64,
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
        if self.tries.refused >= REFUSALS_MAX {
            return self.moved(record, WeightsState::Abandoned).await;
        }
        Ok(())
    }

    async fn confirmed(&mut self, record: WeightsRecord, block: u64) -> Result<(), NotSettled> {
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

    fn count(&self, kind: WeightsKind, block: u64) {
        self.means.observer.observe(Event::Weights { kind, block });
    }
}
