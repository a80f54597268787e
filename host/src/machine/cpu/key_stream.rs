//! Matrices from seeds: a ChaCha20 key stream, six bits an element.
//!
//! IETF ChaCha20 with a zero nonce and its 32-bit counter from zero, good for
//! 256 GiB; the largest matrix has 16 GiB (`limits` asserts it). Rows are found
//! by seeking, so any of them can be made without those before it.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use rayon::prelude::*;

/// The element that the low six bits of a key-stream byte stand for.
fn element(byte: u8) -> f32 {
    f32::from(byte & 63) - 32.0
}

/// Fills whole rows of `n`, the first of which is row `first` of the matrix.
/// Runs on the rayon pool it is called in.
pub(super) fn fill(seed: &[u8; 32], first: usize, n: usize, rows: &mut [f32]) {
    rows.par_chunks_mut(n).enumerate().for_each_init(
        || vec![0; n],
        |bytes, (index, row)| {
            stream(seed, first + index, bytes);
            for (to, byte) in row.iter_mut().zip(bytes.iter()) {
                *to = element(*byte);
            }
        },
    );
}

/// The key stream of one row.
fn stream(seed: &[u8; 32], row: usize, bytes: &mut [u8]) {
    let offset = row * bytes.len();
    let mut cipher = ChaCha20::new(seed.into(), &[0; 12].into());
    cipher.seek(u64::try_from(offset).expect("an index has at most 64 bits"));
    bytes.fill(0);
    cipher.apply_keystream(bytes);
}
