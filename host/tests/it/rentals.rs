//! Rentals in whole nodes: processes of the real binary that are killed while a
//! cloud on this machine goes on.

pub(crate) mod cloud;
pub(crate) mod docker;
mod kills;
mod moto;
pub(crate) mod node;
