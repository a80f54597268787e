//! A plain prover that holds everything, for tests. Its fields are open, so
//! that a test can lie in any of them before it commits.

use crate::{
    Digest, Seeds, Shape, keystream, merkle,
    verify::reduce,
    wire::{self, Task},
};

/// The rows of a matrix, one byte an element.
pub type Rows = Vec<Vec<u8>>;

/// A finished job, with all of its matrices.
#[derive(Clone, Debug)]
pub struct Prover {
    /// The job's sizes.
    pub shape: Shape,
    /// X(0) to X(rounds).
    pub inputs: Vec<Rows>,
    /// P(1) to P(rounds).
    pub products: Vec<Vec<Vec<i32>>>,
}

impl Prover {
    /// Does the whole job.
    #[must_use]
    pub fn compute(task: &Task, validator: &str, miner: &str, session: &str) -> Self {
        Self::with_seeds(
            task.shape,
            &Seeds::derive(&task.nonce, validator, miner, session),
        )
    }

    /// Does the whole job for these seeds.
    #[must_use]
    pub fn with_seeds(shape: Shape, seeds: &Seeds) -> Self {
        let first = (0..shape.rows())
            .map(|row| keystream::row(&seeds.left, row, shape.n()))
            .collect();
        let right = matrix(&seeds.right, shape.n());
        let mut prover = Self {
            shape,
            inputs: vec![first],
            products: Vec::new(),
        };
        for round in 0..shape.rounds() as usize {
            let product: Vec<_> = prover.inputs[round]
                .iter()
                .map(|row| times(row, &right))
                .collect();
            prover
                .inputs
                .push(product.iter().map(|row| reduced(row)).collect());
            prover.products.push(product);
        }
        prover
    }

    /// The answer to the task.
    #[must_use]
    pub fn roots(&self) -> Vec<u8> {
        let roots: Vec<Digest> = self.inputs.iter().map(|rows| tree(rows).root()).collect();
        wire::encode_roots(&merkle::commitment(&roots), &roots)
    }

    /// The answer to the opening of `rows`.
    #[must_use]
    pub fn open(&self, rows: &[u32]) -> Vec<u8> {
        let trees: Vec<Tree> = self.inputs.iter().map(|rows| tree(rows)).collect();
        let mut bytes = wire::begin_openings(rows.len());
        for row in rows {
            let index = *row as usize;
            let path = |tree: &Tree| tree.path(index);
            wire::push_row(
                &mut bytes,
                *row,
                path(&trees[0]).iter().map(|step| &step[..]),
            );
            for (product, tree) in self.products.iter().zip(&trees[1..]) {
                let product: Vec<u8> = product[index]
                    .iter()
                    .flat_map(|p| p.to_le_bytes())
                    .collect();
                wire::push_round(
                    &mut bytes,
                    &product,
                    path(tree).iter().map(|step| &step[..]),
                );
            }
        }
        bytes
    }
}

/// B in full.
#[must_use]
pub fn matrix(seed: &Digest, n: u32) -> Rows {
    (0..n).map(|row| keystream::row(seed, row, n)).collect()
}

/// A row times a matrix.
#[must_use]
pub fn times(input: &[u8], right: &[Vec<u8>]) -> Vec<i32> {
    let mut product = vec![0; right.len()];
    for (x, row) in input.iter().zip(right) {
        for (sum, b) in product.iter_mut().zip(row) {
            *sum += i32::from(x.cast_signed()) * i32::from(b.cast_signed());
        }
    }
    product
}

/// A row of X from its row of P.
#[must_use]
pub fn reduced(product: &[i32]) -> Vec<u8> {
    product.iter().map(|p| reduce(*p)).collect()
}

/// Every level, leaves first.
struct Tree(Vec<Vec<Digest>>);

fn tree(rows: &[Vec<u8>]) -> Tree {
    let mut levels = vec![rows.iter().map(|row| merkle::leaf(row)).collect::<Vec<_>>()];
    while let Some(below) = levels.last().filter(|level| level.len() > 1) {
        let (pairs, _) = below.as_chunks();
        let above = pairs.iter().map(|[l, r]| merkle::node(l, r)).collect();
        levels.push(above);
    }
    Tree(levels)
}

impl Tree {
    fn root(&self) -> Digest {
        self.0.last().map_or([0; 32], |level| level[0])
    }

    fn path(&self, index: usize) -> Vec<Digest> {
        let below_root = &self.0[..self.0.len() - 1];
        below_root
            .iter()
            .enumerate()
            .map(|(height, level)| level[(index >> height) ^ 1])
            .collect()
    }
}
