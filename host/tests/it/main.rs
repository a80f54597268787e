//! Integration tests: one binary, sections as modules.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cli;
mod config;
mod synapse;
mod tidy;
