//! The four messages, byte for byte. Integers are little-endian.
//!
//! | message  | layout |
//! |----------|--------|
//! | task     | `MM1t`, device u32, rows u32, n u32, rounds u32, nonce 32 |
//! | roots    | `MM1r`, commitment 32, then rounds + 1 roots of 32 |
//! | open     | `MM1o`, count u32, then count rows u32, ascending |
//! | openings | `MM1p`, count u32, then for each row asked, in that order: row u32; its path in X(0); for each round t from 1: its row of P(t) as n i32, its path in X(t) |
//!
//! A path is log2(rows) hashes of 32, the lowest first. The row of X(0) is not
//! sent, since both sides draw it; those of X(t) are not, since they follow from
//! P(t). Every length follows from what was asked, so an answer of any other
//! length is refused before a byte of it is read.

use std::fmt;

use crate::{Digest, Shape, merkle, shape::OPENED_MAX};

/// The fastest device the miner has.
pub const DEVICE_AUTO: u32 = u32::MAX;
/// The miner's CPU.
pub const DEVICE_CPU: u32 = u32::MAX - 1;

const TASK: &[u8; 4] = b"MM1t";
const ROOTS: &[u8; 4] = b"MM1r";
const OPEN: &[u8; 4] = b"MM1o";
const OPENINGS: &[u8; 4] = b"MM1p";
const TASK_BYTES: usize = 4 + 4 * 4 + 32;

/// What a message is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// The work to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// A position in `accelerator.devices`, [`DEVICE_AUTO`] or [`DEVICE_CPU`].
    pub device: u32,
    /// How much of it.
    pub shape: Shape,
    /// What the seeds are derived from, beside the keys and the session.
    pub nonce: Digest,
}

/// A message from the validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Compute and commit.
    Compute(Task),
    /// Open these rows.
    Open(Vec<u32>),
}

impl Task {
    /// The message that asks for this work.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = TASK.to_vec();
        for word in [
            self.device,
            self.shape.rows(),
            self.shape.n(),
            self.shape.rounds(),
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.nonce);
        bytes
    }
}

impl Request {
    /// Reads either message of a validator.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match bytes.first_chunk() {
            Some(TASK) => decode_task(bytes).map(Self::Compute),
            Some(OPEN) => decode_open(bytes).map(Self::Open),
            _ => Err(Malformed(
                "a message that begins with neither MM1t nor MM1o".to_owned(),
            )),
        }
    }
}

/// The message that asks for `rows`.
#[must_use]
pub fn encode_open(rows: &[u32]) -> Vec<u8> {
    let mut bytes = counted(OPEN, rows.len());
    bytes.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    bytes
}

fn decode_task(bytes: &[u8]) -> Result<Task, Malformed> {
    expect_length(bytes, TASK_BYTES)?;
    let mut reader = Reader(&bytes[4..]);
    let (device, rows, n, rounds) = (reader.word(), reader.word(), reader.word(), reader.word());
    let shape = Shape::new(rows, n, rounds).map_err(|error| Malformed(error.to_string()))?;
    Ok(Task {
        device,
        shape,
        nonce: reader.digest(),
    })
}

fn decode_open(bytes: &[u8]) -> Result<Vec<u32>, Malformed> {
    if bytes.len() < 8 {
        return Err(Malformed(format!("{} bytes for an open", bytes.len())));
    }
    let mut reader = Reader(&bytes[4..]);
    let count = reader.word();
    if count == 0 || count > OPENED_MAX {
        return Err(Malformed(format!(
            "{count} rows to open; from 1 to {OPENED_MAX} is allowed"
        )));
    }
    expect_length(bytes, 8 + 4 * count as usize)?;
    Ok((0..count).map(|_| reader.word()).collect())
}

/// The message that commits to these roots.
#[must_use]
pub fn encode_roots(commitment: &Digest, roots: &[Digest]) -> Vec<u8> {
    let mut bytes = ROOTS.to_vec();
    bytes.extend(commitment);
    bytes.extend(roots.as_flattened());
    bytes
}

/// Reads a commitment: the roots of X(0) to X(rounds).
pub fn decode_roots(shape: Shape, bytes: &[u8]) -> Result<Vec<Digest>, Malformed> {
    let count = shape.rounds() as usize + 1;
    expect_length(bytes, 4 + 32 + 32 * count)?;
    expect_tag(bytes, ROOTS)?;
    let mut reader = Reader(&bytes[4..]);
    let commitment = reader.digest();
    let roots: Vec<Digest> = (0..count).map(|_| reader.digest()).collect();
    if merkle::commitment(&roots) != commitment {
        return Err(Malformed(
            "the commitment is not the hash of the roots".to_owned(),
        ));
    }
    Ok(roots)
}

