//! The calls about weights: open, committed, revealed.

use subxt::dynamic::Value;

use super::{Call, PALLET, number, numbers};
use crate::subnet::Netuid;
use crate::subnet::weights::Weights;

/// The version of timelocked commit-reveal that this program speaks.
pub(in super::super) const COMMIT_REVEAL_VERSION: u16 = 4;

/// A call about weights, with its name on runtimes that have mechanisms and on
/// those that do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Weighing {
    /// Openly.
    Set,
    /// Sealed until a beacon's round.
    CommitTimelocked,
    /// Behind a salt.
    CommitSalted,
    /// Tells the salt.
    Reveal,
}

impl Weighing {
    /// As runtimes with mechanisms call it, which it is asked for first.
    pub(in super::super) fn on_a_mechanism(self) -> &'static str {
        match self {
            Self::Set => "set_mechanism_weights",
            Self::CommitTimelocked => "commit_timelocked_mechanism_weights",
            Self::CommitSalted => "commit_mechanism_weights",
            Self::Reveal => "reveal_mechanism_weights",
        }
    }

    /// As runtimes without them do.
    pub(in super::super) fn on_the_subnet(self) -> &'static str {
        match self {
            Self::Set => "set_weights",
            Self::CommitTimelocked => "commit_timelocked_weights",
            Self::CommitSalted => "commit_weights",
            Self::Reveal => "reveal_weights",
        }
    }
}

/// `name` is one of a [`Weighing`]'s; on a mechanism it is number 0, the only
/// one this node knows.
fn weighing(name: &'static str, netuid: Netuid, arguments: Vec<(&'static str, Value)>) -> Call {
    let mut all = vec![("netuid", number(netuid))];
    if name.contains("mechanism") {
        all.push(("mecid", number(0_u8)));
    }
    all.extend(arguments);
    Call {
        pallet: PALLET,
        name,
        arguments: all,
    }
}

/// Sets weights openly.
pub(in super::super) fn set_weights(
    name: &'static str,
    netuid: Netuid,
    weights: &Weights,
    version_key: u64,
) -> Call {
    let arguments = vec![
        ("dests", numbers(weights.uids())),
        ("weights", numbers(weights.values())),
        ("version_key", number(version_key)),
    ];
    weighing(name, netuid, arguments)
}

/// Commits sealed weights.
pub(in super::super) fn commit_timelocked(
    name: &'static str,
    netuid: Netuid,
    sealed: &[u8],
    round: u64,
) -> Call {
    let arguments = vec![
        ("commit", Value::from_bytes(sealed)),
        ("reveal_round", number(round)),
        ("commit_reveal_version", number(COMMIT_REVEAL_VERSION)),
    ];
    weighing(name, netuid, arguments)
}

/// Commits to a hash.
pub(in super::super) fn commit_salted(name: &'static str, netuid: Netuid, hash: &[u8; 32]) -> Call {
    weighing(name, netuid, vec![("commit_hash", Value::from_bytes(hash))])
}

/// Tells what was committed to.
pub(in super::super) fn reveal_weights(
    name: &'static str,
    netuid: Netuid,
    weights: &Weights,
    salt: &[u16],
    version_key: u64,
) -> Call {
    let arguments = vec![
        ("uids", numbers(weights.uids())),
        ("values", numbers(weights.values())),
        ("salt", numbers(salt.to_vec())),
        ("version_key", number(version_key)),
    ];
    weighing(name, netuid, arguments)
}
