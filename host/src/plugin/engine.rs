//! wasmtime, set up once for each determinism class.
//!
//! The deterministic engine (policies, generators) counts fuel and leaves
//! nothing to the machine: NaNs are canonical, relaxed SIMD is off, growth is
//! decided by the limits alone. The effectful one (solvers) counts epochs. Both
//! take instances from a pool, or from the system where the address space has no
//! room for one; both compile on the caller's thread, never on the calls'.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{
    Config, InstanceAllocationStrategy, PoolingAllocationConfig, RegallocAlgorithm, Strategy,
};

use super::guest::Guest;
use super::limits::Limits;
use super::queue::Queue;
use super::v0_1::{self, Exports};
use super::{cost, ticker, wasi};
use crate::subnet::plugin::{Digest, World};

/// wasm's own stack; a guest that needs more traps.
const WASM_STACK_BYTES: usize = 512 << 10;
/// Admissions that may hold an instance while calls run.
const ADMISSION_INSTANCES: usize = 4;
/// What one component may consist of; Python's have 38 core instances.
const CORE_INSTANCES_MAX: u32 = 64;
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 16;
const TABLE_ELEMENTS_MAX: usize = 1 << 17;
/// Kept in a slot between two instances, instead of going back to the system.
const KEPT_RESIDENT_BYTES: usize = 1 << 20;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not run here.
    #[error("the WebAssembly engine does not start: {0}")]
    Wasmtime(String),
    /// No threads.
    #[error("the plugin threads do not start")]
    Threads(#[from] io::Error),
}

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasmtime(super::fault::chain(&error))
    }
}

/// Compiles and runs components; cheap to clone, and one serves many registries.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    deterministic: Class,
    effectful: Class,
    sessions: Arc<Semaphore>,
    compiled: Mutex<HashMap<Digest, Known>>,
    /// Drives the waits of guests; taken out only to be shut down.
    timers: Option<Runtime>,
}

/// One determinism class.
pub(super) struct Class {
    wasmtime: wasmtime::Engine,
    linker: Linker<Guest>,
    pub(super) queue: Queue,
}

/// A component, ready to be instantiated.
pub(super) struct Compiled {
    pub(super) digest: Digest,
    pub(super) world: World,
    pub(super) pre: InstancePre<Guest>,
    pub(super) exports: Exports,
}

/// What was compiled before, if anyone still holds it; locked while it is compiled,
/// so that several nodes of one process do it once.
type Known = Arc<Mutex<Weak<Compiled>>>;

/// At which step a component failed to become ready.
pub(super) enum CompileError {
    Compile(wasmtime::Error),
    Link(wasmtime::Error),
    Exports(wasmtime::Error),
}

impl Engine {
    /// Starts the engines, their threads and their clock.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        let timers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("plugin-timers")
            .enable_time()
            .build()?;
        let deterministic = {
            let mut config = base_config();
            deterministic_config(&mut config);
            let memory = limits
                .policy
                .memory_bytes_max
                .max(limits.generator.memory_bytes_max);
            let threads = limits.deterministic_threads.max(1);
            let wasmtime = start(config, threads + ADMISSION_INSTANCES, memory)?;
            let linker = linker(&wasmtime, v0_1::link_deterministic)?;
            let queue = Queue::start("plugin-pure", threads, timers.handle())?;
            Class {
                wasmtime,
                linker,
                queue,
            }
        };
        let effectful = {
            let mut config = base_config();
            config.epoch_interruption(true);
            let threads = limits.effectful_threads.max(1);
            let slots = threads + ADMISSION_INSTANCES + limits.sessions_max;
            let wasmtime = start(config, slots, limits.solver.memory_bytes_max)?;
            ticker::start(&wasmtime)?;
            let linker = linker(&wasmtime, v0_1::link_effectful)?;
            let queue = Queue::start("plugin-effect", threads, timers.handle())?;
            Class {
                wasmtime,
                linker,
                queue,
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                sessions: Arc::new(Semaphore::new(limits.sessions_max)),
                limits,
                deterministic,
                effectful,
                compiled: Mutex::default(),
                timers: Some(timers),
            }),
        })
    }

    /// What everything runs under.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(super) fn sessions(&self) -> &Arc<Semaphore> {
        &self.inner.sessions
    }

    pub(super) fn timers(&self) -> Option<&tokio::runtime::Handle> {
        self.inner.timers.as_ref().map(Runtime::handle)
    }

    pub(super) fn class(&self, world: World) -> &Class {
        if is_deterministic(world) {
            &self.inner.deterministic
        } else {
            &self.inner.effectful
        }
    }

    /// Compiles `bytes` and links them, once for as long as anyone holds them.
    ///
    /// Takes its time, on the caller's thread.
    pub(super) fn compile(
        &self,
        world: World,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Arc<Compiled>, CompileError> {
        let known = self.known(digest);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.upgrade() {
            return Ok(compiled);
        }
        let class = self.class(world);
        let component =
            Component::from_binary(&class.wasmtime, bytes).map_err(CompileError::Compile)?;
        let pre = class
            .linker
            .instantiate_pre(&component)
            .map_err(CompileError::Link)?;
        let exports = Exports::find(world, &pre).map_err(CompileError::Exports)?;
        let compiled = Arc::new(Compiled {
            digest,
            world,
            pre,
            exports,
        });
        *known = Arc::downgrade(&compiled);
        Ok(compiled)
    }

    fn known(&self, digest: Digest) -> Known {
        let compiled = &self.inner.compiled;
        let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
        // Keep what somebody compiles right now, and what somebody still holds.
        compiled.retain(|_, known| {
            Arc::strong_count(known) > 1
                || known.try_lock().is_ok_and(|held| held.strong_count() > 0)
        });
        compiled.entry(digest).or_default().clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which it must not do within another one.
        if let Some(timers) = self.timers.take() {
            timers.shutdown_background();
        }
    }
}

/// Whether `world` is stopped by fuel, and time stands still in it.
pub(super) fn is_deterministic(world: World) -> bool {
    matches!(world, World::ScoringPolicy | World::ChallengeGenerator)
}

fn base_config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .concurrency_support(false)
        .parallel_compilation(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .native_unwind_info(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    config
}

fn deterministic_config(config: &mut Config) {
    config
        .consume_fuel(true)
        .operator_cost(cost::table())
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
}

/// With a pool of `slots` instances, or without where there is no room for it.
fn start(
    mut config: Config,
    slots: usize,
    memory_bytes_max: u64,
) -> wasmtime::Result<wasmtime::Engine> {
    config.allocation_strategy(pool(slots, memory_bytes_max));
    match wasmtime::Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(
                "no instance pool, plugin calls take a little longer: {}",
                super::fault::chain(&error)
            );
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            wasmtime::Engine::new(&config)
        }
    }
}

fn pool(slots: usize, memory_bytes_max: u64) -> InstanceAllocationStrategy {
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(slots.saturating_mul(MEMORIES_MAX))
        .total_tables(slots.saturating_mul(TABLES_MAX))
        .total_stacks(0)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(usize::try_from(memory_bytes_max).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(KEPT_RESIDENT_BYTES);
    InstanceAllocationStrategy::Pooling(pool)
}

fn linker(
    engine: &wasmtime::Engine,
    link_world: fn(&mut Linker<Guest>) -> wasmtime::Result<()>,
) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::link(&mut linker)?;
    link_world(&mut linker)?;
    Ok(linker)
}

impl Class {
    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }
}