/// Begins the message that opens `count` rows; append them with [`push_row`].
#[must_use]
pub fn begin_openings(count: usize) -> Vec<u8> {
    counted(OPENINGS, count)
}

/// Appends one row: its path in X(0), and product and path of each round.
pub fn push_row<'a>(bytes: &mut Vec<u8>, row: u32, input_path: impl IntoIterator<Item = &'a [u8]>) {
    bytes.extend(row.to_le_bytes());
    push_path(bytes, input_path);
}

/// Appends one round of the row begun last.
pub fn push_round<'a>(
    bytes: &mut Vec<u8>,
    product: &[u8],
    output_path: impl IntoIterator<Item = &'a [u8]>,
) {
    bytes.extend(product);
    push_path(bytes, output_path);
}

/// The openings of an answer that has exactly the length it must have.
pub(crate) fn open_openings<'a>(
    shape: Shape,
    opened: u32,
    bytes: &'a [u8],
) -> Result<Reader<'a>, Malformed> {
    let expected = usize::try_from(shape.openings_bytes(opened))
        .map_err(|_| Malformed("openings larger than memory".to_owned()))?;
    expect_length(bytes, expected)?;
    expect_tag(bytes, OPENINGS)?;
    let mut reader = Reader(&bytes[4..]);
    let count = reader.word();
    if count != opened {
        return Err(Malformed(format!(
            "{count} openings where {opened} were asked for"
        )));
    }
    Ok(reader)
}

/// Takes fixed-size values off the front of bytes whose length was checked;
/// past the end it yields zeros.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(crate) fn digest(&mut self) -> Digest {
        self.take()
    }

    pub(crate) fn path(&mut self, depth: usize) -> Vec<Digest> {
        (0..depth).map(|_| self.digest()).collect()
    }

    pub(crate) fn product(&mut self, n: usize) -> Vec<i32> {
        (0..n).map(|_| i32::from_le_bytes(self.take())).collect()
    }

    fn take<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        match self.0.split_first_chunk() {
            Some((taken, rest)) => {
                self.0 = rest;
                *taken
            }
            None => [0; LENGTH],
        }
    }
}

fn counted(tag: &[u8; 4], count: usize) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    bytes.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    bytes
}

fn push_path<'a>(bytes: &mut Vec<u8>, path: impl IntoIterator<Item = &'a [u8]>) {
    for step in path {
        bytes.extend(step);
    }
}

fn expect_length(bytes: &[u8], expected: usize) -> Result<(), Malformed> {
    if bytes.len() == expected {
        return Ok(());
    }
    Err(Malformed(format!(
        "{} bytes where exactly {expected} are due",
        bytes.len()
    )))
}

fn expect_tag(bytes: &[u8], tag: &[u8; 4]) -> Result<(), Malformed> {
    if bytes.starts_with(tag) {
        return Ok(());
    }
    Err(Malformed(format!(
        "a message that does not begin with {}",
        tag.escape_ascii()
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn task() -> Task {
        Task {
            device: DEVICE_AUTO,
            shape: Shape::new(16, 256, 2).unwrap(),
            nonce: [5; 32],
        }
    }

    #[test]
    fn requests_are_read_as_they_were_written() {
        let bytes = task().encode();
        assert_eq!(Request::decode(&bytes), Ok(Request::Compute(task())));
        let bytes = encode_open(&[1, 5, 9]);
        assert_eq!(Request::decode(&bytes), Ok(Request::Open(vec![1, 5, 9])));
    }

    #[test]
    fn a_request_of_any_other_length_is_refused() {
        for bytes in [task().encode(), encode_open(&[1, 5, 9])] {
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(Request::decode(&longer).is_err());
            for length in 0..bytes.len() {
                assert!(Request::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_count_that_promises_gigabytes_is_refused() {
        let mut bytes = encode_open(&[1]);
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Request::decode(&bytes).is_err());
    }

    #[test]
    fn roots_must_be_as_many_as_rounds_and_hash_to_the_commitment() {
        let shape = task().shape;
        let roots = [[1; 32], [2; 32], [3; 32]];
        let good = encode_roots(&merkle::commitment(&roots), &roots);
        assert_eq!(decode_roots(shape, &good), Ok(roots.to_vec()));
        let fewer = encode_roots(&merkle::commitment(&roots[..2]), &roots[..2]);
        assert!(decode_roots(shape, &fewer).is_err());
        let other = encode_roots(&[0; 32], &roots);
        assert!(decode_roots(shape, &other).is_err());
    }
}
