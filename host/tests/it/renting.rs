//! Renting over real sockets: the signed wire, the classic `Allocate`, and the
//! operator API, each against a miner with a landlord that lets on paper or, for
//! `Allocate`, with the real one.

mod allocate;
mod local;
mod operator;
mod support;
mod wire;
