//! Plugins: every way to misbehave, every way to be refused, the swap.

mod admission;
mod determinism;
mod limits;
mod solver;
mod support;
mod swap;
