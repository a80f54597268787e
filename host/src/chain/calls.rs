//! The calls a node makes, by name and with named arguments.

use std::net::{IpAddr, SocketAddr};

use subxt::dynamic::Value;
use subxt::ext::scale_value::Composite;
use subxt::transactions::DynamicPayload;

use crate::subnet::Netuid;
use crate::subnet::chain::AxonInfo;
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;

/// Subtensor's own pallet.
pub(super) const PALLET: &str = "SubtensorModule";

/// One call: what it is called and what it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: &'static str,
    arguments: Vec<(&'static str, Value)>,
}

impl Call {
    pub(super) fn payload(&self) -> DynamicPayload<Composite<()>> {
        subxt::dynamic::tx(PALLET, self.name, Composite::named(self.arguments.clone()))
    }
}

/// Announces where a hotkey listens.
pub(super) fn serve_axon(netuid: Netuid, axon: &AxonInfo) -> Call {
    let (ip, ip_type) = address(axon.address);
    Call {
        name: "serve_axon",
        arguments: vec![
            ("netuid", number(netuid)),
            ("version", number(axon.version)),
            ("ip", Value::u128(ip)),
            ("port", number(axon.address.port())),
            ("ip_type", number(ip_type)),
            ("protocol", number(axon.protocol)),
            ("placeholder1", number(0_u8)),
            ("placeholder2", number(0_u8)),
        ],
    }
}

/// Buys a slot at whatever it costs when the call is included.
pub(super) fn burned_register(netuid: Netuid, hotkey: &AccountId) -> Call {
    Call {
        name: "burned_register",
        arguments: vec![
            ("netuid", number(netuid)),
            ("hotkey", Value::from_bytes(hotkey.0)),
        ],
    }
}

/// Buys a slot for at most `limit_rao`.
pub(super) fn register_limit(netuid: Netuid, hotkey: &AccountId, limit_rao: u64) -> Call {
    Call {
        name: "register_limit",
        arguments: vec![
            ("netuid", number(netuid)),
            ("hotkey", Value::from_bytes(hotkey.0)),
            ("limit_price", number(limit_rao)),
        ],
    }
}

/// The version of timelocked commit-reveal that this program speaks.
pub(super) const COMMIT_REVEAL_VERSION: u16 = 4;

/// A call about weights, with its name on runtimes that have mechanisms and on
/// those that do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weighing {
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
    pub(super) fn on_a_mechanism(self) -> &'static str {
        match self {
            Self::Set => "set_mechanism_weights",
            Self::CommitTimelocked => "commit_timelocked_mechanism_weights",
            Self::CommitSalted => "commit_mechanism_weights",
            Self::Reveal => "reveal_mechanism_weights",
        }
    }

    /// As runtimes without them do.
    pub(super) fn on_the_subnet(self) -> &'static str {
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
        name,
        arguments: all,
    }
}

/// Sets weights openly.
pub(super) fn set_weights(
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
pub(super) fn commit_timelocked(
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
pub(super) fn commit_salted(name: &'static str, netuid: Netuid, hash: &[u8; 32]) -> Call {
    weighing(name, netuid, vec![("commit_hash", Value::from_bytes(hash))])
}

/// Tells what was committed to.
pub(super) fn reveal_weights(
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

fn number(value: impl Into<u128>) -> Value {
    Value::u128(value.into())
}

fn numbers(values: Vec<u16>) -> Value {
    Value::unnamed_composite(values.into_iter().map(number))
}

/// As the chain keeps an address: a number, and 4 or 6.
fn address(address: SocketAddr) -> (u128, u8) {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 4),
        IpAddr::V6(ip) => (u128::from(ip), 6),
    }
}
