//! JSON as Python's `json` module reads and writes it.
//!
//! It differs from the standard where a peer's hash depends on it: `1` and `1.0`
//! are two numbers, `NaN` and `Infinity` are words, the last of two equal keys
//! wins at the place of the first. What is wrong is said in Python's words and
//! counted in characters, because FastAPI passes both on. Stricter than Python:
//! integers have 128 bits, a lone surrogate is no text, and depth and the
//! number of values are bounded.

mod read;
mod write;

pub use read::read;
pub use write::{NonFinite, to_json};
pub(super) use write::{string, write};

/// Arrays and objects within one another, at most.
pub const DEPTH_MAX: usize = 128;
/// Values in one text, at most: some 8 MiB of memory.
pub const VALUES_MAX: usize = 1 << 18;

/// Where a text is no JSON and why, as Python says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: char {at}")]
pub struct NotJson {
    /// `Expecting value` and the like.
    pub what: &'static str,
    /// The place, in characters from the beginning.
    pub at: usize,
}
