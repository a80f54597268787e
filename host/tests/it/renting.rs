//! Renting over real sockets: the signed wire, the classic `Allocate`, and the
//! operator API, each against a miner with a landlord that lets on paper.

mod allocate;
mod operator;
mod support;
mod wire;
