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

/// Sets weights, in the way of runtimes without mechanisms.
pub(super) fn set_weights(netuid: Netuid, weights: &Weights, version_key: u64) -> Call {
    Call {
        name: "set_weights",
        arguments: vec![
            ("netuid", number(netuid)),
            ("dests", numbers(weights.uids())),
            ("weights", numbers(weights.values())),
            ("version_key", number(version_key)),
        ],
    }
}

/// Sets the weights of mechanism 0, the only one this node knows.
pub(super) fn set_mechanism_weights(netuid: Netuid, weights: &Weights, version_key: u64) -> Call {
    Call {
        name: "set_mechanism_weights",
        arguments: vec![
            ("netuid", number(netuid)),
            ("mecid", number(0_u8)),
            ("dests", numbers(weights.uids())),
            ("weights", numbers(weights.values())),
            ("version_key", number(version_key)),
        ],
    }
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
