//! Blocks and their headers, hashed as Substrate hashes them.
//!
//! A header's hash is BLAKE2b-256 of its SCALE bytes, so a client that hashes
//! headers itself finds its way. The roots are commitments to what they name,
//! not tries: no client here asks for proofs.

use parity_scale_codec::{Compact, Encode};
use serde_json::{Value as Json, json};

use super::hash::blake2_256;

/// A block's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The block before it.
    pub(super) parent: [u8; 32],
    /// Its height.
    pub(super) number: u32,
    /// A commitment to the state after it.
    pub(super) state_root: [u8; 32],
    /// A commitment to its extrinsics.
    pub(super) extrinsics_root: [u8; 32],
    /// Digest items, each encoded.
    pub(super) logs: Vec<Vec<u8>>,
}

impl Header {
    /// The block's hash.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut bytes = self.parent.to_vec();
        Compact(self.number).encode_to(&mut bytes);
        bytes.extend_from_slice(&self.state_root);
        bytes.extend_from_slice(&self.extrinsics_root);
        Compact(u32::try_from(self.logs.len()).unwrap_or(u32::MAX)).encode_to(&mut bytes);
        for log in &self.logs {
            bytes.extend_from_slice(log);
        }
        blake2_256(&bytes)
    }

    /// As JSON-RPC shows it.
    pub(super) fn json(&self) -> Json {
        json!({
            "parentHash": hex(&self.parent),
            "number": format!("{:#x}", self.number),
            "stateRoot": hex(&self.state_root),
            "extrinsicsRoot": hex(&self.extrinsics_root),
            "digest": { "logs": self.logs.iter().map(|log| hex(log)).collect::<Vec<_>>() },
        })
    }
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its hash.
    pub(super) hash: [u8; 32],
    /// Its header.
    pub(super) header: Header,
    /// Its extrinsics, the inherent first, each with its length before it.
    pub(super) extrinsics: Vec<Vec<u8>>,
}

impl Block {
    /// Puts a block together.
    pub(super) fn new(
        parent: [u8; 32],
        number: u32,
        state_root: [u8; 32],
        extrinsics: Vec<Vec<u8>>,
        logs: Vec<Vec<u8>>,
    ) -> Self {
        let header = Header {
            parent,
            number,
            state_root,
            extrinsics_root: blake2_256(&extrinsics.concat()),
            logs,
        };
        Self {
            hash: header.hash(),
            header,
            extrinsics,
        }
    }
}

/// Digest item 8: the block exchanged the runtime.
pub(super) const RUNTIME_UPDATED_LOG: &[u8] = &[8];

/// Digest item 0, "other".
pub(super) fn other_log(note: &[u8]) -> Vec<u8> {
    let mut log = vec![0];
    note.encode_to(&mut log);
    log
}

/// With `0x`, as JSON-RPC writes bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
