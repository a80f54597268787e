//! Judges the openings of a committed job.

use std::fmt;

use crate::{
    Digest, Secrets, Seeds, Shape,
    freivalds::Freivalds,
    keystream, merkle,
    wire::{self, Malformed, Reader},
};

/// What is wrong with a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not a message of this protocol, or not of the length it must have.
    Malformed(Malformed),
    /// Another row than the one asked for at this place.
    OtherRow {
        /// The one asked for.
        asked: u32,
        /// The one opened.
        opened: u32,
    },
    /// X(0) as committed does not hold the row that the seeds yield.
    OtherInput {
        /// The row.
        row: u32,
    },
    /// The row of P(round) is not the product.
    WrongProduct {
        /// The row.
        row: u32,
        /// The round.
        round: u32,
    },
    /// The row of X(round) as committed is not what the product reduces to.
    OtherOutput {
        /// The row.
        row: u32,
        /// The round.
        round: u32,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the proof is malformed: {what}"),
            Self::OtherRow { asked, opened } => {
                write!(f, "row {opened} was opened where row {asked} was asked for")
            }
            Self::OtherInput { row } => write!(
                f,
                "row {row} of the input committed to is not the one this session's keys and nonce \
                 yield: was the task meant for another miner, validator or session?"
            ),
            Self::WrongProduct { row, round } => write!(
                f,
                "row {row} of round {round} is not the product: it was not multiplied out, or the \
                 device miscalculates"
            ),
            Self::OtherOutput { row, round } => write!(
                f,
                "row {row} of round {round} is not the one committed to: the commitment was made \
                 before the product, or for another"
            ),
        }
    }
}

impl std::error::Error for Flaw {}

impl From<Malformed> for Flaw {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}

/// Checks that `answer` opens `rows`, in that order, and that each was
/// multiplied in every round. `roots` are those of X(0) to X(rounds).
pub fn verify(
    shape: Shape,
    seeds: &Seeds,
    secrets: &Secrets,
    roots: &[Digest],
    rows: &[u32],
    answer: &[u8],
) -> Result<(), Flaw> {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let mut reader = wire::open_openings(shape, count, answer)?;
    let freivalds = Freivalds::new(shape, &seeds.right, secrets.vectors(shape.n()));
    rows.iter()
        .try_for_each(|row| verify_row(shape, seeds, &freivalds, roots, *row, &mut reader))
}

fn verify_row(
    shape: Shape,
    seeds: &Seeds,
    freivalds: &Freivalds,
    roots: &[Digest],
    row: u32,
    reader: &mut Reader<'_>,
) -> Result<(), Flaw> {
    let opened = reader.word();
    if opened != row {
        return Err(Flaw::OtherRow { asked: row, opened });
    }
    let mut rounds = (0_u32..).zip(roots);
    let mut input = keystream::row(&seeds.left, row, shape.n());
    if let Some((_, root)) = rounds.next()
        && !holds(root, row, &input, &reader.path(shape.depth()))
    {
        return Err(Flaw::OtherInput { row });
    }
    for (round, root) in rounds {
        let product = reader.product(shape.row_bytes());
        if !freivalds.accepts(&input, &product) {
            return Err(Flaw::WrongProduct { row, round });
        }
        input = product.into_iter().map(reduce).collect();
        if !holds(root, row, &input, &reader.path(shape.depth())) {
            return Err(Flaw::OtherOutput { row, round });
        }
    }
    Ok(())
}

fn holds(root: &Digest, row: u32, elements: &[u8], path: &[Digest]) -> bool {
    merkle::root(merkle::leaf(elements), row, path) == *root
}

/// The element of X(t) that follows from one of P(t).
pub(crate) fn reduce(product: i32) -> u8 {
    let [low, ..] = (product >> 6).to_le_bytes();
    keystream::element(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduction_takes_bits_six_to_eleven_and_keeps_the_sign_arithmetic() {
        for (product, element) in [
            (0, -32),
            (63, -32),
            (64, -31),
            (4095, 31),
            (4096, -32),
            (-1, 31),
            (-64, 31),
            (-65, 30),
        ] {
            assert_eq!(reduce(product).cast_signed(), element, "{product}");
        }
    }
}
