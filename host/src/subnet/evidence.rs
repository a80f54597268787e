//! What a validator remembers, so that `kill -9` loses nothing.
//!
//! Calls block for as long as the disk takes; a role calls them off its own
//! threads. What returns `Ok` is on disk.

use serde::{Deserialize, Serialize};

use super::challenge::{Exchange, Session, Verdict};
use super::commit::Commit;
use super::key::AccountId;
use super::plugin::{KeptPlugin, PluginId};
use super::scoring::{Evidence, Finding, Outcome};
use super::shares::Change;
use super::weights::Weights;
use super::{BlockNumber, Netuid};

/// The database said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The generator judged.
    Judged(Verdict),
    /// It counts for nobody; why.
    Void(String),
}

/// A session and the generator it stays with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// What the generator is told.
    pub session: Session,
    /// Which generator, exactly.
    pub generator: PluginId,
}

/// A session that had not ended when the node did.
#[derive(Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The session.
    pub record: SessionRecord,
    /// What was exchanged.
    pub transcript: Vec<Exchange>,
    /// A task was sent whose answer was never recorded.
    pub asked: bool,
}

/// A session that has ended, seed and all: whoever has the generator can repeat it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// The session; its seed is no secret any more.
    pub record: SessionRecord,
    /// What was exchanged.
    pub transcript: Vec<Exchange>,
    /// How it ended.
    pub ending: Ending,
}

/// One scored epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Which policy, exactly.
    pub policy: PluginId,
    /// All it was given.
    pub evidence: Evidence,
    /// All it returned, or why it did not.
    pub outcome: Result<Outcome, String>,
    /// Fuel burned.
    pub fuel: u64,
}

/// What the shadow policy made of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowRecord {
    /// The chain's count.
    pub number: u64,
    /// Which policy, exactly.
    pub policy: PluginId,
    /// All it returned, or why it did not.
    pub outcome: Result<Outcome, String>,
    /// Fuel burned.
    pub fuel: u64,
    /// What it would have changed.
    pub change: Change,
}

/// How far weights got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WeightsState {
    /// About to be sent, or sent with an unknown end.
    Intended,
    /// Seen in this block.
    Included(BlockNumber),
    /// About to be committed, or committed with an unknown end.
    Committing(Commit),
    /// Committed in this block; the chain has not revealed them yet.
    Committed(Commit, BlockNumber),
    /// Read back from storage at or after this block.
    Confirmed(BlockNumber),
    /// Given up; the reason is in the log.
    Abandoned,
}

impl WeightsState {
    /// Nothing more is to be done about them.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Confirmed(_) | Self::Abandoned)
    }
}

/// Weights and how far they got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsRecord {
    /// The chain's epoch they belong to.
    pub epoch: u64,
    /// What was, or is to be, set.
    pub weights: Weights,
    /// How far they got.
    pub state: WeightsState,
    /// Epochs in a row, this one among them, for which the guard held the policy's
    /// weights and older ones went out in their place; zero if these are the policy's.
    pub held_epochs: u32,
}

/// The validator's memory. A store is bound to one genesis, netuid and hotkey.
pub trait EvidenceStore: Send + Sync {
    /// A session begins, before its first task is sent.
    fn begin_session(&self, record: &SessionRecord) -> Result<(), StoreError>;
    /// A task is about to be sent: step counts from 0.
    fn intend_task(&self, session: &str, step: u16) -> Result<(), StoreError>;
    /// What came of it.
    fn record_exchange(
        &self,
        session: &str,
        step: u16,
        exchange: &Exchange,
    ) -> Result<(), StoreError>;
    /// The session ends; a verdict becomes the hotkey's newest finding.
    fn end_session(&self, session: &str, ending: &Ending) -> Result<(), StoreError>;
    /// Sessions without an ending, oldest first.
    fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError>;
    /// What the generator of that name last asked to be remembered of a hotkey.
    fn generator_memory(&self, generator: &str, hotkey: &AccountId) -> Result<Vec<u8>, StoreError>;
    /// A hotkey's findings, newest first, at most `limit`.
    fn findings(&self, hotkey: &AccountId, limit: usize) -> Result<Vec<Finding>, StoreError>;

    /// Whether a hotkey answered when it was asked at `block`.
    fn record_contact(
        &self,
        hotkey: &AccountId,
        block: BlockNumber,
        answered: bool,
    ) -> Result<(), StoreError>;
    /// Times answered and times asked since `after`, that block excluded.
    fn contacts(&self, hotkey: &AccountId, after: BlockNumber) -> Result<(u64, u64), StoreError>;
    /// Keeps what a hotkey last said of itself, as JSON.
    fn record_description(&self, hotkey: &AccountId, json: &str) -> Result<(), StoreError>;
    /// What a hotkey last said of itself.
    fn description(&self, hotkey: &AccountId) -> Result<Option<String>, StoreError>;

    /// Whether a plugin's bytes and settings are on record.
    fn keeps_plugin(&self, id: &PluginId) -> Result<bool, StoreError>;
    /// Puts them on record, so that its calls can be repeated.
    fn keep_plugin(&self, plugin: &KeptPlugin) -> Result<(), StoreError>;

    /// An epoch was scored. Recording the same epoch number again replaces it.
    fn record_epoch(&self, record: &EpochRecord) -> Result<(), StoreError>;
    /// The newest epoch that was scored without an error.
    fn last_epoch(&self) -> Result<Option<EpochRecord>, StoreError>;
    /// An epoch by its number.
    fn epoch(&self, number: u64) -> Result<Option<EpochRecord>, StoreError>;

    /// The shadow policy scored an epoch too; recording it again replaces it.
    fn record_shadow(&self, record: &ShadowRecord) -> Result<(), StoreError>;
    /// The newest epoch that a shadow policy scored.
    fn last_shadow(&self) -> Result<Option<ShadowRecord>, StoreError>;

    /// Keeps what the guard holds and what was let through, as JSON.
    fn record_guard(&self, json: &str) -> Result<(), StoreError>;
    /// What was kept of it last.
    fn guard(&self) -> Result<Option<String>, StoreError>;

    /// Weights, and how far they got; one record per epoch, the state moves.
    fn record_weights(&self, record: &WeightsRecord) -> Result<(), StoreError>;
    /// The newest weights record.
    fn last_weights(&self) -> Result<Option<WeightsRecord>, StoreError>;
    /// Weights that are neither confirmed nor given up, oldest first: several
    /// where commits wait for epochs to pass.
    fn unsettled_weights(&self) -> Result<Vec<WeightsRecord>, StoreError>;
}

/// What a store belongs to; opening it for another is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreOwner {
    /// The chain's genesis hash.
    #[serde(with = "super::octets")]
    pub genesis: [u8; 32],
    /// The subnet.
    pub netuid: Netuid,
    /// The node's own key.
    pub hotkey: AccountId,
}
