//! Every seed and secret of a session, derived and never stored.
//!
//! A derivation is SHA-256 over a label and the parts, each preceded by its
//! length in four little-endian bytes, so that no two lists of parts read the
//! same.

use sha2::{Digest as _, Sha256};

use crate::{Digest, SOLVER, keystream::Keystream};

/// The seeds of the two matrices.
///
/// Bound to both keys as well as the nonce: a task relayed to an honest miner
/// yields another matrix there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of X(0).
    pub left: Digest,
    /// Of B.
    pub right: Digest,
}

impl Seeds {
    /// The seeds for one nonce, validator, miner and session.
    ///
    /// Keys are SS58 addresses, as both hosts verified them.
    #[must_use]
    pub fn derive(nonce: &Digest, validator: &str, miner: &str, session: &str) -> Self {
        let seed = |label| {
            derive(
                label,
                &[
                    nonce,
                    validator.as_bytes(),
                    miner.as_bytes(),
                    session.as_bytes(),
                ],
            )
        };
        Self {
            left: seed("left"),
            right: seed("right"),
        }
    }
}

/// What the generator draws from the session's seed and the miner may not know:
/// all but the nonce until it is used, and the vectors for ever.
pub struct Secrets {
    seed: Digest,
}

impl Secrets {
    /// The secrets of a session with this 32-byte seed.
    #[must_use]
    pub fn new(seed: Digest) -> Self {
        Self { seed }
    }

    /// Sent with the task.
    #[must_use]
    pub fn nonce(&self) -> Digest {
        derive("nonce", &[&self.seed])
    }

    /// `count` distinct rows out of `rows`, in ascending order, every set as
    /// likely as any other (Floyd's sampling; a 64-bit draw leaves a bias of
    /// less than 2^-43). Sent once the miner has committed.
    #[must_use]
    pub fn rows(&self, rows: u32, count: u32) -> Vec<u32> {
        let mut draws = Keystream::new(&derive("rows", &[&self.seed]));
        let mut chosen = std::collections::BTreeSet::new();
        for last in rows.saturating_sub(count)..rows {
            let mut bytes = [0; 8];
            draws.fill(&mut bytes);
            let draw = u64::from_le_bytes(bytes) % (u64::from(last) + 1);
            let row = u32::try_from(draw).unwrap_or(last);
            if !chosen.insert(row) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }

    /// The two random vectors of [`freivalds`](crate::freivalds), each element
    /// uniform over all of `i16`. Never sent.
    #[must_use]
    pub fn vectors(&self, n: u32) -> [Vec<i16>; 2] {
        let mut stream = Keystream::new(&derive("vectors", &[&self.seed]));
        [(); 2].map(|()| {
            let mut bytes = vec![0; 2 * n as usize];
            stream.fill(&mut bytes);
            let (pairs, _) = bytes.as_chunks();
            pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
        })
    }
}

fn derive(label: &str, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in [SOLVER.as_bytes(), label.as_bytes()].iter().chain(parts) {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        hash.update(length.to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_session_changes_both_seeds() {
        let base = Seeds::derive(&[1; 32], "v", "m", "s");
        for other in [
            Seeds::derive(&[2; 32], "v", "m", "s"),
            Seeds::derive(&[1; 32], "w", "m", "s"),
            Seeds::derive(&[1; 32], "v", "n", "s"),
            Seeds::derive(&[1; 32], "v", "m", "t"),
        ] {
            assert_ne!(base.left, other.left);
            assert_ne!(base.right, other.right);
        }
        assert_ne!(base.left, base.right);
    }

    #[test]
    fn text_moved_from_one_part_to_the_next_is_another_seed() {
        assert_ne!(
            Seeds::derive(&[1; 32], "ab", "c", "s"),
            Seeds::derive(&[1; 32], "a", "bc", "s")
        );
    }

    #[test]
    fn drawn_rows_are_distinct_in_order_and_in_range() {
        for count in 1..=64 {
            let rows = Secrets::new([count; 32]).rows(64, u32::from(count));
            assert_eq!(rows.len(), usize::from(count));
            assert!(rows.is_sorted_by(|a, b| a < b));
            assert!(rows.iter().all(|row| *row < 64));
        }
    }

    #[test]
    fn every_row_is_drawn_about_as_often_as_any_other() {
        let mut seen = [0_u32; 16];
        for seed in 0..=255_u8 {
            for row in Secrets::new([seed; 32]).rows(16, 4) {
                seen[row as usize] += 1;
            }
        }
        assert!(
            seen.iter().all(|times| (30..=100).contains(times)),
            "{seen:?}"
        );
    }
}
