//! The sizes of a job and what follows from them.

use std::fmt;

/// The largest inner dimension at which every partial sum stays within 2^24.
pub const N_MAX: u32 = 16_384;
/// `n` is a multiple of this: four ChaCha20 blocks.
pub const N_STEP: u32 = 256;
/// The most rows of a job.
pub const ROWS_MAX: u32 = 1 << 20;
/// The most rounds of a job.
pub const ROUNDS_MAX: u32 = 1 << 10;
/// The most rows that are opened.
pub const OPENED_MAX: u32 = 1 << 10;
/// The longest message the host carries.
pub const MESSAGE_BYTES_MAX: u64 = 4 << 20;

/// How large a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    rows: u32,
    n: u32,
    rounds: u32,
}

/// Why sizes make no job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange(String);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OutOfRange {}

impl Shape {
    /// Sizes within the limits of `accelerator.job`.
    pub fn new(rows: u32, n: u32, rounds: u32) -> Result<Self, OutOfRange> {
        if !rows.is_power_of_two() || rows > ROWS_MAX {
            return Err(OutOfRange(format!(
                "rows is {rows}; it must be a power of two up to {ROWS_MAX}"
            )));
        }
        if n == 0 || !n.is_multiple_of(N_STEP) || n > N_MAX {
            return Err(OutOfRange(format!(
                "n is {n}; it must be a multiple of {N_STEP} from {N_STEP} to {N_MAX}"
            )));
        }
        if rounds == 0 || rounds > ROUNDS_MAX {
            return Err(OutOfRange(format!(
                "rounds is {rounds}; it must be from 1 to {ROUNDS_MAX}"
            )));
        }
        Ok(Self { rows, n, rounds })
    }

    /// Rows of every X.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The inner dimension.
    #[must_use]
    pub fn n(&self) -> u32 {
        self.n
    }

    /// Products in the chain.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Steps from a row's leaf to the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.rows.trailing_zeros() as usize
    }

    /// The bytes of one row of X, and a quarter of those of a product.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.n as usize
    }

    /// Additions and multiplications of the whole job.
    #[must_use]
    pub fn operations(&self) -> u128 {
        2 * u128::from(self.rows)
            * u128::from(self.n)
            * u128::from(self.n)
            * u128::from(self.rounds)
    }

    /// The exact length of the message that opens `opened` rows, header included.
    #[must_use]
    pub fn openings_bytes(&self, opened: u32) -> u64 {
        let path = 32 * u64::from(self.rows.trailing_zeros());
        let round = 4 * u64::from(self.n) + path;
        8 + u64::from(opened) * (4 + path + u64::from(self.rounds) * round)
    }

    /// Whether `opened` rows exist and their openings fit in one message.
    pub fn check_opened(&self, opened: u32) -> Result<(), OutOfRange> {
        let most = self.rows.min(OPENED_MAX);
        if opened == 0 || opened > most {
            return Err(OutOfRange(format!(
                "cells is {opened}; it must be from 1 to {most}, no more than there are rows"
            )));
        }
        let bytes = self.openings_bytes(opened);
        if bytes > MESSAGE_BYTES_MAX {
            return Err(OutOfRange(format!(
                "cells is {opened}, whose openings are {bytes} bytes; a message holds \
                 {MESSAGE_BYTES_MAX}: lower cells, rounds or n"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_that_make_no_job_are_refused() {
        for (rows, n, rounds) in [
            (0, 256, 1),
            (3, 256, 1),
            (1 << 21, 256, 1),
            (4, 0, 1),
            (4, 255, 1),
            (4, 16_640, 1),
            (4, 256, 0),
            (4, 256, 1025),
        ] {
            assert!(
                Shape::new(rows, n, rounds).is_err(),
                "{rows} {n} {rounds} must be refused"
            );
        }
    }

    #[test]
    fn more_rows_than_there_are_or_than_a_message_holds_are_not_opened() {
        let shape = Shape::new(16, 256, 1).unwrap();
        assert!(shape.check_opened(16).is_ok());
        assert!(shape.check_opened(17).is_err());
        assert!(shape.check_opened(0).is_err());
        let wide = Shape::new(16_384, 16_384, 16).unwrap();
        assert!(wide.check_opened(3).is_ok());
        assert!(wide.check_opened(4).is_err());
    }

    #[test]
    fn operations_are_counted_without_overflow() {
        let largest = Shape::new(ROWS_MAX, N_MAX, ROUNDS_MAX).unwrap();
        assert_eq!(largest.operations(), 1_u128 << (1 + 20 + 28 + 10));
    }
}
