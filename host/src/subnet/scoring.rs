//! An epoch's evidence and what a policy makes of it, in the words of `scoring.wit`.

use serde::{Deserialize, Serialize};

use super::hardware::{Hardware, Label, Metric};
use super::key::AccountId;
use super::{BlockNumber, Netuid, Uid};

/// Findings a policy sees of one miner, newest first.
pub const FINDINGS_MAX: usize = 64;
/// The most a policy may keep from one epoch to the next, in bytes.
pub const POLICY_MEMORY_BYTES_MAX: usize = 1 << 20;

/// When and where the scores will count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// The subnet.
    pub netuid: Netuid,
    /// The mechanism within it.
    pub mechanism: u8,
    /// The chain's count of this subnet's epochs.
    pub number: u64,
    /// The block everything was read at.
    pub block: BlockNumber,
    /// The block of the epoch this validator scored before.
    pub previous_block: Option<BlockNumber>,
    /// Points given to this uid are burned.
    pub burn_uid: Option<Uid>,
    /// The epoch's own measurements.
    pub metrics: Vec<Metric>,
}

/// What a challenge concluded about a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The name of the generator that judged it.
    pub challenge: String,
    /// Empty for the machine the miner runs on.
    pub machine: String,
    /// When.
    pub block: BlockNumber,
    /// Whether the machine did what was asked.
    pub passed: bool,
    /// 0 to 1000.
    pub grade_permille: u16,
    /// What was proved.
    pub proven: Option<Hardware>,
    /// Measurements.
    pub metrics: Vec<Metric>,
}

/// A machine that a miner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedMachine {
    /// Empty for the machine the miner runs on.
    pub id: String,
    /// What the miner says it is made of.
    pub claimed: Hardware,
    /// Zero if not for rent.
    pub price_micro_usd_per_hour: u64,
    /// The share of the time since the last epoch that it was rented.
    pub rented_permille: u16,
    /// Facts nobody foresaw.
    pub labels: Vec<Label>,
}

/// Everything the validator knows about one miner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miner {
    /// Its slot.
    pub uid: Uid,
    /// Its key.
    pub hotkey: AccountId,
    /// Its owner.
    pub coldkey: AccountId,
    /// When it took the slot.
    pub registered_at: BlockNumber,
    /// The IP address it serves on.
    pub address: Option<String>,
    /// What it offers.
    pub machines: Vec<OfferedMachine>,
    /// Newest first, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How often it answered since the last epoch.
    pub availability_permille: u16,
    /// What the active policy gave this hotkey last epoch.
    pub previous_points: u64,
    /// What it reports of itself.
    pub metrics: Vec<Metric>,
}

/// What a policy is given: with the settings and the .wasm, all it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When and where.
    pub epoch: Epoch,
    /// By uid, ascending.
    pub miners: Vec<Miner>,
    /// What this policy returned last epoch.
    #[serde(with = "super::octets")]
    pub memory: Vec<u8>,
}

/// A miner's points and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// The miner.
    pub uid: Uid,
    /// Only ratios matter.
    pub points: u64,
    /// One line for the miner who asks why; a plugin's text, escape it.
    pub reason: String,
}

/// What a policy made of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Each uid at most once, all of them in the evidence or the burn uid.
    pub scores: Vec<Score>,
    /// For this policy's next epoch.
    #[serde(with = "super::octets")]
    pub memory: Vec<u8>,
}
