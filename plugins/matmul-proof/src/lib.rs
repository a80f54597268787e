//! The exact matrix product proof, `matmul-merkle-v1`: what its two ends share.
//!
//! X(0) is `rows` by `n`, B is `n` by `n`, both drawn from seeds that nobody can
//! know before the task is sent. For t = 1 to `rounds`, P(t) = X(t-1) B and
//! X(t) = ((P(t) >> 6) & 63) - 32. The miner commits to the rows of every X(t),
//! the clock stops, and only then it learns which k rows it must open, each
//! through every round:
//!
//! ```text
//! generator                                             solver
//!   task: nonce, device, rows, n, rounds ------------->   seeds from nonce, both keys, session
//!   <------------- roots of X(0)..X(rounds), commitment   X(1)..X(rounds)        (timed)
//!   open: k rows, from the secret seed --------------->
//!   <----- per row: path in X(0); per round product, path
//!   Freivalds on each product, with a secret vector
//! ```
//!
//! Nothing here does I/O or remembers anything. Every size is checked before
//! content is read, and arithmetic on a stranger's numbers cannot overflow.
//!
//! # What a pass means
//!
//! Call a row honest if the miner multiplied it in every round. If a share f of
//! the rows is honest, the rest pass unseen with probability at most
//! f^k + 2^-32: f^k that no other row is drawn (k = 32 and f = 0.9 give 3.4 %),
//! and 2^-16 for each of two [`freivalds`] repetitions that a wrong product
//! looks right. A pass is worth at most 1/f as much for the time saved, and a
//! failure nothing, so for k >= 2 a cheat expects less than an honest miner at
//! every f.
//!
//! A row is opened through all of its rounds, and not one random cell here and
//! there, because of a short cut: claim X(1) to be one row over and over, and
//! every later round is a single row's work, with every cell of it true. Cells
//! drawn over all rounds would then miss the lie with probability (1 - 1/rounds)^k,
//! 60 % for 64 rounds and 32 cells.
//!
//! # Tested to fail
//!
//! Rows without the product, some of the rows, a truncated or a wrong product,
//! a skipped round, one row repeated (low rank), a task relayed to another
//! miner or another validator, precomputed and replayed roots, another's root,
//! a second answer after the rows are known, openings of other rows, doubled
//! rows, wrong sizes, oversized openings, paths of another length, and random
//! damage to an honest transcript.
//!
//! # Not proven
//!
//! Where the work was done: somebody who answered at once did that many
//! operations a second. Renting it elsewhere cannot be told; nor can the amount
//! of memory, the number of cards or their make. One machine behind several
//! uids is the host's affair, which sends timed tasks out at one moment.

pub mod freivalds;
pub mod keystream;
pub mod merkle;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
pub mod seeds;
pub mod shape;
pub mod verify;
pub mod wire;

#[cfg(test)]
mod tests;

pub use seeds::{Secrets, Seeds};
pub use shape::Shape;
pub use verify::Flaw;

/// The solver name under which both ends find each other.
pub const SOLVER: &str = "matmul-merkle-v1";

/// A SHA-256 digest.
pub type Digest = [u8; 32];
