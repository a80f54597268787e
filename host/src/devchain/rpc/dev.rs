//! What only a development chain can be told: to make blocks, to go back, to
//! exchange its runtime, to go wrong. Answered whatever else goes wrong.
//!
//! `dev_newBlock` and `dev_setHead` are named as other development nodes name
//! them.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value as Json, json};

use super::super::block::hex;
use super::super::node::Node;
use super::super::runtime::Spec;
use super::methods::client_error;
use super::params::{Positional, invalid, number};

/// Blocks that one call makes.
const MAX_BLOCKS: u64 = 10_000;

/// Every method with its parameters' names.
pub(super) const METHODS: &[(&str, &[&str])] = &[
    ("dev_newBlock", &["count"]),
    ("dev_setHead", &["height"]),
    ("dev_upgradeRuntime", &["spec"]),
    ("dev_fault", &["kind", "argument"]),
    ("dev_heal", &[]),
];

/// The faults that can be asked for.
const KINDS: &str = "hang [blocks], mute, nonsense, misaddress, cut, cut-when-submitted, \
                     stop-blocks, drop-reveals, metadata SPEC";

type Answer = Result<Json, ErrorObjectOwned>;

/// Answers one call.
pub(super) fn answer(node: &Node, method: &str, params: &Positional) -> Answer {
    match method {
        "dev_newBlock" => new_blocks(node, optional(params, 0)?.unwrap_or(1)),
        "dev_setHead" => Ok(hex(&node.go_back(params.number(0)?).hash).into()),
        "dev_upgradeRuntime" => {
            let spec = spec(optional(params, 0)?)?;
            let upgraded = node.ledger().upgrade(spec);
            upgraded.map_err(|error| client_error(&error.to_string()))?;
            Ok(json!({ "specVersion": spec.number() }))
        }
        "dev_fault" => fault(node, params.text(0)?, optional(params, 1)?),
        _ => {
            node.faults.heal();
            Ok(Json::Null)
        }
    }
}

fn new_blocks(node: &Node, count: u64) -> Answer {
    if count > MAX_BLOCKS {
        return Err(invalid(&format!("at most {MAX_BLOCKS} blocks at once")));
    }
    for _ in 0..count {
        node.advance()
            .map_err(|error| client_error(&error.to_string()))?;
    }
    Ok(hex(&node.head().borrow().hash).into())
}

fn fault(node: &Node, kind: &str, argument: Option<u64>) -> Answer {
    let faults = &node.faults;
    match (kind, argument) {
        ("hang", None) => faults.hang(),
        ("hang", Some(blocks)) => faults.hang_for_blocks(blocks),
        ("mute", _) => faults.mute(),
        ("nonsense", _) => faults.answer_nonsense(),
        ("misaddress", _) => faults.misaddress(),
        ("cut", _) => faults.cut_connections(),
        ("cut-when-submitted", _) => faults.cut_when_submitted(),
        ("stop-blocks", _) => faults.stop_blocks(),
        ("drop-reveals", _) => faults.drop_reveals(),
        ("metadata", argument) => faults
            .serve_metadata_of(spec(argument)?)
            .map_err(|error| client_error(&error.to_string()))?,
        _ => return Err(invalid(&format!("no fault {kind:?}; there are: {KINDS}"))),
    }
    Ok(Json::Null)
}

fn spec(number: Option<u64>) -> Result<Spec, ErrorObjectOwned> {
    let Some(number) = number else {
        return Ok(Spec::default());
    };
    let known = Spec::ALL.map(|spec| spec.number().to_string()).join(", ");
    Spec::of(number).ok_or_else(|| invalid(&format!("no spec {number}; there are: {known}")))
}

fn optional(params: &Positional, index: usize) -> Result<Option<u64>, ErrorObjectOwned> {
    match params.get(index) {
        Json::Null => Ok(None),
        value => number(value)
            .map(Some)
            .ok_or_else(|| invalid(&format!("parameter {index} is not a number"))),
    }
}
