//! What answers look like, and how little of them is believed.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::CallError;
use crate::subnet::BlockNumber;

/// The versions that decide which metadata counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::chain) struct Versions {
    pub(in crate::chain) spec_version: u32,
    pub(in crate::chain) transaction_version: u32,
}

#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) number: String,
}

#[derive(Deserialize)]
pub(super) struct SignedBlock {
    pub(super) block: Block,
}

#[derive(Deserialize)]
pub(super) struct Block {
    pub(super) extrinsics: Vec<String>,
}

/// Values at one block, as `state_queryStorageAt` tells them.
#[derive(Deserialize)]
pub(super) struct Changes {
    block: String,
    changes: Vec<(String, Option<String>)>,
}

/// The values of `keys`, in their order. A key that the answer leaves out is
/// nonsense: its default would pass for what is stored.
pub(super) fn values(
    answer: Vec<Changes>,
    keys: &[Vec<u8>],
    block: [u8; 32],
) -> Result<Vec<Option<Vec<u8>>>, CallError> {
    let mut found = HashMap::new();
    for set in answer {
        if hash(&set.block)? != block {
            return Err(CallError::Nonsense(
                "values of another block than was asked for".to_owned(),
            ));
        }
        for (key, value) in set.changes {
            found.insert(unhex(&key)?, value.map(|text| unhex(&text)).transpose()?);
        }
    }
    keys.iter()
        .map(|key| {
            found.get(key).cloned().ok_or_else(|| {
                CallError::Nonsense("a value that was asked for is left out".to_owned())
            })
        })
        .collect()
}

/// What became of a submitted extrinsic, as the node's pool tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chain) enum Progress {
    /// In the pool or in a block that may still be abandoned.
    Pending,
    /// In a block that stays.
    Finalized([u8; 32]),
    /// The pool let go of it: `invalid`, `dropped`, `usurped`.
    Ended(String),
}

/// The height in a header that a subscription sent.
pub(in crate::chain) fn header_number(notification: &Value) -> Result<BlockNumber, CallError> {
    number(notification["number"].as_str().unwrap_or_default())
}

/// What a notification says of an extrinsic; states of no interest are pending.
pub(in crate::chain) fn progress(notification: &Value) -> Progress {
    if let Some(text) = notification["finalized"].as_str()
        && let Ok(block) = hash(text)
    {
        return Progress::Finalized(block);
    }
    for end in ["invalid", "dropped"] {
        if notification.as_str() == Some(end) {
            return Progress::Ended(end.to_owned());
        }
    }
    if notification.get("usurped").is_some() {
        return Progress::Ended("usurped".to_owned());
    }
    Progress::Pending
}

pub(super) fn unhex(text: &str) -> Result<Vec<u8>, CallError> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .map_err(|_| CallError::Nonsense("an answer is not hexadecimal".to_owned()))
}

pub(super) fn hash(text: &str) -> Result<[u8; 32], CallError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| CallError::Nonsense("a block's hash is not 32 bytes".to_owned()))?;
    Ok(bytes)
}

pub(super) fn number(text: &str) -> Result<BlockNumber, CallError> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or("x"), 16)
        .map_err(|_| CallError::Nonsense("a block's number is not hexadecimal".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::super::{prefixed, shown};
    use super::*;

    #[test]
    fn notifications_are_read_and_nonsense_is_pending() {
        let block = prefixed(&[7; 32]);
        assert_eq!(
            progress(&json!({ "finalized": block })),
            Progress::Finalized([7; 32])
        );
        for pending in [
            json!("ready"),
            json!({ "inBlock": block }),
            json!({ "finalized": "0x12" }),
            json!(null),
            json!([1]),
        ] {
            assert_eq!(progress(&pending), Progress::Pending);
        }
        assert_eq!(
            progress(&json!({ "usurped": block })),
            Progress::Ended("usurped".to_owned())
        );
        assert_eq!(
            progress(&json!("invalid")),
            Progress::Ended("invalid".to_owned())
        );
    }

    #[test]
    fn an_endpoint_is_shown_without_its_key() {
        assert_eq!(shown("wss://me:pw@host:1/key?k=v"), "wss://host:1");
        assert_eq!(shown("ws://127.0.0.1:9944"), "ws://127.0.0.1:9944");
    }

    #[test]
    fn values_come_in_the_order_of_their_keys_and_none_is_left_out() {
        let answer = |block: u8, changes: Value| {
            let json = json!([{ "block": prefixed(&[block; 32]), "changes": changes }]);
            serde_json::from_value::<Vec<Changes>>(json).unwrap()
        };
        let keys = [vec![1], vec![2]];
        let both = json!([["0x02", null], ["0x01", "0x0a0b"]]);
        assert_eq!(
            values(answer(7, both.clone()), &keys, [7; 32]).unwrap(),
            [Some(vec![10, 11]), None]
        );
        assert!(values(answer(8, both), &keys, [7; 32]).is_err());
        let one = json!([["0x01", "0x0a"]]);
        assert!(values(answer(7, one), &keys, [7; 32]).is_err());
        assert!(values(Vec::new(), &keys, [7; 32]).is_err());
        let odd = json!([["0x01", "0xzz"], ["0x02", null]]);
        assert!(values(answer(7, odd), &keys, [7; 32]).is_err());
    }

    #[test]
    fn numbers_and_hashes_of_the_wrong_shape_are_nonsense() {
        assert_eq!(header_number(&json!({ "number": "0xff" })).unwrap(), 255);
        for wrong in [json!({}), json!({"number": 5}), json!({"number": "5"})] {
            assert!(header_number(&wrong).is_err());
        }
        assert!(header_number(&json!({"number": "0x10000000000000000"})).is_err());
        assert!(hash("0x00").is_err());
        assert!(unhex("0xzz").is_err());
    }
}
