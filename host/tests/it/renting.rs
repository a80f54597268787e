//! Renting over real sockets: the signed wire, the classic `Allocate`, and the
//! operator API, each against a miner with a landlord that lets on paper or, for
//! `Allocate`, with the real one; and the operator API in whole nodes.

mod allocate;
mod local;
mod operator;
mod schema;
mod stage;
mod support;
mod whole;
mod wire;
