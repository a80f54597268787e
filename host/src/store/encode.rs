//! Between the subnet's types and what a column holds.
//!
//! Records are JSON, so that a field more reads in an older file; bytes have
//! columns of their own, since JSON would write them as numbers.

use crate::subnet::challenge::Answer;
use crate::subnet::weights::Weights;

use super::error::Failure;

/// A block, epoch or amount as SQLite's integer.
pub(super) fn int(value: u64) -> Result<i64, Failure> {
    i64::try_from(value).map_err(|_| Failure::Refused(format!("{value} is out of range")))
}

/// And back.
pub(super) fn uint(value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(|_| Failure::Unreadable(format!("a count of {value}")))
}

/// A length as SQLite's integer.
pub(super) fn len(bytes: usize) -> Result<i64, Failure> {
    i64::try_from(bytes).map_err(|_| Failure::Refused(format!("{bytes} bytes are too many")))
}

/// 32 bytes.
pub(super) fn hash(bytes: Vec<u8>, what: &str) -> Result<[u8; 32], Failure> {
    bytes
        .try_into()
        .map_err(|_| Failure::Unreadable(format!("{what} is not 32 bytes")))
}

/// An answer's kind as JSON and its payload apart.
pub(super) fn split_answer(answer: &Answer) -> Result<(String, Option<&[u8]>), Failure> {
    Ok(match answer {
        Answer::Payload(payload) => (
            serde_json::to_string(&Answer::Payload(Vec::new()))?,
            Some(payload),
        ),
        other => (serde_json::to_string(other)?, None),
    })
}

/// And back.
pub(super) fn join_answer(kind: &str, payload: Option<Vec<u8>>) -> Result<Answer, Failure> {
    Ok(match serde_json::from_str(kind)? {
        Answer::Payload(_) => Answer::Payload(payload.unwrap_or_default()),
        other => other,
    })
}

/// Uid and value, two little-endian bytes each.
pub(super) fn write_weights(weights: &Weights) -> Vec<u8> {
    let pair = |(uid, value): &(u16, u16)| {
        let ([a, b], [c, d]) = (uid.to_le_bytes(), value.to_le_bytes());
        [a, b, c, d]
    };
    weights.0.iter().flat_map(pair).collect()
}

/// And back.
pub(super) fn read_weights(bytes: &[u8]) -> Result<Weights, Failure> {
    let (pairs, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Failure::Unreadable("weights".to_owned()));
    }
    let pair =
        |[a, b, c, d]: &[u8; 4]| (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
    Ok(Weights(pairs.iter().map(pair).collect()))
}
