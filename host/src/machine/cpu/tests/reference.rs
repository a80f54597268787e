//! The job as the contract words it: integers, three loops, no rows in blocks,
//! and the check of an opening that a generator makes.
#![allow(clippy::unwrap_used)]

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use sha2::{Digest as _, Sha256};

use super::super::limits::size;
use crate::subnet::accelerator::{Job, Opening};

pub(super) type Matrix = Vec<Vec<i32>>;

pub(super) fn stream_matrix(seed: [u8; 32], rows: usize, n: usize) -> Matrix {
    let mut bytes = vec![0; rows * n];
    ChaCha20::new(&seed.into(), &[0; 12].into()).apply_keystream(&mut bytes);
    let element = |byte: &u8| i32::from(byte & 63) - 32;
    bytes
        .chunks(n)
        .map(|row| row.iter().map(element).collect())
        .collect()
}

fn row_times(row: &[i32], right: &Matrix) -> Vec<i32> {
    let mut sums = vec![0; right.len()];
    for (x, b) in row.iter().zip(right) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum += x * b;
        }
    }
    sums
}

fn next(product: &[i32]) -> Vec<i32> {
    product.iter().map(|p| ((p >> 6) & 63) - 32).collect()
}

/// X(0) to X(rounds), and P(1) to P(rounds).
pub(super) fn reference(job: &Job) -> (Vec<Matrix>, Vec<Matrix>) {
    let (rows, n) = (size(job.rows), size(job.n));
    let right = stream_matrix(job.right_seed, n, n);
    let mut xs = vec![stream_matrix(job.left_seed, rows, n)];
    let mut ps = Vec::new();
    for _ in 0..job.rounds {
        let p: Matrix = xs
            .last()
            .unwrap()
            .iter()
            .map(|row| row_times(row, &right))
            .collect();
        xs.push(p.iter().map(|row| next(row)).collect());
        ps.push(p);
    }
    (xs, ps)
}

pub(super) fn bytes(row: &[i32]) -> Vec<u8> {
    row.iter()
        .flat_map(|x| i8::try_from(*x).unwrap().to_le_bytes())
        .collect()
}

pub(super) fn sha(parts: &[&[u8]]) -> [u8; 32] {
    parts
        .iter()
        .fold(Sha256::new(), |hasher, part| hasher.chain_update(part))
        .finalize()
        .into()
}

/// RFC 6962's definition, recursive.
pub(super) fn tree_root(rows: &[Vec<i32>]) -> [u8; 32] {
    match rows {
        [row] => sha(&[&[0], &bytes(row)]),
        _ => {
            let (left, right) = rows.split_at(rows.len() / 2);
            sha(&[&[1], &tree_root(left), &tree_root(right)])
        }
    }
}

/// What a generator does with an opening, without sampling.
pub(super) fn verify(job: &Job, roots: &[[u8; 32]], opening: &Opening) -> Result<(), &'static str> {
    let (round, row) = (size(opening.cell.round), size(opening.cell.row));
    let right = stream_matrix(job.right_seed, size(job.n), size(job.n));
    let input: Vec<i32> = opening
        .input
        .iter()
        .map(|b| i32::from(i8::from_le_bytes([*b])))
        .collect();
    let product: Vec<i32> = opening
        .product
        .chunks(4)
        .map(|b| i32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    if climb(&opening.input, row, &opening.input_path) != roots[round - 1] {
        return Err("input path");
    }
    if climb(&bytes(&next(&product)), row, &opening.output_path) != roots[round] {
        return Err("output path");
    }
    if row_times(&input, &right) != product {
        return Err("product");
    }
    Ok(())
}

fn climb(row_bytes: &[u8], mut index: usize, path: &[[u8; 32]]) -> [u8; 32] {
    let mut node = sha(&[&[0], row_bytes]);
    for sibling in path {
        node = if index.is_multiple_of(2) {
            sha(&[&[1], &node, sibling])
        } else {
            sha(&[&[1], sibling, &node])
        };
        index /= 2;
    }
    node
}
