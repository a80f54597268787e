//! B r with SIMD128, for both vectors in one pass over B.
//!
//! ChaCha20 runs four blocks side by side, one lane each, which leaves word w
//! of four consecutive blocks in one register. Putting the stream back in order
//! would cost as much as using it, so the vectors are put into the register's
//! order instead, once. No partial sum overflows: a dot step adds at most
//! 2 * 2^5 * 2^15 = 2^21 to a lane, and lanes are folded to 64 bits after 4096
//! elements, which are 512 steps.

use core::arch::wasm32::{
    i8x16, i8x16_shuffle, i8x16_sub, i16x8, i16x8_extend_high_i8x16, i16x8_extend_low_i8x16,
    i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shl, i32x4_splat, u32x4, u32x4_shr,
    u32x4_splat, v128, v128_and, v128_or, v128_xor,
};

use crate::{Digest, keystream::initial_state};

/// Elements that four blocks yield.
const CHUNK: usize = 256;
/// Chunks between two folds.
const FOLD: usize = 4096 / CHUNK;
const DOUBLE_ROUNDS: usize = 10;

/// Both vectors in register order: for each word the first vector's low and
/// high half, then the second's.
type Weights = [[v128; 4]; 16];

#[target_feature(enable = "simd128")]
pub(super) fn images(right_seed: &Digest, n: u32, vectors: &[Vec<i16>; 2]) -> [Vec<i64>; 2] {
    let weights = weigh(vectors);
    let state = initial_state(right_seed, 0).map(|word| u32x4_splat(word));
    let mut images = [Vec::new(), Vec::new()];
    let mut counter = 0_u32;
    for _ in 0..n {
        let mut sums = [0_i64; 2];
        for piece in weights.chunks(FOLD) {
            let mut lanes = [i32x4_splat(0); 2];
            for chunk in piece {
                accumulate(&state, counter, chunk, &mut lanes);
                counter = counter.wrapping_add(4);
            }
            sums[0] += fold(lanes[0]);
            sums[1] += fold(lanes[1]);
        }
        images[0].push(sums[0]);
        images[1].push(sums[1]);
    }
    images
}

/// Four blocks of B's stream, multiplied into the lanes.
#[inline]
#[target_feature(enable = "simd128")]
fn accumulate(state: &[v128; 16], counter: u32, weights: &Weights, lanes: &mut [v128; 2]) {
    let blocks = four_blocks(state, counter);
    let [mut first, mut second] = *lanes;
    for (word, weight) in blocks.iter().zip(weights) {
        let elements = i8x16_sub(v128_and(*word, u32x4_splat(0x3f3f_3f3f)), thirty_two());
        let low = i16x8_extend_low_i8x16(elements);
        let high = i16x8_extend_high_i8x16(elements);
        first = i32x4_add(first, i32x4_dot_i16x8(low, weight[0]));
        first = i32x4_add(first, i32x4_dot_i16x8(high, weight[1]));
        second = i32x4_add(second, i32x4_dot_i16x8(low, weight[2]));
        second = i32x4_add(second, i32x4_dot_i16x8(high, weight[3]));
    }
    *lanes = [first, second];
}

#[inline]
#[target_feature(enable = "simd128")]
fn thirty_two() -> v128 {
    i8x16(
        32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
    )
}

/// Word w of blocks `counter` to `counter + 3` in register w, one block a lane.
#[inline]
#[target_feature(enable = "simd128")]
fn four_blocks(state: &[v128; 16], counter: u32) -> [v128; 16] {
    let mut start = *state;
    start[12] = i32x4_add(u32x4_splat(counter), u32x4(0, 1, 2, 3));
    let mut x = start;
    for _ in 0..DOUBLE_ROUNDS {
        quarter_round::<0, 4, 8, 12>(&mut x);
        quarter_round::<1, 5, 9, 13>(&mut x);
        quarter_round::<2, 6, 10, 14>(&mut x);
        quarter_round::<3, 7, 11, 15>(&mut x);
        quarter_round::<0, 5, 10, 15>(&mut x);
        quarter_round::<1, 6, 11, 12>(&mut x);
        quarter_round::<2, 7, 8, 13>(&mut x);
        quarter_round::<3, 4, 9, 14>(&mut x);
    }
    for (mixed, start) in x.iter_mut().zip(start) {
        *mixed = i32x4_add(*mixed, start);
    }
    x
}

#[inline]
#[target_feature(enable = "simd128")]
fn quarter_round<const A: usize, const B: usize, const C: usize, const D: usize>(
    x: &mut [v128; 16],
) {
    x[A] = i32x4_add(x[A], x[B]);
    x[D] = rotate_16(v128_xor(x[D], x[A]));
    x[C] = i32x4_add(x[C], x[D]);
    x[B] = rotate::<12, 20>(v128_xor(x[B], x[C]));
    x[A] = i32x4_add(x[A], x[B]);
    x[D] = rotate_8(v128_xor(x[D], x[A]));
    x[C] = i32x4_add(x[C], x[D]);
    x[B] = rotate::<7, 25>(v128_xor(x[B], x[C]));
}

#[inline]
#[target_feature(enable = "simd128")]
fn rotate<const LEFT: u32, const RIGHT: u32>(x: v128) -> v128 {
    v128_or(i32x4_shl(x, LEFT), u32x4_shr(x, RIGHT))
}

#[inline]
#[target_feature(enable = "simd128")]
fn rotate_16(x: v128) -> v128 {
    i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(x, x)
}

#[inline]
#[target_feature(enable = "simd128")]
fn rotate_8(x: v128) -> v128 {
    i8x16_shuffle::<3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14>(x, x)
}

#[target_feature(enable = "simd128")]
fn fold(lanes: v128) -> i64 {
    i64::from(i32x4_extract_lane::<0>(lanes))
        + i64::from(i32x4_extract_lane::<1>(lanes))
        + i64::from(i32x4_extract_lane::<2>(lanes))
        + i64::from(i32x4_extract_lane::<3>(lanes))
}

#[target_feature(enable = "simd128")]
fn weigh(vectors: &[Vec<i16>; 2]) -> Vec<Weights> {
    let (first, _) = vectors[0].as_chunks::<CHUNK>();
    let (second, _) = vectors[1].as_chunks::<CHUNK>();
    let mut weights = Vec::new();
    for (r, s) in first.iter().zip(second) {
        let mut chunk = [[i32x4_splat(0); 4]; 16];
        for (word, slot) in chunk.iter_mut().enumerate() {
            *slot = [
                gather(r, word),
                gather(r, word + 32),
                gather(s, word),
                gather(s, word + 32),
            ];
        }
        weights.push(chunk);
    }
    weights
}

/// The elements of word `word` (counted over the chunk) and of the same word of
/// the block after it.
#[target_feature(enable = "simd128")]
fn gather(vector: &[i16; CHUNK], word: usize) -> v128 {
    let at = |byte: usize| vector[4 * word + byte];
    i16x8(at(0), at(1), at(2), at(3), at(64), at(65), at(66), at(67))
}
