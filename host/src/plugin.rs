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
//! | `compile` | native code, made in a child process under limits |
//! | `cache` | native code that was made here before, and can prove it |
//! | `queue` | guest threads, and whose turn it is |
//! | `guest` | what one store holds; its memory, its log, its clock |
//! | `outside` | the way out that an adapter has, as far as it was granted |
//! | `wasi` | WASI as each class is allowed to see it |
//! | `v0_1` | the bindings of one generation of the contract; another goes beside it |
//! | [`admission`] | from bytes to a plugin, or a refusal with its remedy |
//! | [`manifest`] | what a publisher says and signs |
//! | `rehearsal` | a newcomer on the last epochs, twice, before it takes over |
//! | [`package`] | a source: bytes, digest, manifest, signatures |
//! | `trust` | the operator's policy, applied to a package |
//! | `tables` | settings, data packs and limits by plugin |
//! | [`registry`] | the active plugins, the swap, approvals, what outlives a restart |
//! | [`builtin`] | the components this binary carries |
//! | [`lone`] | a component outside of any node |
//!
//! It does not decide which plugin is right for a subnet, does not fetch
//! anything, and never loads native code that it did not make itself.

pub mod admission;
pub mod builtin;
pub mod engine;
pub mod limits;
pub mod lone;
pub mod manifest;
pub mod package;
pub mod registry;
pub mod stats;

mod cache;
mod call;
mod compile;
mod cost;
mod fault;
mod files;
mod guest;
mod log;
mod meter;
mod outside;
mod queue;
mod rehearsal;
mod settings;
mod tables;
mod ticker;
mod trust;
mod v0_1;
mod wasi;

pub use admission::AdmissionError;
pub use admission::{Described, describe};
pub use compile::{Child, Class, Compilation, Job, work};
pub use engine::{Engine, EngineError, Occupancy, Workshop};
pub use limits::{Adjusted, CompileLimits, Limits, WorldLimits};
pub use outside::Outside;
pub use package::{FileSource, Package};
pub use registry::{
    Approval, Config, Consequence, Inspected, Listed, ListedPack, Orders, Reconfigured, Refusal,
    Registry, RegistryError, Source, Swap, SwapReport,
};
pub use settings::{Settings, SettingsByPlugin};
pub use stats::{Figures, LastError, PluginStats};
pub use tables::{DataByPlugin, LimitsByPlugin};
pub use trust::{Seen, Sequences, TrustError, judge};
