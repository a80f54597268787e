//! From the accelerator's openings to the answer.

use matmul_proof::{Shape, wire};

use crate::bindings::{
    compute::subnet::accelerator::{Cell, Opening},
    exports::compute::subnet::solver::Failure,
};

/// Refuses rows that are not there, not in order, or too many for a message.
pub(crate) fn check(shape: Shape, rows: &[u32]) -> Result<(), Failure> {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    shape
        .check_opened(count)
        .map_err(|error| Failure::Malformed(error.to_string()))?;
    if rows.iter().all(|row| *row < shape.rows()) && rows.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    Err(Failure::Malformed(
        "rows to open must be ascending and within the matrix".to_owned(),
    ))
}

/// Every round of each row.
pub(crate) fn cells(shape: Shape, rows: &[u32]) -> Vec<Cell> {
    rows.iter()
        .flat_map(|row| (1..=shape.rounds()).map(|round| Cell { round, row: *row }))
        .collect()
}

/// The answer, if the accelerator opened exactly what it was asked to.
pub(crate) fn encode(shape: Shape, rows: &[u32], opened: &[Opening]) -> Result<Vec<u8>, Failure> {
    let rounds = shape.rounds() as usize;
    let mut bytes = wire::begin_openings(rows.len());
    for (row, rounds) in rows.iter().zip(opened.chunks(rounds)) {
        if let Some(first) = rounds.first() {
            wire::push_row(&mut bytes, *row, first.input_path.iter().map(Vec::as_slice));
        }
        for opening in rounds {
            let path = opening.output_path.iter().map(Vec::as_slice);
            wire::push_round(&mut bytes, &opening.product, path);
        }
    }
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    if u64::try_from(bytes.len()) == Ok(shape.openings_bytes(count)) {
        return Ok(bytes);
    }
    Err(Failure::Unable(
        "the accelerator opened something else than it was asked to".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape() -> Shape {
        Shape::new(4, 256, 2).unwrap()
    }

    fn opening(cell: Cell) -> Opening {
        Opening {
            cell,
            input: vec![0; 256],
            input_path: vec![vec![1; 32]; 2],
            product: vec![2; 1024],
            output_path: vec![vec![3; 32]; 2],
        }
    }

    #[test]
    fn a_row_is_opened_in_every_round() {
        let cells = cells(shape(), &[1, 3]);
        let pairs: Vec<_> = cells.iter().map(|cell| (cell.round, cell.row)).collect();
        assert_eq!(pairs, [(1, 1), (2, 1), (1, 3), (2, 3)]);
    }

    #[test]
    fn the_answer_has_the_length_the_verifier_expects() {
        let opened: Vec<_> = cells(shape(), &[1, 3]).into_iter().map(opening).collect();
        let bytes = encode(shape(), &[1, 3], &opened).unwrap();
        assert_eq!(bytes.len() as u64, shape().openings_bytes(2));
        assert!(encode(shape(), &[1, 3], &opened[1..]).is_err());
    }

    #[test]
    fn rows_out_of_order_doubled_or_outside_are_refused() {
        for rows in [&[2, 1][..], &[1, 1], &[4], &[]] {
            assert!(check(shape(), rows).is_err(), "{rows:?}");
        }
        assert!(check(shape(), &[0, 3]).is_ok());
    }
}
