//! Whole nodes, as an operator starts them: processes of the real binary.

mod crash;
mod demo;
mod process;
mod subnet;
