//! A node for Bittensor compute subnets: `host` runs a miner or a validator.
//!
//! The host is trusted and does networking, keys, chain, storage and time.
//! Scoring policies, challenge generators, challenge solvers and provider
//! adapters are sandboxed WebAssembly components, swapped while it runs.
//!
//! Floors; a module imports only from lower ones, and `tests/it/tidy.rs` holds it:
//!
//! | floor | modules |
//! |---|---|
//! | 4 | `main`, `cli` |
//! | 3 | `role` |
//! | 2 | `plugin` |
//! | 1 | `admin`, `chain`, `config`, `devchain`, `egress`, `machine`, `metrics`, `ssh`, `store`, `synapse`, `wallet` |
//! | 0 | `subnet` |
//!
//! Only `plugin` knows wasmtime, only `chain` and `devchain` know SCALE, only
//! `synapse` and `egress` know hyper (and `metrics`, for its local listener), only
//! `egress` knows rustls, only `machine` knows sysinfo and bollard,
//! only `ssh` knows russh, only `cli` knows clap.

pub mod admin;
pub mod chain;
pub mod cli;
pub mod config;
pub mod devchain;
pub mod egress;
pub mod machine;
pub mod metrics;
pub mod plugin;
pub mod role;
pub mod ssh;
pub mod store;
pub mod subnet;
pub mod synapse;
pub mod wallet;
