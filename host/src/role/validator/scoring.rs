//! Scores an epoch once, shortly before the chain ends it.

use tracing::{error, info, warn};

use crate::subnet::BlockNumber;
use crate::subnet::chain::Metagraph;
use crate::subnet::events::{Event, WeightsKind};
use crate::subnet::evidence::{EpochRecord, StoreError};
use crate::subnet::plugin::{PluginId, ScoringPolicy};
use crate::subnet::scoring::{Evidence, Outcome};
use crate::subnet::text::escape;
use crate::subnet::weights::weights;

use super::memory::Memory;
use super::{Validator, evidence, keeping};

/// Why an epoch was not scored; the next head tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotScored {
    /// Evidence cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] crate::subnet::chain::ChainError),
    /// Nothing to score with.
    #[error("no policy is active; load one with `host plugin swap`")]
    NoPolicy,
}

impl Validator {
    /// Scores the epoch that `metagraph` is in if its end is near and nobody has.
    pub(super) async fn score_if_due(
        &mut self,
        head: BlockNumber,
        metagraph: &Metagraph,
    ) -> Result<(), NotScored> {
        self.began.get_or_insert(metagraph.epoch);
        if self.due(head, metagraph).await?.is_none() {
            return Ok(());
        }
        let fresh = self.means.chain.metagraph(self.options.netuid).await?;
        match self.due(head, &fresh).await? {
            Some(due) => self.score(head, due).await,
            None => Ok(()),
        }
    }

    /// The metagraph of the epoch that is to be scored now, if one is.
    async fn due(
        &self,
        head: BlockNumber,
        metagraph: &Metagraph,
    ) -> Result<Option<Metagraph>, NotScored> {
        let end = metagraph.next_epoch_block;
        let left = end.map(|end| end.saturating_sub(head));
        if left.is_some_and(|left| left <= self.lead(metagraph)) {
            let scored = self.scored(metagraph.epoch).await?;
            return Ok((!scored).then(|| metagraph.clone()));
        }
        self.missed(head, metagraph).await
    }

    /// The epoch before, if its end passed unseen (the chain was away, say) while
    /// this validator ran. It is scored late, where that leaves the present
    /// epoch its room.
    async fn missed(
        &self,
        head: BlockNumber,
        metagraph: &Metagraph,
    ) -> Result<Option<Metagraph>, NotScored> {
        let Some(before) = metagraph.epoch.checked_sub(1) else {
            return Ok(None);
        };
        let needed = metagraph.rules.weights_rate_limit + 2 * self.lead(metagraph);
        let room = metagraph
            .next_epoch_block
            .is_some_and(|end| head.saturating_add(needed) <= end);
        let ran = self.began.is_some_and(|began| began <= before);
        if !ran || !room || self.scored(before).await? {
            return Ok(None);
        }
        Ok(Some(Metagraph {
            epoch: before,
            ..metagraph.clone()
        }))
    }

    async fn score(&mut self, head: BlockNumber, fresh: Metagraph) -> Result<(), NotScored> {
        let record = match self.left_over(fresh.epoch).await? {
            Some(record) => record,
            None => {
                let policy = self.means.plugins.policy().ok_or(NotScored::NoPolicy)?;
                let quiet = self.means.quiet.clone().try_lock_owned();
                if quiet.is_err() && !self.is_pressing(head, &fresh) {
                    return Ok(());
                }
                self.evaluate(&*policy, &fresh).await?
            }
        };
        let scored = record.outcome.is_ok();
        self.propose(&fresh, record.clone()).await?;
        self.shadow(&record).await;
        if scored {
            self.proposed = Some(fresh.epoch);
        }
        Ok(())
    }

    /// Blocks before the end at which an epoch is scored. A short tempo leaves no
    /// room for a long lead: half an epoch is evidence.
    pub(super) fn lead(&self, metagraph: &Metagraph) -> u64 {
        self.options
            .lead_blocks
            .min(u64::from(metagraph.rules.tempo) / 2)
    }

    /// Whether scoring can wait no longer for a miner's clock to stop. A policy
    /// takes milliseconds; an epoch that is not scored costs everybody.
    fn is_pressing(&self, head: BlockNumber, metagraph: &Metagraph) -> bool {
        let left = metagraph
            .next_epoch_block
            .map_or(0, |end| end.saturating_sub(head));
        left <= self.lead(metagraph) / 2
    }

