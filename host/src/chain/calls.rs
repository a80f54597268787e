//! The calls a node makes, by name and with named arguments.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use subxt::dynamic::Value;
use subxt::ext::scale_value::Composite;
use subxt::transactions::DynamicPayload;

use crate::subnet::Netuid;
use crate::subnet::chain::AxonInfo;
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;

/// Subtensor's own pallet.
pub(super) const PALLET: &str = "SubtensorModule";

/// The longest commitment whose length is in its variant's name.
const RAW_BYTES_MAX: usize = 128;
/// The longest commitment of all.
pub(super) const COMMITMENT_BYTES_MAX: usize = 512;
/// The pallet in which accounts publish a few bytes about themselves.
pub(super) const COMMITMENTS: &str = "Commitments";

/// One call: where it is, what it is called and what it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) pallet: &'static str,
    pub(super) name: &'static str,
    arguments: Vec<(&'static str, Value)>,
}

impl Call {
    pub(super) fn payload(&self) -> DynamicPayload<Composite<()>> {
        let arguments = Composite::named(self.arguments.clone());
        subxt::dynamic::tx(self.pallet, self.name, arguments)
    }
}

/// What bittensor's `reset_axon` announces: the chain takes no port 0.
const WITHDRAWN: AxonInfo = AxonInfo {
    address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1),
    protocol: 4,
    version: 0,
};

/// Announces where a hotkey listens.
pub(super) fn serve_axon(netuid: Netuid, axon: &AxonInfo) -> Call {
    Call {
        pallet: PALLET,
        name: "serve_axon",
        arguments: announcement(netuid, axon),
    }
}

/// The same with a public key for TLS: a byte for the algorithm and at most 64
/// of the key, no X.509.
pub(super) fn serve_axon_tls(netuid: Netuid, axon: &AxonInfo, certificate: &[u8]) -> Call {
    let mut arguments = announcement(netuid, axon);
    arguments.push(("certificate", Value::from_bytes(certificate)));
    Call {
        pallet: PALLET,
        name: "serve_axon_tls",
        arguments,
    }
}

/// Announces that a hotkey listens nowhere.
pub(super) fn withdraw_axon(netuid: Netuid) -> Call {
    serve_axon(netuid, &WITHDRAWN)
}

fn announcement(netuid: Netuid, axon: &AxonInfo) -> Vec<(&'static str, Value)> {
    let (ip, ip_type) = address(axon.address);
    vec![
        ("netuid", number(netuid)),
        ("version", number(axon.version)),
        ("ip", Value::u128(ip)),
        ("port", number(axon.address.port())),
        ("ip_type", number(ip_type)),
        ("protocol", number(axon.protocol)),
        ("placeholder1", number(0_u8)),
        ("placeholder2", number(0_u8)),
    ]
}

/// Publishes a few bytes in a subnet, readable by everybody.
pub(super) fn set_commitment(netuid: Netuid, data: &[u8]) -> Call {
    let kind = match data.len() {
        short @ 0..=RAW_BYTES_MAX => format!("Raw{short}"),
        _ => "BigRaw".to_owned(),
    };
    let field = Value::unnamed_variant(kind, [Value::from_bytes(data)]);
    let fields = Value::unnamed_composite([field]);
    Call {
        pallet: COMMITMENTS,
        name: "set_commitment",
        arguments: vec![
            ("netuid", number(netuid)),
            ("info", Value::named_composite([("fields", fields)])),
        ],
    }
}

/// Buys a slot at whatever it costs when the call is included.
pub(super) fn burned_register(netuid: Netuid, hotkey: &AccountId) -> Call {
    Call {
        pallet: PALLET,
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
        pallet: PALLET,
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
        pallet: PALLET,
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
        pallet: PALLET,
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
