//! What this machine has, what it can compute, and what runs on it for others.
//!
//! - [`LocalMachine`] reads processor, memory, disk, network, load and GPUs
//!   for the miner that describes itself. It caches what it read, so that no
//!   caller on the network can make the node busy with looking.
//! - [`CpuAccelerator`] does the exact arithmetic of `accelerator.wit` on the
//!   processor's cores for solvers. A GPU becomes another device of the same
//!   trait; guests do not change.
//! - [`Containers`] rents it out by the piece, over a Docker Engine.
//!
//! Only this module knows sysinfo, NVML and bollard. A machine without NVIDIA's library,
//! or where something cannot be read, is described with what is known: looking
//! is never an error.

mod containers;
mod cpu;
mod gpu;
mod local;
mod readings;
mod texts;

pub use containers::{Containers, ContainersOptions, DiskLimit, Firewall};
pub use cpu::{
    BUDGET_GOPS_DEFAULT, DUTY_PERMILLE_DEFAULT, MEMORY_MIB_DEFAULT, OPEN_CELLS_MAX, ROUNDS_MAX,
    ROWS_MAX, THREADS_MAX,
};
pub use cpu::{CpuAccelerator, CpuOptions, OptionsError};
pub use local::{CACHE_MS, LocalMachine};
