//! The classic wire of bittensor 6 to 10, both directions.
//!
//! A message is a [`Declaration`](crate::subnet::synapse::Declaration) in a
//! [`Table`]. What goes over the wire is its [`Head`](headers::Head), headers
//! in lower case, and its body, the fields as JSON with an envelope about both
//! ends around them. Signed is a short text ([`message`]) over nonce, both
//! hotkeys, the caller's uuid and the [`body_hash`]: SHA3-256 over what Python's
//! `str()` makes of the declared hash fields, and of nothing else. Method, path
//! and all other fields are not signed.
//!
//! This is the codec: it decides nothing about who may call.

pub mod coerce;
pub mod headers;
pub mod json;
pub mod repr;

mod body;
mod claim;
mod table;

pub use body::{BodyTrouble, Envelope, write_body};
pub use claim::{AHEAD_MAX, Classic, TIMEOUT_COUNTED_S_MAX};
pub use headers::{Head, HeadTrouble, Terminal};
pub use table::{Entry, PING, Table, Undeclarable};

use sha3::{Digest as _, Sha3_256};

use crate::subnet::synapse::Value;

/// Ten major versions, of six digits each: 10.5.0 is `10_005_000`.
pub const VERSION: u64 = 10_005_000;

/// What a caller signs, in the `substrate` context, unwrapped.
pub fn message(nonce: u64, sender: &str, receiver: &str, uuid: &str, body_hash: &str) -> String {
    format!("{nonce}.{sender}.{receiver}.{uuid}.{body_hash}")
}

/// The hash of a body whose hash fields have these values, in order.
pub fn body_hash<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let mut all = Sha3_256::new();
    for value in values {
        let one = Sha3_256::digest(repr::str(value));
        all.update(hex::encode(one));
    }
    hex::encode(all.finalize())
}

#[cfg(test)]
mod tests;
