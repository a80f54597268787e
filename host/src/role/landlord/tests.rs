//! The landlord against a provider that does what the contract allows, at its worst.
#![allow(clippy::unwrap_used, clippy::panic)]

mod acts;
mod chance;
mod deaths;
mod lives;
mod own;
mod world;
