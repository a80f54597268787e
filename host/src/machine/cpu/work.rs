//! A job from its seeds to its trees, slice by slice.

use std::time::Instant;

use rayon::prelude::*;

use crate::subnet::accelerator::{AcceleratorError, Job};

use super::Shared;
use super::budget::zeros;
use super::key_stream;
use super::limits::Sizes;
use super::merkle::{Hash, Tree, hash_leaf};
use super::pace::Pace;
use super::product::{byte, exact, multiply, reduce};

/// Rows of B made in one slice.
const STREAM_ROWS: usize = 1024;

/// What a finished job keeps.
pub(super) struct Done {
    /// B.
    pub(super) right: Vec<f32>,
    /// Of X(0) to X(rounds).
    pub(super) trees: Vec<Tree>,
}

/// Does the whole job on the pool of `shared`.
pub(super) fn run(
    shared: &Shared,
    job: &Job,
    sizes: &Sizes,
    deadline: Instant,
) -> Result<Done, AcceleratorError> {
    let stepper = Stepper {
        shared,
        pace: shared.pace(deadline),
        sizes,
    };
    let right = stepper.right(&job.right_seed)?;
    let mut trees = (0..=sizes.rounds)
        .map(|_| Tree::new(sizes.rows))
        .collect::<Result<Vec<_>, _>>()?;
    for first in (0..sizes.rows).step_by(sizes.block_rows) {
        stepper.block(job, first, &right, &mut trees)?;
    }
    for tree in &mut trees {
        stepper.slice(|| tree.grow())?;
    }
    Ok(Done { right, trees })
}

/// Rows of X(t - 1) and, after a product, of P(t).
pub(super) struct Rows {
    pub(super) x: Vec<f32>,
    pub(super) p: Vec<f32>,
}

impl Rows {
    pub(super) fn new(rows: usize, n: usize) -> Result<Self, AcceleratorError> {
        Ok(Self {
            x: zeros(rows * n)?,
            p: zeros(rows * n)?,
        })
    }
}

/// Does the steps of a job on the pool, at its pace.
pub(super) struct Stepper<'a> {
    pub(super) shared: &'a Shared,
    pub(super) pace: Pace<'a>,
    pub(super) sizes: &'a Sizes,
}

impl Stepper<'_> {
    /// One slice on the pool; the rest after it leaves the pool alone.
    pub(super) fn slice<T: Send>(
        &self,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, AcceleratorError> {
        self.pace.slice(|| self.shared.pool.install(work))
    }

    fn right(&self, seed: &[u8; 32]) -> Result<Vec<f32>, AcceleratorError> {
        let n = self.sizes.n;
        let mut right = zeros(n * n)?;
        for (index, rows) in right.chunks_mut(STREAM_ROWS * n).enumerate() {
            self.slice(|| key_stream::fill(seed, index * STREAM_ROWS, n, rows))?;
        }
        Ok(right)
    }

    /// Takes the rows from `first` through all rounds.
    fn block(
        &self,
        job: &Job,
        first: usize,
        right: &[f32],
        trees: &mut [Tree],
    ) -> Result<(), AcceleratorError> {
        let (n, count) = (self.sizes.n, self.sizes.block_rows);
        let mut rows = Rows::new(count, n)?;
        let (inputs, rounds) = trees
            .split_first_mut()
            .expect("there is a tree for X(0) and one for each round");
        self.slice(|| {
            key_stream::fill(&job.left_seed, first, n, &mut rows.x);
            hash_rows(&rows.x, n, &mut inputs.leaves_mut()[first..first + count]);
        })?;
        for tree in rounds {
            self.product(right, &mut rows)?;
            self.slice(|| {
                next_rows(&mut rows, n);
                hash_rows(&rows.x, n, &mut tree.leaves_mut()[first..first + count]);
            })?;
        }
        Ok(())
    }

    /// P(t) from X(t - 1).
    pub(super) fn product(&self, right: &[f32], rows: &mut Rows) -> Result<(), AcceleratorError> {
        let n = self.sizes.n;
        for start in (0..n).step_by(self.sizes.slice_columns) {
            let columns = start..(start + self.sizes.slice_columns).min(n);
            self.slice(|| multiply(&rows.x, right, n, columns, &mut rows.p))?;
        }
        Ok(())
    }
}

/// X(t) from P(t).
pub(super) fn next_rows(rows: &mut Rows, n: usize) {
    rows.x
        .par_chunks_mut(n)
        .zip(rows.p.par_chunks(n))
        .for_each(|(x, p)| {
            for (x, p) in x.iter_mut().zip(p) {
                *x = f32::from(reduce(exact(*p)));
            }
        });
}

fn hash_rows(x: &[f32], n: usize, leaves: &mut [Hash]) {
    leaves.par_iter_mut().zip(x.par_chunks(n)).for_each_init(
        || vec![0; n],
        |bytes, (leaf, row)| {
            for (to, element) in bytes.iter_mut().zip(row) {
                *to = byte(*element);
            }
            *leaf = hash_leaf(bytes);
        },
    );
}
