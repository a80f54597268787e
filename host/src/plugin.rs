//! Plugins: admit, hold, swap and call sandboxed WebAssembly components.
//!
//! The promise: a component never takes the node with it. It runs on threads
//! of its own, in an instance of its own, under limits that are all on from
//! the first call, and whatever it does ends as a typed
//! [`PluginError`](crate::subnet::plugin::PluginError). Policies and generators
//! see a world that stands still, so that any two nodes given the same
//! arguments, settings and bytes agree, bit for bit and unit of fuel for unit
//! of fuel.
//!
//! ```text
//! bytes -> admission -> Plugin (compiled once) -> queue -> guest thread -> fresh instance -> answer, checked
//!              |                 ^
//!              v                 |
//!           refusal           registry: what is active, what was, who approved it
//! ```
//!
//! | part | what it knows |
//! |---|---|
//! | [`limits`] | every bound, by name and unit |
//! | [`engine`] | wasmtime: one engine per determinism class |
//! | `queue` | guest threads, and whose turn it is |
//! | `guest` | what one store holds; its memory, its log, its clock |
//! | `wasi` | WASI as each class is allowed to see it |
//! | `v0_1` | the bindings of one generation of the contract |
//! | [`admission`] | from bytes to a plugin, or a refusal with its remedy |
//! | [`registry`] | the active plugins, the swap, approvals, what outlives a restart |
//! | [`builtin`] | the components this binary carries |
//! | [`lone`] | a component outside of any node |
//!
//! It does not decide which plugin is right for a subnet, does not fetch
//! anything, and never loads precompiled code. Signatures, compilation in a
//! child process and replay are not here yet; [`admission`] has their places.

pub mod admission;
pub mod builtin;
pub mod engine;
pub mod limits;
pub mod lone;
pub mod registry;
pub mod stats;

mod call;
mod cost;
mod fault;
mod guest;
mod log;
mod meter;
mod queue;
mod settings;
mod ticker;
mod v0_1;
mod wasi;

pub use admission::AdmissionError;
pub use engine::{Engine, EngineError};
pub use limits::{Limits, WorldLimits};
pub use registry::{
    Approval, Config, Listed, Refusal, Registry, RegistryError, Source, Swap, SwapReport,
};
pub use settings::{Settings, SettingsByPlugin};
pub use stats::PluginStats;
