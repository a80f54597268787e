//! Weights that are committed first and revealed later.
//!
//! A subnet with commit-reveal (the default on public networks) takes no plain
//! weights: they are committed in one epoch and revealed in a later one, so that
//! nobody can copy them in time. A commit's inclusion proves nothing: the chain
//! drops one that it cannot reveal without a word. So a [`Commit`] is on disk
//! before it is sent, and is looked up until its [`CommitFate`] is known.

use serde::{Deserialize, Serialize};

use super::BlockNumber;
use super::chain::Included;

/// How a commit hides its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hiding {
    /// Until a drand beacon signs this round; the chain reveals by itself.
    Timelocked {
        /// The round.
        round: u64,
    },
    /// Behind a salt, until whoever committed tells it. Losing it loses the weights.
    Salted {
        /// As the call takes it.
        salt: Vec<u16>,
    },
}

/// Which way of hiding is wanted, where the chain has both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Commits {
    /// The chain reveals by itself: nothing can be forgotten.
    #[default]
    Timelocked,
    /// The validator reveals, and must be there in the epoch when it may.
    Salted,
}

/// A commit, as far as it has to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// How it hides the weights.
    pub hiding: Hiding,
    /// BLAKE2b-256 of what is committed, as the chain's events name it.
    pub hash: [u8; 32],
    /// What the weights are revealed with.
    pub version_key: u64,
    /// The head it was planned at; it can only be in later blocks.
    pub planned_at: BlockNumber,
    /// The chain's epoch it counts for, if it is in the next block.
    pub epoch: u64,
    /// The epoch it is to be revealed in.
    pub reveal_epoch: u64,
    /// About where that epoch begins.
    pub reveal_block: BlockNumber,
}

/// How weights go to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Openly: they count once they are in a block.
    Set {
        /// The subnet's demand on the validator's version.
        version_key: u64,
    },
    /// Committed.
    Commit {
        /// Must be on disk before the plan is carried out.
        commit: Commit,
        /// What the chain is given: sealed weights, or a hash.
        payload: Vec<u8>,
    },
}

/// Weights that are in a block, whatever that means for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// In which block.
    pub included: Included,
    /// If they were committed: they count once they are revealed.
    pub commit: Option<Commit>,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFate {
    /// The chain holds it.
    Waiting {
        /// The block it is in.
        since: BlockNumber,
        /// About where it is revealed; absent if epochs no longer run.
        reveal_block: Option<BlockNumber>,
        /// Its salt may be told now: the chain waits for it.
        due: bool,
    },
    /// Its weights are in storage, seen at this block.
    Revealed(BlockNumber),
    /// The chain let go of it, and its weights are not in storage.
    Dropped {
        /// Seen at this block.
        block: BlockNumber,
        /// As far as the chain tells.
        why: DropReason,
    },
    /// The chain does not hold it and may never have.
    Absent,
}

/// Why a commit was dropped, as far as it can be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// The chain opened it, or could not, and refused the weights.
    #[error("the chain took it up and did not set its weights")]
    Refused,
    /// Its epoch passed.
    #[error("its epoch passed before it was revealed")]
    Expired,
}
