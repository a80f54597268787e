//! Plugins: every way to misbehave, every way to be refused, the swap.

mod admission;
mod builtin;
mod compile;
mod determinism;
mod hostile;
mod limits;
mod matmul;
mod packs;
mod provider;
mod rehearsal;
mod reload;
mod solver;
pub(crate) mod support;
mod swap;
mod trial;
mod trust;
