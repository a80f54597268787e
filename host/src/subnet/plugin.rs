//! Plugins as the roles see them: typed calls that are bounded and may fail.
//!
//! A role asks [`Plugins`] for what is active at the moment of the call and
//! keeps what it got for as long as its work lasts, so that a swap never mixes
//! two versions in one call or one session.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::BlockNumber;
use super::challenge::{Exchange, Session, Step};
use super::key::AccountId;
use super::provider::ProviderAdapter;
use super::scoring::{Evidence, Outcome};

/// SHA-256 of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    /// Reads 64 hexadecimal digits, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| {
            format!(
                "a digest is 64 hexadecimal digits, `{}` is not",
                super::text::escape(text)
            )
        })?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Which kind of plugin: one per world of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Scores an epoch.
    ScoringPolicy,
    /// Sets and judges challenges.
    ChallengeGenerator,
    /// Answers challenges.
    ChallengeSolver,
    /// Rents machines.
    ProviderAdapter,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScoringPolicy => "scoring-policy",
            Self::ChallengeGenerator => "challenge-generator",
            Self::ChallengeSolver => "challenge-solver",
            Self::ProviderAdapter => "provider-adapter",
        })
    }
}

/// Which plugin, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginId {
    /// As it describes itself.
    pub name: String,
    /// As it describes itself.
    pub version: String,
    /// Of its bytes.
    pub digest: Digest,
    /// Of its settings table: name, value, both length-prefixed, in order.
    pub settings: Digest,
}

/// When a policy is to take over, so that validators can agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// With this block of the chain, or the first one seen after it.
    Block(BlockNumber),
    /// With the first block seen of this epoch of the subnet.
    Epoch(u64),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(number) => write!(f, "block {number}"),
            Self::Epoch(number) => write!(f, "epoch {number}"),
        }
    }
}

/// Whether a newcomer is tried on what is on record before it takes over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearsal {
    /// It is, and stays out if it fails or answers in two ways.
    #[default]
    Demanded,
    /// Its operator takes it as it is.
    Waived,
}

/// A plugin as it was: with a call's arguments, all it takes to repeat the call.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptPlugin {
    /// Which one.
    pub id: PluginId,
    /// Its bytes.
    pub component: Vec<u8>,
    /// Its settings table, whose digest is `id.settings`.
    pub settings: BTreeMap<String, String>,
}

/// A call's value and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called<T> {
    /// What the plugin returned.
    pub value: T,
    /// Fuel burned; zero in worlds that are stopped by time.
    pub fuel: u64,
    /// The most memory its store held, in bytes.
    pub memory_bytes: u64,
    /// Wall clock, queueing included.
    pub elapsed: Duration,
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// It burned all its fuel.
    #[error("used up its {0} units of fuel")]
    OutOfFuel(u64),
    /// It ran, or waited, past its deadline.
    #[error("took longer than {0} ms")]
    Deadline(u64),
    /// It wanted more memory than its limit.
    #[error("wanted more than {0} bytes of memory")]
    OutOfMemory(u64),
    /// It handed over more bytes than its limit.
    #[error("handed over more than {0} bytes")]
    TooMuchData(u64),
    /// It wrote more to its log than its limit.
    #[error("wrote more than {0} bytes of log")]
    LogFlood(u64),
    /// Too many calls wait already.
    #[error("{0} calls are waiting already")]
    Overloaded(usize),
    /// It crashed; the text says where.
    #[error("crashed: {0}")]
    Trapped(String),
    /// It returned an error of its own.
    #[error("said: {0}")]
    Failed(String),
    /// It returned something the contract forbids.
    #[error("broke the contract: {0}")]
    BrokeContract(String),
    /// Its host is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
}

impl PluginError {
    /// A stable word for metrics and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OutOfFuel(_) => "out-of-fuel",
            Self::Deadline(_) => "deadline",
            Self::OutOfMemory(_) => "out-of-memory",
            Self::TooMuchData(_) => "too-much-data",
            Self::LogFlood(_) => "log-flood",
            Self::Overloaded(_) => "overloaded",
            Self::Trapped(_) => "trapped",
            Self::Failed(_) => "failed",
            Self::BrokeContract(_) => "broke-contract",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

/// Turns an epoch's evidence into points.
#[async_trait]
pub trait ScoringPolicy: Send + Sync {
    /// Which one.
    fn id(&self) -> &PluginId;
    /// Scores a whole epoch; the same arguments give the same answer.
    async fn evaluate(&self, evidence: &Evidence) -> Result<Called<Outcome>, PluginError>;
}

/// Sets tasks and judges the answers.
#[async_trait]
pub trait ChallengeGenerator: Send + Sync {
    /// Which one.
    fn id(&self) -> &PluginId;
    /// Says what to do after `transcript`.
    async fn advance(
        &self,
        session: &Session,
        transcript: &[Exchange],
    ) -> Result<Called<Step>, PluginError>;
}

/// Whose task a solver is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SolverSession {
    /// Chosen by the validator.
    pub id: String,
    /// Which of the plugin's solvers.
    pub solver: String,
    /// Whose signature was verified.
    pub validator: AccountId,
    /// The miner's own key.
    pub miner: AccountId,
}

/// Why a solver gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolverError {
    /// The payload is not one the solver understands.
    #[error("malformed task: {0}")]
    Malformed(String),
    /// This machine cannot do it.
    #[error("unable: {0}")]
    Unable(String),
    /// The plugin itself failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// One session's instance; dropped when the session ends.
#[async_trait]
pub trait OpenSession: Send {
    /// Answers one task.
    async fn answer(&mut self, payload: Vec<u8>) -> Result<Called<Vec<u8>>, SolverError>;
}

/// Answers challenges on a miner.
#[async_trait]
pub trait ChallengeSolver: Send + Sync {
    /// Which one.
    fn id(&self) -> &PluginId;
    /// The solver names it answers to.
    fn solves(&self) -> &[String];
    /// Makes an instance for one session.
    async fn open(&self, session: SolverSession) -> Result<Box<dyn OpenSession>, PluginError>;
}

/// What is active now, and what was when a session began: nothing of a kind, unless
/// its function says otherwise.
pub trait Plugins: Send + Sync {
    /// The active policy; a validator always has one.
    fn policy(&self) -> Option<Arc<dyn ScoringPolicy>> {
        None
    }
    /// A policy that is tried beside the active one and decides nothing.
    fn shadow(&self) -> Option<Arc<dyn ScoringPolicy>> {
        None
    }
    /// The active generators, by name.
    fn generators(&self) -> Vec<Arc<dyn ChallengeGenerator>> {
        Vec::new()
    }
    /// The generator a session began under, active or not, if its bytes are still here.
    fn generator(&self, _: &PluginId) -> Option<Arc<dyn ChallengeGenerator>> {
        None
    }
    /// A policy's or generator's bytes and settings, active or not, if they are
    /// still here.
    fn kept(&self, _: &PluginId) -> Option<KeptPlugin> {
        None
    }
    /// The active solver that answers to `solver`.
    fn solver(&self, _: &str) -> Option<Arc<dyn ChallengeSolver>> {
        None
    }
    /// The active provider adapters, by name.
    fn providers(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        Vec::new()
    }
    /// The solver names answered here, sorted, each once.
    fn solver_names(&self) -> Vec<String> {
        Vec::new()
    }
}
