//! Weights that were committed: waits for their reveal, does it where the chain
//! leaves it to us, and notices a commit that the chain dropped.

use tracing::{error, info, warn};

use crate::subnet::BlockNumber;
use crate::subnet::chain::{ChainError, Metagraph};
use crate::subnet::commit::{Commit, CommitFate, DropReason, Hiding};
use crate::subnet::events::WeightsKind;
use crate::subnet::evidence::{WeightsRecord, WeightsState};
use crate::subnet::key::AccountId;

use super::{LATE_EPOCHS_MAX, NotSettled, Validator};

/// Commits of one epoch's weights that the chain may drop before they are given up.
const DROPS_MAX: u32 = 3;

impl Validator {
    /// Whether a record has nothing to do but wait for a later epoch.
    pub(super) fn waits(&self, record: &WeightsRecord) -> bool {
        match (&record.state, &self.metagraph) {
            (WeightsState::Committed(commit, _), Some(known)) => known.epoch < commit.reveal_epoch,
            _ => false,
        }
    }

    /// Weights are in a block, hidden.
    pub(super) async fn committed(
        &self,
        record: WeightsRecord,
        commit: Commit,
        block: BlockNumber,
    ) -> Result<(), NotSettled> {
        info!(
            epoch = record.epoch,
            block,
            uids = record.weights.0.len(),
            reveal_epoch = commit.reveal_epoch,
            "weights committed, to be revealed about block {}",
            commit.reveal_block
        );
        self.count(WeightsKind::Committed, block);
        self.moved(record, WeightsState::Committed(commit, block))
            .await
    }

    /// Takes a committed record as far as it goes now; `newest` is the epoch of
    /// the newest weights.
    pub(super) async fn settle_commit(
        &mut self,
        record: WeightsRecord,
        metagraph: &Metagraph,
        newest: u64,
    ) -> Result<(), NotSettled> {
        let (commit, included) = match &record.state {
            WeightsState::Committed(commit, block) => (commit.clone(), Some(*block)),
            WeightsState::Committing(commit) => (commit.clone(), None),
            _ => return Ok(()),
        };
        let chain = &self.means.chain;
        let fate = chain
            .commit_fate(metagraph.netuid, &record.weights, &commit, included)
            .await?;
        match fate {
            CommitFate::Waiting { due: true, .. } => self.reveal(&record, &commit, metagraph).await,
            CommitFate::Waiting {
                since,
                reveal_block,
                ..
            } if included.is_none() => {
                let reveal_block = reveal_block.unwrap_or(commit.reveal_block);
                let commit = Commit {
                    reveal_block,
                    ..commit
                };
                self.committed(record, commit, since).await
            }
            CommitFate::Waiting { .. } => Ok(()),
            CommitFate::Revealed(block) => self.confirmed(record, block).await,
            CommitFate::Dropped { block, why } => {
                self.dropped(record, &commit, metagraph, newest, (block, why))
                    .await
            }
            CommitFate::Absent if !self.tries.is_lost(metagraph.block) => Ok(()),
            CommitFate::Absent => {
                warn!(
                    epoch = record.epoch,
                    "the commit of these weights never reached the chain"
                );
                self.moved(record.clone(), WeightsState::Intended).await?;
                self.settle_open(record, metagraph, newest).await
            }
        }
    }

    /// Tells the salt.
    async fn reveal(
        &mut self,
        record: &WeightsRecord,
        commit: &Commit,
        metagraph: &Metagraph,
    ) -> Result<(), NotSettled> {
        let chain = &self.means.chain;
        match chain
            .reveal_weights(metagraph.netuid, &record.weights, commit)
            .await
        {
            Ok(included) => {
                info!(
                    epoch = record.epoch,
                    block = included.block,
                    "committed weights revealed"
                );
                Ok(())
            }
            Err(ChainError::Refused { name, remedy }) => {
                self.count(WeightsKind::Refused, metagraph.block);
                error!(
                    epoch = record.epoch,
                    name, remedy, "the chain refused to reveal the weights"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Says so loudly, and has the weights committed anew where that does not
    /// get into the way of the next epoch's.
    async fn dropped(
        &mut self,
        record: WeightsRecord,
        commit: &Commit,
        metagraph: &Metagraph,
        newest: u64,
        (block, why): (BlockNumber, DropReason),
    ) -> Result<(), NotSettled> {
        self.count(WeightsKind::Dropped, block);
        if record.epoch == newest {
            self.tries.dropped += 1;
            self.tries.dropped_at = metagraph.block;
        }
        let again = record.epoch == newest
            && self.tries.dropped < DROPS_MAX
            && metagraph.epoch <= record.epoch + LATE_EPOCHS_MAX
            && self.is_room_before_the_next(metagraph);
        error!(
            epoch = record.epoch,
            block,
            %why,
            commit = hex::encode(commit.hash),
            remedy = remedy(commit, metagraph, self.means.me, why),
            "the chain dropped the committed weights: those set before stay in force{}",
            match again {
                true => "; committing them anew",
                false => "; the next epoch's weights take their place",
            }
        );
        match again {
            true => self.moved(record, WeightsState::Intended).await,
            false => self.moved(record, WeightsState::Abandoned).await,
        }
    }

    /// Whether weights that are sent now leave time, by the rate limit, for
    /// those of the current epoch.
    fn is_room_before_the_next(&self, metagraph: &Metagraph) -> bool {
        let scoring = metagraph
            .next_epoch_block
            .map(|end| end.saturating_sub(self.lead(metagraph)));
        let sent = self.allowed_from(metagraph).max(metagraph.block + 1);
        let free = sent.saturating_add(metagraph.rules.weights_rate_limit);
        scoring.is_none_or(|scoring| free <= scoring)
    }
}

/// The chain only logs why; most of its reasons show from outside.
fn remedy(commit: &Commit, metagraph: &Metagraph, me: AccountId, why: DropReason) -> String {
    let Some(own) = metagraph.neuron(&me) else {
        return "this hotkey lost its slot; register it with `host run --register`".to_owned();
    };
    if metagraph.rules.weights_version_key > commit.version_key {
        return format!(
            "the subnet raised its version key to {} after the commit; if it stays so, update the validator",
            metagraph.rules.weights_version_key
        );
    }
    if !own.validator_permit && metagraph.owner_hotkey != me {
        return "this hotkey has no validator permit now; it needs more stake, which `btcli stake add` adds"
            .to_owned();
    }
    match (why, &commit.hiding) {
        (DropReason::Expired, Hiding::Timelocked { round }) => format!(
            "drand's round {round} did not reach the chain in its epoch; if it happens again, look at the chain's state of drand (`Drand.LastStoredRound`)"
        ),
        (DropReason::Expired, Hiding::Salted { .. }) => {
            "the node has to run in the epoch in which it may reveal; keep it running, or set `commits = \"timelocked\"` in [validator]".to_owned()
        }
        (DropReason::Refused, _) => {
            "the stake may have fallen below the chain's threshold, or the subnet's limits may have changed; compare `host subnet hyperparameters`"
                .to_owned()
        }
    }
}
