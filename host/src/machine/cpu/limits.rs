//! Which jobs are done, and what they will need, known before they begin.

use crate::subnet::accelerator::{AcceleratorError, Cell, Job};

/// A product's inner dimension is a multiple of this.
const N_STEP: u32 = 256;
/// The largest inner dimension at which every partial sum is exact in FP32.
const N_MAX: u32 = 16_384;
/// The most rows of a job.
pub const ROWS_MAX: u32 = 1 << 20;
/// The most products of a job.
pub const ROUNDS_MAX: u32 = 1024;
/// The most cells opened by one call.
pub const OPEN_CELLS_MAX: usize = 256;
/// Multiplications of one slice, about: some ten milliseconds on a few cores.
const SLICE_MULTIPLICATIONS: usize = 1 << 32;
/// Rows that go through all rounds together, if there are as many. The library
/// packs B anew for each block: fewer rows, and packing costs what multiplying does.
const BLOCK_ROWS: usize = 1024;
/// What packing inside the library may take.
const PACKING_BYTES: u64 = 32 << 20;
/// Two 32-byte nodes for each row of each step.
const TREE_BYTES_PER_ROW: u64 = 64;

// The key stream's counter has 32 bits and its blocks 64 bytes.
const _: () = assert!((ROWS_MAX as u64) * (N_MAX as u64) <= (u32::MAX as u64) * 64);

/// A job's sizes, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    pub(super) n: usize,
    pub(super) rounds: usize,
    /// Rows that go through all rounds together.
    pub(super) block_rows: usize,
    /// Columns of B multiplied in one slice.
    pub(super) slice_columns: usize,
}

/// Refuses what is no device of ours, no power of two, inexact or too large.
pub(super) fn check(job: &Job) -> Result<Sizes, AcceleratorError> {
    if job.device != 0 {
        return Err(AcceleratorError::NoSuchDevice);
    }
    if !job.rows.is_power_of_two() || job.rows > ROWS_MAX {
        return refuse(format!(
            "rows must be a power of two of at most {ROWS_MAX}, not {}",
            job.rows
        ));
    }
    if job.n == 0 || !job.n.is_multiple_of(N_STEP) || job.n > N_MAX {
        return refuse(format!(
            "n must be a multiple of {N_STEP} of at most {N_MAX}, not {}",
            job.n
        ));
    }
    if job.rounds == 0 || job.rounds > ROUNDS_MAX {
        return refuse(format!(
            "rounds must be 1 to {ROUNDS_MAX}, not {}",
            job.rounds
        ));
    }
    Ok(Sizes::new(size(job.rows), size(job.n), size(job.rounds)))
}

/// Refuses cells outside the job, and too many of them.
pub(super) fn check_cells(cells: &[Cell], sizes: &Sizes) -> Result<(), AcceleratorError> {
    if cells.len() > OPEN_CELLS_MAX {
        return refuse(format!(
            "at most {OPEN_CELLS_MAX} cells are opened at a call, not {}",
            cells.len()
        ));
    }
    for cell in cells {
        if cell.round == 0 || size(cell.round) > sizes.rounds || size(cell.row) >= sizes.rows {
            return refuse(format!(
                "no cell (round {}, row {}) in a job of {} rounds and {} rows",
                cell.round, cell.row, sizes.rounds, sizes.rows
            ));
        }
    }
    Ok(())
}

fn refuse<T>(why: String) -> Result<T, AcceleratorError> {
    Err(AcceleratorError::OutOfRange(why))
}

/// A size as an index.
pub(super) fn size(value: u32) -> usize {
    usize::try_from(value).expect("an index has at least 32 bits on every machine we build for")
}

fn bytes(value: usize) -> u64 {
    u64::try_from(value).expect("an index has at most 64 bits")
}

impl Sizes {
    fn new(rows: usize, n: usize, rounds: usize) -> Self {
        // Both are powers of two, so blocks divide the rows.
        let block_rows = rows.min(BLOCK_ROWS);
        Self {
            rows,
            n,
            rounds,
            block_rows,
            slice_columns: (SLICE_MULTIPLICATIONS / (block_rows * n)).clamp(1, n),
        }
    }

    /// Multiplications and additions of the whole job.
    pub(super) fn operations(&self) -> u128 {
        let products = u128::from(bytes(self.rounds)) * u128::from(bytes(self.rows));
        2 * products * u128::from(bytes(self.n * self.n))
    }

    /// What a finished job holds: B and the trees.
    pub(super) fn kept_bytes(&self) -> u64 {
        let trees = TREE_BYTES_PER_ROW * bytes(self.rows) * bytes(self.rounds + 1);
        4 * bytes(self.n * self.n) + trees
    }

    /// What a running job holds besides.
    pub(super) fn scratch_bytes(&self) -> u64 {
        self.rows_bytes(self.block_rows)
    }

    /// What a call to open `cells` holds, with what it returns.
    pub(super) fn opening_bytes(&self, cells: usize) -> u64 {
        self.rows_bytes(cells) + 5 * bytes(cells * self.n)
    }

    fn rows_bytes(&self, rows: usize) -> u64 {
        8 * bytes(rows * self.n) + PACKING_BYTES
    }
}
