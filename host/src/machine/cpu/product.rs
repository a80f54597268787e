//! Products and what becomes of them.

use std::ops::Range;

use gemm::Parallelism;

/// Writes the columns `columns` of `left` times `right` to the same columns of
/// `to`. `right` is `n` by `n`, the others have whole rows of `n`. Runs on the
/// rayon pool it is called in.
pub(super) fn multiply(
    left: &[f32],
    right: &[f32],
    n: usize,
    columns: Range<usize>,
    to: &mut [f32],
) {
    assert!(columns.start < columns.end && columns.end <= n);
    assert!(right.len() == n * n && left.len() == to.len() && left.len().is_multiple_of(n));
    let stride = isize::try_from(n).expect("n is at most 16,384");
    let to = &mut to[columns.start..];
    let right = &right[columns.start..];
    #[expect(
        unsafe_code,
        reason = "gemm takes pointers; the sizes are asserted above"
    )]
    // SAFETY: `left` holds rows x n, `right` n rows of n from its first column
    // on and `to` rows of n likewise; columns.len() columns of them are in
    // bounds as columns.end <= n. `to` is borrowed mutably, so nothing overlaps.
    unsafe {
        gemm::gemm(
            left.len() / n,
            columns.len(),
            n,
            to.as_mut_ptr(),
            1,
            stride,
            false,
            left.as_ptr(),
            1,
            stride,
            right.as_ptr(),
            1,
            stride,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

/// The integer that an FP32 sum is: every one here is exact.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an integer of at most 2^24 in magnitude"
)]
pub(super) fn exact(sum: f32) -> i32 {
    sum as i32
}

/// The next X from P: `((P >> 6) & 63) - 32`, an arithmetic shift.
pub(super) fn reduce(product: i32) -> i8 {
    let [low, ..] = (((product >> 6) & 63) - 32).to_le_bytes();
    i8::from_le_bytes([low])
}

/// An element of X as its one byte.
pub(super) fn byte(element: f32) -> u8 {
    let [low, ..] = exact(element).to_le_bytes();
    low
}
