//! Calls that set, commit and reveal weights. Where a call names no mechanism,
//! it means mechanism 0.

use scale_decode::DecodeAsType;

use super::Arguments;
use crate::devchain::extrinsic::Malformed;

/// Bytes of a sealed commit, as the runtime's type bounds it.
const MAX_COMMIT_BYTES: usize = 5000;

/// A call about weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum WeightsCall {
    /// `set_weights` and `set_mechanism_weights`.
    Set(SetWeights),
    /// `batch_set_weights`.
    BatchSet(BatchSet),
    /// `commit_weights` and `commit_mechanism_weights`.
    Commit(Commit),
    /// `batch_commit_weights`.
    BatchCommit(BatchCommit),
    /// `reveal_weights` and `reveal_mechanism_weights`.
    Reveal(Reveal),
    /// `batch_reveal_weights`.
    BatchReveal(BatchReveal),
    /// `commit_timelocked_weights`, `commit_timelocked_mechanism_weights` and
    /// `commit_crv3_mechanism_weights`.
    CommitTimelocked(TimelockedCommit),
}

/// Weights of one mechanism.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct SetWeights {
    pub(in super::super) netuid: u16,
    pub(in super::super) mecid: u8,
    pub(in super::super) dests: Vec<u16>,
    pub(in super::super) weights: Vec<u16>,
    pub(in super::super) version_key: u64,
}

#[derive(DecodeAsType)]
struct SetMainWeights {
    netuid: u16,
    dests: Vec<u16>,
    weights: Vec<u16>,
    version_key: u64,
}

/// Weights of several subnets.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct BatchSet {
    pub(in super::super) netuids: Vec<u16>,
    pub(in super::super) weights: Vec<Vec<(u16, u16)>>,
    pub(in super::super) version_keys: Vec<u64>,
}

/// A hash of weights to come.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct Commit {
    pub(in super::super) netuid: u16,
    pub(in super::super) mecid: u8,
    pub(in super::super) commit_hash: [u8; 32],
}

#[derive(DecodeAsType)]
struct CommitMain {
    netuid: u16,
    commit_hash: [u8; 32],
}

/// Hashes for several subnets.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct BatchCommit {
    pub(in super::super) netuids: Vec<u16>,
    pub(in super::super) commit_hashes: Vec<[u8; 32]>,
}

/// The weights behind a hash.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct Reveal {
    pub(in super::super) netuid: u16,
    pub(in super::super) mecid: u8,
    pub(in super::super) uids: Vec<u16>,
    pub(in super::super) values: Vec<u16>,
    pub(in super::super) salt: Vec<u16>,
    pub(in super::super) version_key: u64,
}

#[derive(DecodeAsType)]
struct RevealMain {
    netuid: u16,
    uids: Vec<u16>,
    values: Vec<u16>,
    salt: Vec<u16>,
    version_key: u64,
}

/// The weights behind several hashes.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct BatchReveal {
    pub(in super::super) netuid: u16,
    pub(in super::super) uids_list: Vec<Vec<u16>>,
    pub(in super::super) values_list: Vec<Vec<u16>>,
    pub(in super::super) salts_list: Vec<Vec<u16>>,
    pub(in super::super) version_keys: Vec<u64>,
}

/// Weights sealed until a beacon's round.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct TimelockedCommit {
    pub(in super::super) netuid: u16,
    pub(in super::super) mecid: u8,
    pub(in super::super) commit: Vec<u8>,
    pub(in super::super) reveal_round: u64,
    /// The scheme; `None` where the call does not say.
    pub(in super::super) commit_reveal_version: Option<u16>,
}

#[derive(DecodeAsType)]
struct TimelockedMain {
    netuid: u16,
    commit: Vec<u8>,
    reveal_round: u64,
    commit_reveal_version: u16,
}

#[derive(DecodeAsType)]
struct TimelockedMechanism {
    netuid: u16,
    mecid: u8,
    commit: Vec<u8>,
    reveal_round: u64,
    commit_reveal_version: u16,
}