    /// An outcome whose weights were never put on record: the node ended in between.
    async fn left_over(&self, number: u64) -> Result<Option<EpochRecord>, NotScored> {
        let record = self.memory().with(move |store| store.epoch(number)).await?;
        Ok(record.filter(|record| record.outcome.is_ok()))
    }

    /// Whether this epoch's outcome has been acted on, or is an error that the
    /// same policy would repeat.
    async fn scored(&self, number: u64) -> Result<bool, NotScored> {
        let active = self
            .means
            .plugins
            .policy()
            .map(|policy| policy.id().clone());
        let (record, weights) = self
            .memory()
            .with(move |store| Ok((store.epoch(number)?, store.last_weights()?)))
            .await?;
        let proposed =
            self.proposed == Some(number) || weights.is_some_and(|weights| weights.epoch >= number);
        Ok(record.is_some_and(|record| match record.outcome {
            Ok(_) => proposed,
            Err(_) => Some(record.policy) == active,
        }))
    }

    async fn evaluate(
        &self,
        policy: &dyn ScoringPolicy,
        metagraph: &Metagraph,
    ) -> Result<EpochRecord, NotScored> {
        let (metagraph, me, id) = (metagraph.clone(), self.means.me, policy.id().clone());
        let name = id.name.clone();
        let book = self.means.probing.as_ref().map(|probing| probing.book());
        let evidence = self
            .memory()
            .with(move |store| evidence::evidence(store, book.as_deref(), &metagraph, me, &name))
            .await?;
        keeping::keep(&self.means, &id).await?;
        let called = policy.evaluate(&evidence).await;
        let (outcome, fuel) = match called {
            Ok(called) => (Ok(called.value), called.fuel),
            Err(error) => (Err(error.to_string()), 0),
        };
        let record = EpochRecord {
            policy: id,
            evidence,
            outcome,
            fuel,
        };
        let kept = record.clone();
        self.memory()
            .with(move |store| store.record_epoch(&kept))
            .await?;
        Ok(record)
    }

    /// Puts the weights that follow from an outcome on record, to be sent.
    async fn propose(
        &mut self,
        metagraph: &Metagraph,
        record: EpochRecord,
    ) -> Result<(), NotScored> {
        let EpochRecord {
            policy,
            evidence,
            outcome,
            fuel,
        } = record;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(why) => {
                error!(
                    policy = policy.name,
                    why = escape(&why),
                    "the policy failed: the weights on chain stay as they are"
                );
                self.withheld(metagraph.block);
                return Ok(());
            }
        };
        self.report(&policy, &evidence, &outcome, fuel);
        match weights(&outcome.scores, metagraph.neurons.len(), &metagraph.rules) {
            Ok(weights) => {
                let Some(record) = self.guarded(metagraph, weights).await? else {
                    return Ok(());
                };
                self.tries = Default::default();
                Ok(self
                    .memory()
                    .with(move |store| store.record_weights(&record))
                    .await?)
            }
            Err(why) => {
                warn!(%why, "no weights this epoch: those on chain stay as they are");
                self.withheld(metagraph.block);
                Ok(())
            }
        }
    }

    fn report(&self, policy: &PluginId, evidence: &Evidence, outcome: &Outcome, fuel: u64) {
        let scored = outcome
            .scores
            .iter()
            .filter(|score| score.points > 0)
            .count();
        let (miners, epoch) = (evidence.miners.len(), evidence.epoch.number);
        self.means
            .observer
            .observe(Event::EpochScored { miners, scored });
        info!(
            epoch,
            policy = policy.name,
            version = policy.version,
            miners,
            scored,
            fuel,
            "scored the epoch"
        );
        for score in &outcome.scores {
            info!(
                uid = score.uid,
                points = score.points,
                reason = escape(&score.reason),
                "score"
            );
        }
    }

    fn withheld(&self, block: BlockNumber) {
        self.means.observer.observe(Event::Weights {
            kind: WeightsKind::Withheld,
            block,
        });
    }

    pub(super) fn memory(&self) -> Memory {
        Memory(self.means.store.clone())
    }
}
