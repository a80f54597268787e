//! Methods that answer at once.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value as Json, json};

use super::super::api;
use super::super::block::hex;
use super::super::ledger::Ledger;
use super::super::node::Node;
use super::params::{Positional, invalid, number};
use crate::subnet::key::{AccountId, SS58_PREFIX};

/// What the chain calls itself; clients know by it that it is for development.
pub(super) const CHAIN: &str = "Compute Subnet Development";
/// What the node calls itself.
const NODE: &str = "host-devchain";
/// Keys in one page.
const MAX_KEYS: u64 = 1000;

/// Every method with its parameters' names.
///
/// No name begins with `chainHead_v1` or `archive_v1`: subxt would prefer those
/// for all it does, and the legacy methods are what every client has.
pub(super) const METHODS: &[(&str, &[&str])] = &[
    ("account_nextIndex", &["account"]),
    ("author_pendingExtrinsics", &[]),
    ("author_submitExtrinsic", &["bytes|extrinsic"]),
    ("chain_getBlock", &["hash"]),
    ("chain_getBlockHash", &["hash|block_number"]),
    ("chain_getFinalisedHead", &[]),
    ("chain_getFinalizedHead", &[]),
    ("chain_getHead", &["hash"]),
    ("chain_getHeader", &["hash"]),
    ("chain_getRuntimeVersion", &["hash|at"]),
    ("state_call", &["name|method", "bytes|data", "hash|at"]),
    ("state_callAt", &["name|method", "bytes|data", "hash|at"]),
    ("state_getKeys", &["prefix", "hash|at"]),
    (
        "state_getKeysPaged",
        &["prefix", "count", "start_key", "hash|at"],
    ),
    (
        "state_getKeysPagedAt",
        &["prefix", "count", "start_key", "hash|at"],
    ),
    ("state_getMetadata", &["hash|at"]),
    ("state_getRuntimeVersion", &["hash|at"]),
    ("state_getStorage", &["key", "hash|at"]),
    ("state_getStorageAt", &["key", "hash|at"]),
    ("state_getStorageSize", &["key", "hash|at"]),
    ("state_queryStorageAt", &["keys", "at|hash"]),
    ("system_accountNextIndex", &["account"]),
    ("system_chain", &[]),
    ("system_chainType", &[]),
    ("system_health", &[]),
    ("system_name", &[]),
    ("system_properties", &[]),
    ("system_version", &[]),
];

type Answer = Result<Json, ErrorObjectOwned>;

/// Answers one call.
pub(super) fn answer(node: &Node, method: &str, params: &Positional) -> Answer {
    let mut ledger = node.ledger();
    match method {
        "author_submitExtrinsic" => {
            let (hash, _) = ledger.submit(&params.bytes(0)?)?;
            Ok(hex(&hash).into())
        }
        "author_pendingExtrinsics" => {
            let pending = ledger.pending().iter();
            Ok(pending.map(|waits| hex(&waits.extrinsic.bytes)).collect())
        }
        _ if method.starts_with("chain_") => chain(&ledger, method, params),
        _ if method.starts_with("state_") => state(&ledger, method, params),
        _ => system(&ledger, method, params),
    }
}

fn chain(ledger: &Ledger, method: &str, params: &Positional) -> Answer {
    match method {
        "chain_getBlockHash" => block_hash(ledger, params.get(0)),
        "chain_getHead" | "chain_getFinalizedHead" | "chain_getFinalisedHead" => {
            Ok(hex(&ledger.head().hash).into())
        }
        "chain_getRuntimeVersion" => runtime_version(ledger, height(ledger, params, 0)?),
        _ => {
            let height = match params.hash(0)? {
                Some(hash) => ledger.height(&hash),
                None => Some(u64::from(ledger.head().header.number)),
            };
            let Some(block) = height.and_then(|height| ledger.block(height)) else {
                return Ok(Json::Null);
            };
            if method == "chain_getHeader" {
                return Ok(block.header.json());
            }
            let extrinsics: Vec<_> = block.extrinsics.iter().map(|bytes| hex(bytes)).collect();
            Ok(json!({
                "block": { "header": block.header.json(), "extrinsics": extrinsics },
                "justifications": null,
            }))
        }
    }
}

fn block_hash(ledger: &Ledger, height: &Json) -> Answer {
    match height {
        Json::Null => Ok(hex(&ledger.head().hash).into()),
        Json::Array(heights) => heights.iter().map(|one| block_hash(ledger, one)).collect(),
        _ => {
            let height = number(height).ok_or_else(|| invalid("not a block number"))?;
            Ok(ledger
                .block(height)
                .map_or(Json::Null, |block| hex(&block.hash).into()))
        }
    }
}

