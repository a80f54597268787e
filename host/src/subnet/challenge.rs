//! A challenge session, in the words of `challenge.wit`.

use serde::{Deserialize, Serialize};

use super::hardware::{Hardware, Metric};
use super::key::AccountId;
use super::{BlockNumber, Netuid, Uid};

/// Tasks after which the host ends a session.
pub const SESSION_TASKS_MAX: usize = 16;
/// The largest payload of a task or an answer, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// The longest a task may run, in milliseconds, whatever its generator asks.
pub const TASK_TIMEOUT_MS_MAX: u32 = 120_000;
/// The most a generator may ask to be remembered of one miner, in bytes.
pub const VERDICT_MEMORY_BYTES_MAX: usize = 64 << 10;

/// One machine of one miner being challenged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Unique for ever; the miner sees it.
    pub id: String,
    /// The subnet.
    pub netuid: Netuid,
    /// This validator's own key.
    pub validator: AccountId,
    /// The miner's slot when the session began.
    pub uid: Uid,
    /// The miner's key.
    pub hotkey: AccountId,
    /// Empty for the machine the miner runs on.
    pub machine: String,
    /// When it began.
    pub block: BlockNumber,
    /// What the miner says the machine is.
    pub claimed: Option<Hardware>,
    /// Secret until the verdict.
    #[serde(with = "super::octets")]
    pub seed: [u8; 32],
    /// What the generator asked to be remembered of this hotkey.
    #[serde(with = "super::octets")]
    pub memory: Vec<u8>,
}

/// One message to the miner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Which of the miner's solvers should answer.
    pub solver: String,
    /// Sent as it is.
    #[serde(with = "super::octets")]
    pub payload: Vec<u8>,
    /// The host hangs up after this long.
    pub timeout_ms: u32,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The solver's answer.
    Payload(#[serde(with = "super::octets")] Vec<u8>),
    /// Nothing in time.
    TimedOut,
    /// The miner has no such solver, or would not run it.
    Refused(String),
    /// No connection, or it broke off.
    Unreachable(String),
    /// An answer, but not by the protocol.
    BrokeProtocol(String),
    /// More than [`PAYLOAD_BYTES_MAX`].
    TooLarge,
    /// Serves another validator; milliseconds until it may be free.
    Busy(u32),
    /// The miner restarted and knows nothing of this session.
    Forgotten,
}

/// A task and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was asked.
    pub task: Task,
    /// What came back.
    pub answer: Answer,
    /// From the last byte sent to the last byte received.
    pub elapsed_us: u64,
}

/// What a generator concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the machine did what was asked.
    pub passed: bool,
    /// 0 to 1000.
    pub grade_permille: u16,
    /// What the challenge proved.
    pub proven: Option<Hardware>,
    /// Measurements.
    pub metrics: Vec<Metric>,
    /// One line for the miner who asks why.
    pub reason: String,
    /// For the next session with this miner.
    #[serde(with = "super::octets")]
    pub memory: Vec<u8>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Send this.
    Ask(Task),
    /// Done.
    Conclude(Verdict),
}
