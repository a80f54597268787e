//! Floor 3: what a node is for.
//!
//! A role sees the chain, its peers, its plugins, its machine and its memory as
//! the traits of `subnet`, so that every rule here is tested without a network,
//! a sandbox or a disk. `cli/run.rs` hands over the concrete things.
//!
//! - [`miner`] answers: it describes its machine and lets solvers do tasks.
//! - [`landlord`] lets machines for a miner: its own and those of its providers.
//! - [`validator`] asks: it challenges miners, keeps the evidence, lets the
//!   policy score it and sets the weights.
//!
//! [`offers`] is what all provider adapters have for rent.
//!
//! What a validator decided can be checked afterwards: [`replay`] repeats it,
//! [`bundle`] hands it to others, [`backtest`] asks what another policy would
//! have decided.

pub mod backtest;
pub mod bundle;
pub mod landlord;
pub mod miner;
pub mod offers;
pub mod operator;
mod registration;
pub mod replay;
#[cfg(test)]
mod testing;
pub mod validator;

pub use registration::NoSlot;
