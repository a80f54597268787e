//! What became of a commit.
//!
//! While it waits, the chain holds it in storage. When it is gone, the block in
//! which it went says by its events whether it was revealed, and storage whether
//! its weights count: both, since the same weights may have been there before.
//! That block is found by halving; a node that no longer has its state leaves
//! the newest storage to judge by.

use super::commit::blake2_256;
use super::epoch;
use super::read::{id, schedule, stored_weights, uid};
use super::session::{At, Session};
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::commit::{Commit, CommitFate, DropReason, Hiding};
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;
use crate::subnet::{BlockNumber, Netuid};
use subxt::dynamic::Value;

/// Hash, then epoch and block or first and last block, as the runtime counts.
type SaltedCommit = ([u8; 32], u64, u64, u64);

/// Epochs that a commit may land after the one it was planned for.
const LATE_EPOCHS_MAX: u64 = 16;

/// Whose commit, of what.
#[derive(Clone, Copy)]
pub(super) struct Committed<'a> {
    pub(super) netuid: Netuid,
    pub(super) hotkey: AccountId,
    pub(super) weights: &'a Weights,
    pub(super) commit: &'a Commit,
}

/// A commit as the chain holds it.
struct Entry {
    /// The epoch it counts for.
    epoch: u64,
    /// The block it is in, where the runtime keeps that.
    block: Option<BlockNumber>,
}

/// At the newest final block.
pub(super) async fn fate(
    session: &Session,
    committed: Committed<'_>,
    included: Option<BlockNumber>,
) -> Result<CommitFate, ChainError> {
    let at = session.at_finalized().await?;
    let head = at.head.number;
    if let Some(entry) = committed.entry(&at).await? {
        return committed.waiting(&at, &entry, included).await;
    }
    let Some(included) = included else {
        return Ok(match committed.arrived(&at).await? {
            true => CommitFate::Revealed(head),
            false => CommitFate::Absent,
        });
    };
    let (seen, block) = match committed.revealed_after(session, included, head).await {
        Ok(found) => found,
        Err(ChainError::Unreachable(why)) => return Err(ChainError::Unreachable(why)),
        Err(error) => {
            tracing::debug!(%error, "the block of a reveal cannot be read; storage decides");
            (committed.in_storage(&at).await?, head)
        }
    };
    Ok(match seen {
        true => CommitFate::Revealed(block),
        false => CommitFate::Dropped {
            block,
            why: DropReason::Refused,
        },
    })
}