#[derive(DecodeAsType)]
struct CrV3Mechanism {
    netuid: u16,
    mecid: u8,
    commit: Vec<u8>,
    reveal_round: u64,
}

impl WeightsCall {
    /// Decodes a call, if it is one of these.
    pub(super) fn decode(
        args: &Arguments<'_>,
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        let call = Self::take(args, bytes)?;
        match &call {
            Some(Self::CommitTimelocked(call)) if call.commit.len() > MAX_COMMIT_BYTES => Err(
                Malformed(format!("a commit of more than {MAX_COMMIT_BYTES} bytes")),
            ),
            _ => Ok(call),
        }
    }

    fn take(args: &Arguments<'_>, bytes: &mut &[u8]) -> Result<Option<Self>, Malformed> {
        Ok(Some(match args.call {
            "set_weights" => Self::Set(args.take::<SetMainWeights>(bytes)?.into()),
            "set_mechanism_weights" => Self::Set(args.take(bytes)?),
            "batch_set_weights" => Self::BatchSet(args.take(bytes)?),
            "commit_weights" => Self::Commit(args.take::<CommitMain>(bytes)?.into()),
            "commit_mechanism_weights" => Self::Commit(args.take(bytes)?),
            "batch_commit_weights" => Self::BatchCommit(args.take(bytes)?),
            "reveal_weights" => Self::Reveal(args.take::<RevealMain>(bytes)?.into()),
            "reveal_mechanism_weights" => Self::Reveal(args.take(bytes)?),
            "batch_reveal_weights" => Self::BatchReveal(args.take(bytes)?),
            "commit_timelocked_weights" => {
                Self::CommitTimelocked(args.take::<TimelockedMain>(bytes)?.into())
            }
            "commit_timelocked_mechanism_weights" => {
                Self::CommitTimelocked(args.take::<TimelockedMechanism>(bytes)?.into())
            }
            "commit_crv3_mechanism_weights" => {
                Self::CommitTimelocked(args.take::<CrV3Mechanism>(bytes)?.into())
            }
            _ => return Ok(None),
        }))
    }
}

impl From<SetMainWeights> for SetWeights {
    fn from(call: SetMainWeights) -> Self {
        Self {
            netuid: call.netuid,
            mecid: 0,
            dests: call.dests,
            weights: call.weights,
            version_key: call.version_key,
        }
    }
}

impl From<CommitMain> for Commit {
    fn from(call: CommitMain) -> Self {
        Self {
            netuid: call.netuid,
            mecid: 0,
            commit_hash: call.commit_hash,
        }
    }
}

impl From<RevealMain> for Reveal {
    fn from(call: RevealMain) -> Self {
        Self {
            netuid: call.netuid,
            mecid: 0,
            uids: call.uids,
            values: call.values,
            salt: call.salt,
            version_key: call.version_key,
        }
    }
}

impl From<TimelockedMain> for TimelockedCommit {
    fn from(call: TimelockedMain) -> Self {
        Self {
            netuid: call.netuid,
            mecid: 0,
            commit: call.commit,
            reveal_round: call.reveal_round,
            commit_reveal_version: Some(call.commit_reveal_version),
        }
    }
}

impl From<TimelockedMechanism> for TimelockedCommit {
    fn from(call: TimelockedMechanism) -> Self {
        Self {
            netuid: call.netuid,
            mecid: call.mecid,
            commit: call.commit,
            reveal_round: call.reveal_round,
            commit_reveal_version: Some(call.commit_reveal_version),
        }
    }
}

impl From<CrV3Mechanism> for TimelockedCommit {
    fn from(call: CrV3Mechanism) -> Self {
        Self {
            netuid: call.netuid,
            mecid: call.mecid,
            commit: call.commit,
            reveal_round: call.reveal_round,
            commit_reveal_version: None,
        }
    }
}
