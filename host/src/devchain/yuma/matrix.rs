//! Square matrices of validators (rows) by miners (columns).

use super::fixed::Q32;

/// `size` by `size`, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matrix {
    size: usize,
    cells: Vec<Q32>,
}

impl Matrix {
    /// From sparse rows; what lies outside is dropped.
    pub(super) fn of_u16(size: usize, rows: &[Vec<(u16, u16)>]) -> Self {
        let mut cells = vec![Q32::ZERO; size * size];
        for (row, entries) in rows.iter().enumerate().take(size) {
            for (column, value) in entries {
                if usize::from(*column) < size {
                    cells[row * size + usize::from(*column)] = Q32::whole(*value);
                }
            }
        }
        Self { size, cells }
    }

    fn rows(&self) -> std::slice::Chunks<'_, Q32> {
        self.cells.chunks(self.size.max(1))
    }

    fn column(&self, column: usize) -> impl Iterator<Item = Q32> {
        self.rows().map(move |row| row[column])
    }

    /// Zeroes the cells that `keep` does not want.
    pub(super) fn keep(&mut self, keep: impl Fn(usize, usize) -> bool) {
        for (index, cell) in self.cells.iter_mut().enumerate() {
            if *cell != Q32::ZERO && !keep(index / self.size, index % self.size) {
                *cell = Q32::ZERO;
            }
        }
    }

    /// Makes each row add up to one, unless it is empty.
    pub(super) fn normalize_rows(&mut self) {
        self.cells.chunks_mut(self.size.max(1)).for_each(normalize);
    }

    /// Makes each column add up to one, unless it is empty.
    pub(super) fn normalize_columns(&mut self) {
        let sums: Vec<Q32> = (0..self.size)
            .map(|column| self.column(column).fold(Q32::ZERO, Q32::plus))
            .collect();
        self.divide_columns(&sums);
    }

    /// Makes each column's largest cell one, unless it is empty.
    pub(super) fn upscale_columns(&mut self) {
        let largest: Vec<Q32> = (0..self.size)
            .map(|column| self.column(column).max().unwrap_or(Q32::ZERO))
            .collect();
        self.divide_columns(&largest);
    }

    fn divide_columns(&mut self, by: &[Q32]) {
        for row in self.cells.chunks_mut(self.size.max(1)) {
            for (cell, by) in row.iter_mut().zip(by) {
                *cell = cell.over(*by);
            }
        }
    }

    /// Multiplies each row.
    pub(super) fn scale_rows(&mut self, by: &[Q32]) {
        for (row, by) in self.cells.chunks_mut(self.size.max(1)).zip(by) {
            for cell in row {
                *cell = cell.times(*by);
            }
        }
    }

    /// For each column the highest value that rows with more than `majority` of
    /// the stake reach, as a stake-weighted median finds it.
    pub(super) fn weighted_median(&self, stake: &[Q32], majority: Q32) -> Vec<Q32> {
        let mut stake: Vec<Q32> = stake.to_vec();
        normalize(&mut stake);
        let minority = Q32::sum(&stake).minus(majority);
        (0..self.size)
            .map(|column| {
                let mut scores: Vec<(Q32, Q32)> = self
                    .column(column)
                    .zip(stake.iter().copied())
                    .filter(|(_, stake)| *stake > Q32::ZERO)
                    .collect();
                scores.sort();
                median(&scores, minority)
            })
            .collect()
    }

    /// Each cell at most its column's limit.
    pub(super) fn clipped(&self, limits: &[Q32]) -> Self {
        self.with(|_, column, cell| cell.min(limits[column]))
    }

    /// This matrix, moved towards `other` (cells of which are no larger).
    pub(super) fn interpolated(&self, other: &Self, by: Q32) -> Self {
        self.with(|row, column, cell| {
            let distance = cell.minus(other.cells[row * self.size + column]);
            cell.minus(by.times(distance))
        })
    }

    /// `alpha` of this and the rest of `old`.
    pub(super) fn blended(&self, old: &Self, alpha: Q32) -> Self {
        let rest = Q32::ONE.minus(alpha);
        self.with(|row, column, cell| {
            let old = old.cells[row * self.size + column];
            alpha.times(cell).plus(rest.times(old))
        })
    }

    fn with(&self, change: impl Fn(usize, usize, Q32) -> Q32) -> Self {
        let cells = self
            .cells
            .iter()
            .enumerate()
            .map(|(index, cell)| change(index / self.size, index % self.size, *cell))
            .collect();
        Self {
            size: self.size,
            cells,
        }
    }

    /// Sum of each row.
    pub(super) fn row_sums(&self) -> Vec<Q32> {
        self.rows().map(Q32::sum).collect()
    }

    /// For each column, the sum over rows of cell times row weight.
    pub(super) fn columns_weighted(&self, rows: &[Q32]) -> Vec<Q32> {
        (0..self.size)
            .map(|column| {
                self.column(column)
                    .zip(rows)
                    .fold(Q32::ZERO, |sum, (cell, row)| sum.plus(cell.times(*row)))
            })
            .collect()
    }

    /// For each row, the sum over columns of cell times column weight.
    pub(super) fn rows_weighted(&self, columns: &[Q32]) -> Vec<Q32> {
        self.rows()
            .map(|row| {
                row.iter()
                    .zip(columns)
                    .fold(Q32::ZERO, |sum, (cell, by)| sum.plus(cell.times(*by)))
            })
            .collect()
    }

    /// A row's cells that are not zero, as shares of `u16::MAX`.
    pub(super) fn sparse_row(&self, row: usize) -> Vec<(u16, u16)> {
        let cells = self.rows().nth(row).unwrap_or_default();
        cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| **cell != Q32::ZERO)
            .filter_map(|(column, cell)| Some((u16::try_from(column).ok()?, cell.to_u16())))
            .collect()
    }
}

/// The score at which the stake below it passes `minority`; `scores` ascend.
fn median(scores: &[(Q32, Q32)], minority: Q32) -> Q32 {
    let mut below = Q32::ZERO;
    for (score, stake) in scores {
        below = below.plus(*stake);
        if below > minority {
            return *score;
        }
    }
    scores.last().map_or(Q32::ZERO, |(score, _)| *score)
}

/// Makes `all` add up to one, unless it is empty or zero.
pub(super) fn normalize(all: &mut [Q32]) {
    let sum = Q32::sum(&*all);
    if sum != Q32::ZERO {
        for share in all {
            *share = share.over(sum);
        }
    }
}
