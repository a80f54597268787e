//! Plugins: every way to misbehave, every way to be refused, the swap.

mod admission;
mod builtin;
mod determinism;
mod limits;
mod matmul;
mod solver;
pub(crate) mod support;
mod swap;
