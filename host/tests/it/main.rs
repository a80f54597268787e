//! The host from outside: one binary, a module for each section.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod author;
mod chain;
mod cli;
mod clouds;
mod config;
mod contract;
mod devchain;
mod docker;
mod egress;
mod evidence;
mod node;
mod plugin;
mod probing;
mod provider;
mod python;
mod rentals;
mod renting;
mod ssh;
mod synapse;
mod tidy;
mod wallet;
mod weights;
