//! A finished job: its commitment, and the rows it opens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::subnet::accelerator::{AcceleratorError, Cell, Job, Opening, Proof};

use super::Shared;
use super::budget::Claim;
use super::key_stream;
use super::limits::{self, Sizes, size};
use super::merkle::{Hash, Tree, commit};
use super::product::{byte, exact};
use super::work::{Done, Rows, Stepper, next_rows};

/// Holds B and the trees, and their share of the memory, until dropped.
pub(super) struct CpuProof {
    shared: Arc<Shared>,
    left_seed: [u8; 32],
    sizes: Sizes,
    right: Vec<f32>,
    trees: Vec<Tree>,
    _kept: Claim,
}

impl CpuProof {
    pub(super) fn new(
        shared: Arc<Shared>,
        job: &Job,
        sizes: Sizes,
        done: Done,
        kept: Claim,
    ) -> Self {
        Self {
            shared,
            left_seed: job.left_seed,
            sizes,
            right: done.right,
            trees: done.trees,
            _kept: kept,
        }
    }

    fn opening(&self, cell: Cell, x: &[f32], p: &[f32]) -> Opening {
        let (round, row) = (size(cell.round), size(cell.row));
        Opening {
            cell,
            input: x.iter().map(|element| byte(*element)).collect(),
            input_path: self.trees[round - 1].path(row),
            product: p.iter().flat_map(|sum| exact(*sum).to_le_bytes()).collect(),
            output_path: self.trees[round].path(row),
        }
    }

    /// Takes the asked rows through the rounds again and picks up the cells.
    fn recompute(
        &self,
        cells: &[Cell],
        deadline: Instant,
    ) -> Result<Vec<Option<Opening>>, AcceleratorError> {
        let n = self.sizes.n;
        let wanted: Vec<u32> = distinct_rows(cells);
        let stepper = Stepper {
            shared: &self.shared,
            pace: self.shared.pace(deadline),
            sizes: &self.sizes,
        };
        let mut rows = Rows::new(wanted.len(), n)?;
        stepper.slice(|| self.inputs(&wanted, &mut rows.x))?;
        let mut openings = vec![None; cells.len()];
        let last = cells.iter().map(|cell| cell.round).max().unwrap_or(0);
        for round in 1..=last {
            stepper.product(&self.right, &mut rows)?;
            for (opening, cell) in openings.iter_mut().zip(cells) {
                if cell.round == round {
                    let at = position(&wanted, cell.row) * n;
                    *opening = Some(self.opening(*cell, &rows.x[at..at + n], &rows.p[at..at + n]));
                }
            }
            stepper.slice(|| next_rows(&mut rows, n))?;
        }
        Ok(openings)
    }

    fn inputs(&self, wanted: &[u32], x: &mut [f32]) {
        let n = self.sizes.n;
        for (row, x) in wanted.iter().zip(x.chunks_mut(n)) {
            key_stream::fill(&self.left_seed, size(*row), n, x);
        }
    }
}

fn distinct_rows(cells: &[Cell]) -> Vec<u32> {
    let rows: BTreeSet<u32> = cells.iter().map(|cell| cell.row).collect();
    rows.into_iter().collect()
}

fn position(wanted: &[u32], row: u32) -> usize {
    wanted
        .binary_search(&row)
        .expect("the row of every cell is among the wanted ones")
}

impl Proof for CpuProof {
    fn root(&self) -> Hash {
        commit(&self.round_roots())
    }

    fn round_roots(&self) -> Vec<Hash> {
        self.trees.iter().map(Tree::root).collect()
    }

    fn open(&self, cells: &[Cell], deadline: Instant) -> Result<Vec<Opening>, AcceleratorError> {
        limits::check_cells(cells, &self.sizes)?;
        if cells.is_empty() {
            return Ok(Vec::new());
        }
        let _scratch = self
            .shared
            .memory
            .claim(self.sizes.opening_bytes(cells.len()))?;
        let openings = self.recompute(cells, deadline)?;
        Ok(openings
            .into_iter()
            .map(|opening| opening.expect("every cell's round is at most the last"))
            .collect())
    }
}
