//! ChaCha20 (RFC 8439), as a source of matrix elements: a 32-byte seed for a
//! key, a zero nonce, the counter from zero.

use crate::Digest;

pub(crate) const BLOCK_BYTES: usize = 64;
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
const DOUBLE_ROUNDS: usize = 10;

/// The stream of one seed, read from the front or from any block.
pub struct Keystream {
    state: [u32; 16],
    block: [u8; BLOCK_BYTES],
    used: usize,
}

impl Keystream {
    /// From its first byte.
    #[must_use]
    pub fn new(seed: &Digest) -> Self {
        Self::at(seed, 0)
    }

    /// From block `counter` of 64 bytes.
    #[must_use]
    pub fn at(seed: &Digest, counter: u32) -> Self {
        Self {
            state: initial_state(seed, counter),
            block: [0; BLOCK_BYTES],
            used: BLOCK_BYTES,
        }
    }

    /// The bytes that come next.
    pub fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.used == BLOCK_BYTES {
                self.block = permute(&self.state);
                self.state[12] = self.state[12].wrapping_add(1);
                self.used = 0;
            }
            let length = out.len().min(BLOCK_BYTES - self.used);
            let (now, later) = out.split_at_mut(length);
            now.copy_from_slice(&self.block[self.used..self.used + length]);
            self.used += length;
            out = later;
        }
    }
}

/// Row `row` of a matrix of `n` columns: the low six bits of each byte of its
/// key stream, minus 32, in two's complement.
#[must_use]
pub fn row(seed: &Digest, row: u32, n: u32) -> Vec<u8> {
    let mut bytes = vec![0; n as usize];
    // `n` is a multiple of 256, so every row begins with a block.
    let blocks = row.wrapping_mul(n / 64);
    Keystream::at(seed, blocks).fill(&mut bytes);
    for byte in &mut bytes {
        *byte = element(*byte);
    }
    bytes
}

/// The matrix element of a key stream byte.
pub(crate) fn element(byte: u8) -> u8 {
    (byte & 63).wrapping_sub(32)
}

pub(crate) fn initial_state(seed: &Digest, counter: u32) -> [u32; 16] {
    let mut state = [0; 16];
    state[..4].copy_from_slice(&CONSTANTS);
    let (words, _) = seed.as_chunks();
    for (slot, word) in state[4..12].iter_mut().zip(words) {
        *slot = u32::from_le_bytes(*word);
    }
    state[12] = counter;
    state
}

fn permute(state: &[u32; 16]) -> [u8; BLOCK_BYTES] {
    let mut x = *state;
    for _ in 0..DOUBLE_ROUNDS {
        for column in 0..4 {
            quarter_round(&mut x, [column, column + 4, column + 8, column + 12]);
        }
        for row in 0..4 {
            quarter_round(
                &mut x,
                [
                    row,
                    4 + (row + 1) % 4,
                    8 + (row + 2) % 4,
                    12 + (row + 3) % 4,
                ],
            );
        }
    }
    let mut block = [0; BLOCK_BYTES];
    let (words, _) = block.as_chunks_mut();
    for ((word, mixed), start) in words.iter_mut().zip(x).zip(state) {
        *word = mixed.wrapping_add(*start).to_le_bytes();
    }
    block
}

fn quarter_round(x: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(16);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(12);
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(8);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_chacha20() {
        // RFC 8439, appendix A.1, vectors 1 and 2: a zero key, blocks 0 and 1.
        let mut stream = [0; 128];
        Keystream::new(&[0; 32]).fill(&mut stream);
        assert_eq!(
            stream[..8],
            [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]
        );
        assert_eq!(
            stream[64..72],
            [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a]
        );
    }

    #[test]
    fn reading_in_pieces_or_from_a_block_gives_the_same_bytes() {
        let mut whole = [0; 300];
        Keystream::new(&[7; 32]).fill(&mut whole);
        let mut pieces = [0; 300];
        let mut stream = Keystream::new(&[7; 32]);
        let (first, rest) = pieces.split_at_mut(1);
        let (second, third) = rest.split_at_mut(150);
        for piece in [first, second, third] {
            stream.fill(piece);
        }
        assert_eq!(whole, pieces);
        let mut later = [0; 44];
        Keystream::at(&[7; 32], 4).fill(&mut later);
        assert_eq!(later, whole[256..]);
    }

    #[test]
    fn elements_are_from_minus_32_to_31() {
        let elements: Vec<i8> = row(&[3; 32], 5, 4096)
            .iter()
            .map(|e| e.cast_signed())
            .collect();
        assert_eq!(elements.iter().min(), Some(&-32));
        assert_eq!(elements.iter().max(), Some(&31));
    }
}
