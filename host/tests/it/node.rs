//! Whole nodes, as an operator starts them: processes of the real binary.

mod crash;
mod demo;
mod hang;
pub(crate) mod process;
mod reload;
mod session;
mod subnet;
mod upgrade;