fn state(ledger: &Ledger, method: &str, params: &Positional) -> Answer {
    let at = |index| height(ledger, params, index);
    match method {
        "state_getMetadata" => Ok(hex(&ledger.runtime_at(at(0)?).metadata_v14).into()),
        "state_getRuntimeVersion" => runtime_version(ledger, at(0)?),
        "state_call" | "state_callAt" => {
            let (name, input) = (params.text(0)?, params.bytes(1)?);
            api::call(ledger, at(2)?, name, &input)
                .map(|bytes| hex(&bytes).into())
                .map_err(|error| client_error(&error.to_string()))
        }
        "state_getKeys" => {
            let (prefix, height) = (params.bytes(0)?, at(1)?);
            Ok(keys(ledger, &prefix, None, height, MAX_KEYS))
        }
        "state_getKeysPaged" | "state_getKeysPagedAt" => {
            let (prefix, count) = (params.bytes(0)?, params.number(1)?);
            if count > MAX_KEYS {
                let message =
                    format!("count exceeds maximum value. value: {count}, max: {MAX_KEYS}");
                return Err(ErrorObjectOwned::owned(4002, message, None::<()>));
            }
            let (start, height) = (params.maybe_bytes(2)?, at(3)?);
            Ok(keys(ledger, &prefix, start.as_deref(), height, count))
        }
        "state_queryStorageAt" => {
            let (keys, height) = (params.list(0)?, at(1)?);
            Ok(json!([changes(ledger, &keys, height)]))
        }
        "state_getStorageSize" => {
            let value = value(ledger, &params.bytes(0)?, at(1)?).map(<[u8]>::len);
            Ok(value.into())
        }
        _ => {
            let value = value(ledger, &params.bytes(0)?, at(1)?);
            Ok(value.map(hex).into())
        }
    }
}

/// The height of the block a parameter names, whose state is still there.
fn height(ledger: &Ledger, params: &Positional, index: usize) -> Result<u64, ErrorObjectOwned> {
    let Some(hash) = params.hash(index)? else {
        return Ok(u64::from(ledger.head().header.number));
    };
    match ledger.height(&hash) {
        Some(height) if ledger.has_state(height) => Ok(height),
        Some(_) => Err(client_error(&format!(
            "UnknownBlock: State already discarded for {}",
            hex(&hash)
        ))),
        None => Err(client_error(&format!(
            "UnknownBlock: Header was not found in the database: {}",
            hex(&hash)
        ))),
    }
}

fn value<'a>(ledger: &'a Ledger, key: &[u8], height: u64) -> Option<&'a [u8]> {
    ledger.store().get(key, height)
}

fn keys(ledger: &Ledger, prefix: &[u8], start: Option<&[u8]>, height: u64, count: u64) -> Json {
    let count = usize::try_from(count).unwrap_or(0);
    let keys = ledger.store().keys(prefix, start, height);
    keys.take(count).map(hex).collect()
}

/// The values of `keys`, as a storage change set.
pub(super) fn changes(ledger: &Ledger, keys: &[Vec<u8>], height: u64) -> Json {
    let block = ledger.block(height).map(|block| hex(&block.hash));
    let changes: Vec<_> = keys
        .iter()
        .map(|key| (hex(key), value(ledger, key, height).map(hex)))
        .collect();
    json!({ "block": block, "changes": changes })
}

fn system(ledger: &Ledger, method: &str, params: &Positional) -> Answer {
    Ok(match method {
        "account_nextIndex" | "system_accountNextIndex" => {
            let account = AccountId::from_ss58(params.text(0)?)
                .map_err(|error| invalid(&error.to_string()))?;
            let nonce = ledger.next_nonce(account.0);
            nonce
                .map_err(|error| client_error(&error.to_string()))?
                .into()
        }
        "system_chain" => CHAIN.into(),
        "system_chainType" => "Development".into(),
        "system_name" => NODE.into(),
        "system_version" => env!("CARGO_PKG_VERSION").into(),
        "system_properties" => json!({
            "ss58Format": SS58_PREFIX, "tokenDecimals": 9, "tokenSymbol": "TAO",
        }),
        _ => json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }),
    })
}

/// `System.Version`, as JSON-RPC shows it.
pub(super) fn runtime_version(ledger: &Ledger, height: u64) -> Answer {
    #[derive(scale_decode::DecodeAsType)]
    struct Version {
        spec_name: String,
        impl_name: String,
        authoring_version: u32,
        spec_version: u32,
        impl_version: u32,
        apis: Vec<([u8; 8], u32)>,
        transaction_version: u32,
        system_version: u8,
    }
    let codec = &ledger.runtime_at(height).codec;
    let version: Version = codec
        .constant("System", "Version")
        .and_then(|(bytes, type_id)| codec.decode(bytes, type_id))
        .map_err(|error| client_error(&error.to_string()))?;
    let apis: Vec<_> = version.apis.iter().map(|(id, of)| (hex(id), of)).collect();
    Ok(json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": apis,
        "transactionVersion": version.transaction_version,
        "systemVersion": version.system_version,
        "stateVersion": version.system_version,
    }))
}

/// What went wrong beneath the RPC, in a node's words.
fn client_error(why: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(4003, format!("Client error: {why}"), None::<()>)
}
