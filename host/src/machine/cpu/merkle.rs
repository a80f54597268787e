//! Merkle trees over rows, and the commitment over their roots.
//!
//! SHA-256 with RFC 6962's prefixes. The number of rows is a power of two, so
//! every tree is perfect and every path has log2(rows) steps.

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::subnet::accelerator::AcceleratorError;

use super::budget::zeros;

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];
/// Nodes hashed by one task of the pool.
const NODES_PER_TASK_MIN: usize = 512;

/// A perfect tree: leaves first, then each level, the root last.
pub(super) struct Tree {
    nodes: Vec<Hash>,
    rows: usize,
}

impl Tree {
    /// A tree whose leaves are still to be filled in.
    pub(super) fn new(rows: usize) -> Result<Self, AcceleratorError> {
        let nodes = zeros(2 * rows - 1)?;
        Ok(Self { nodes, rows })
    }

    /// For filling in.
    pub(super) fn leaves_mut(&mut self) -> &mut [Hash] {
        &mut self.nodes[..self.rows]
    }

    /// Hashes the levels above the leaves, on the rayon pool it is called in.
    pub(super) fn grow(&mut self) {
        let mut rest = self.nodes.as_mut_slice();
        let mut width = self.rows;
        while width > 1 {
            let (level, above) = rest.split_at_mut(width);
            width /= 2;
            above[..width]
                .par_iter_mut()
                .with_min_len(NODES_PER_TASK_MIN)
                .zip(level.par_chunks(2))
                .for_each(|(node, pair)| *node = hash_node(&pair[0], &pair[1]));
            rest = above;
        }
    }

    pub(super) fn root(&self) -> Hash {
        self.nodes[self.nodes.len() - 1]
    }

    /// The siblings from the leaf up.
    pub(super) fn path(&self, row: usize) -> Vec<Hash> {
        let (mut level, mut width, mut index) = (0, self.rows, row);
        let mut path = Vec::new();
        while width > 1 {
            path.push(self.nodes[level + (index ^ 1)]);
            level += width;
            width /= 2;
            index /= 2;
        }
        path
    }
}

/// The leaf of one row, one byte an element.
pub(super) fn hash_leaf(row: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(LEAF)
        .chain_update(row)
        .finalize()
        .into()
}

fn hash_node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update(NODE)
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// SHA-256 over the roots, in order.
pub(super) fn commit(roots: &[Hash]) -> Hash {
    let mut hasher = Sha256::new();
    for root in roots {
        hasher.update(root);
    }
    hasher.finalize().into()
}
