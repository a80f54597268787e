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
//! | 1 | `wallet`, `chain`, `synapse`, `machine`, `store`, `config`, `devchain` |
//! | 0 | `subnet` |
//!
//! Only `plugin` knows wasmtime, only `chain` and `devchain` know SCALE, only
//! `synapse` knows hyper, only `machine` knows sysinfo, only `cli` knows clap.

pub mod chain;
pub mod devchain;
pub mod role;
pub mod subnet;
pub mod wallet;
