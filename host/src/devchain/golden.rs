//! Answers of a real local subtensor, spec 461, to hold this chain against.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;

use super::codec::Codec;

/// All of it; its origin and licence are in its first lines.
pub(super) fn file() -> Json {
    serde_json::from_str(include_str!("../../tests/data/golden_461.json")).unwrap()
}

/// One of its lists.
pub(super) fn list(name: &str) -> Vec<Json> {
    file()[name].as_array().unwrap().clone()
}

/// The bytes of a hex text.
pub(super) fn bytes(text: &Json) -> Vec<u8> {
    hex::decode(text.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

/// The codec of the runtime they are of.
pub(super) fn codec() -> Codec {
    let metadata = include_bytes!("metadata/spec461_v15.scale");
    Codec::new(metadata, 250, None).unwrap()
}