impl Committed<'_> {
    /// The commit in the chain's storage.
    async fn entry(&self, at: &At<'_>) -> Result<Option<Entry>, ChainError> {
        match self.commit.hiding {
            Hiding::Timelocked { round } => self.timelocked(at, round).await,
            Hiding::Salted { .. } => self.salted(at).await,
        }
    }

    async fn timelocked(&self, at: &At<'_>, round: u64) -> Result<Option<Entry>, ChainError> {
        let now = self.epoch(at).await?.saturating_add(1);
        let last = now.min(self.commit.epoch.saturating_add(LATE_EPOCHS_MAX));
        for epoch in self.commit.epoch..=last {
            let keys = vec![id(self.netuid), Value::u128(epoch.into())];
            let held: Vec<([u8; 32], u64, Vec<u8>, u64)> =
                at.storage("TimelockedWeightCommits", keys).await?;
            let ours = held.into_iter().find(|(who, _, sealed, until)| {
                *who == self.hotkey.0 && *until == round && blake2_256(sealed) == self.commit.hash
            });
            if let Some((_, block, ..)) = ours {
                return Ok(Some(Entry {
                    epoch,
                    block: Some(block),
                }));
            }
        }
        Ok(None)
    }

    /// Runtimes that count epochs keep epoch and block, older ones the block.
    async fn salted(&self, at: &At<'_>) -> Result<Option<Entry>, ChainError> {
        let keys = vec![id(self.netuid), Value::from_bytes(self.hotkey.0)];
        let held: Option<Vec<SaltedCommit>> = at.find("WeightCommits", keys).await?;
        let held = held.unwrap_or_default().into_iter();
        let (schedule, tempo) = schedule(at, self.netuid).await?;
        Ok(held
            .into_iter()
            .find(|(hash, ..)| *hash == self.commit.hash)
            .map(|(_, first, second, _)| match schedule {
                epoch::Schedule::Counted { .. } => Entry {
                    epoch: first,
                    block: Some(second),
                },
                epoch::Schedule::Derived => Entry {
                    epoch: epoch::current(schedule, self.netuid, tempo, first).0,
                    block: Some(first),
                },
            }))
    }

    async fn waiting(
        &self,
        at: &At<'_>,
        entry: &Entry,
        included: Option<BlockNumber>,
    ) -> Result<CommitFate, ChainError> {
        let (schedule, tempo) = schedule(at, self.netuid).await?;
        let head = at.head.number;
        let period: u64 = at
            .storage("RevealPeriodEpochs", vec![id(self.netuid)])
            .await?;
        let reveal_epoch = entry.epoch.saturating_add(period);
        let now = epoch::current(schedule, self.netuid, tempo, head).0;
        if now > reveal_epoch {
            return Ok(CommitFate::Dropped {
                block: head,
                why: DropReason::Expired,
            });
        }
        let salted = matches!(self.commit.hiding, Hiding::Salted { .. });
        Ok(CommitFate::Waiting {
            since: entry.block.or(included).unwrap_or(self.commit.planned_at),
            reveal_block: epoch::first_block(schedule, self.netuid, tempo, head, reveal_epoch),
            due: salted && now == reveal_epoch,
        })
    }

    /// Whether the commit was revealed, and the block in which it went: it was
    /// there in block `held` and is not in block `gone`.
    async fn revealed_after(
        &self,
        session: &Session,
        mut held: BlockNumber,
        mut gone: BlockNumber,
    ) -> Result<(bool, BlockNumber), ChainError> {
        while gone > held.saturating_add(1) {
            let middle = held + (gone - held) / 2;
            match self.entry(&at(session, middle).await?).await? {
                Some(_) => held = middle,
                None => gone = middle,
            }
        }
        let at = at(session, gone).await?;
        let told = match self.commit.hiding {
            Hiding::Timelocked { .. } => {
                let mut fields = self.netuid.to_le_bytes().to_vec();
                fields.extend(self.hotkey.0);
                at.runtime
                    .has_event(&at.events().await?, "TimelockedWeightsRevealed", &fields)?
            }
            // Revealed by a call of our own, which storage follows at once.
            Hiding::Salted { .. } => true,
        };
        Ok((told && self.in_storage(&at).await?, gone))
    }

    /// Whether storage holds the weights, and something of this hotkey arrived
    /// after the commit was planned.
    async fn arrived(&self, at: &At<'_>) -> Result<bool, ChainError> {
        let Some(uid) = uid(at, self.netuid, &self.hotkey).await? else {
            return Ok(false);
        };
        let updates: Vec<u64> = at.storage("LastUpdate", vec![id(self.netuid)]).await?;
        let updated = updates.get(usize::from(uid)).copied().unwrap_or(0);
        Ok(updated > self.commit.planned_at && self.in_storage(at).await?)
    }

    async fn in_storage(&self, at: &At<'_>) -> Result<bool, ChainError> {
        match uid(at, self.netuid, &self.hotkey).await? {
            Some(uid) => Ok(stored_weights(at, self.netuid, uid).await? == *self.weights),
            None => Ok(false),
        }
    }

    async fn epoch(&self, at: &At<'_>) -> Result<u64, ChainError> {
        let (schedule, tempo) = schedule(at, self.netuid).await?;
        Ok(epoch::current(schedule, self.netuid, tempo, at.head.number).0)
    }
}

async fn at(session: &Session, number: BlockNumber) -> Result<At<'_>, ChainError> {
    let hash = session.link.block_hash(Some(number)).await?;
    let hash = hash.ok_or_else(|| ChainError::Nonsense(format!("block {number} is gone")))?;
    session.at(Head { number, hash }).await
}
