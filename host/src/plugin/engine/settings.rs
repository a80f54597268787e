//! wasmtime's settings: what a guest may use, and how its code is made.
//!
//! The engine that compiles and the one that runs must agree on all but the
//! pool, or the code of one is refused by the other: both are made here.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::{
    Config, InstanceAllocationStrategy, PoolingAllocationConfig, RegallocAlgorithm, Strategy,
};

use crate::plugin::cache::Rules;
use crate::plugin::compile::Class;
use crate::plugin::meter::TABLE_ELEMENTS_MAX;
use crate::plugin::{cost, fault};

/// wasm's own stack; a guest that needs more traps.
const WASM_STACK_BYTES: usize = 512 << 10;
/// What one component may consist of; Python's have 38 core instances.
const CORE_INSTANCES_MAX: u32 = 64;
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 16;
/// Kept in a slot between two instances, instead of going back to the system.
const KEPT_RESIDENT_BYTES: usize = 1 << 20;

/// For a class, but for where instances come from.
fn config(class: Class) -> Config {
    let mut config = base_config();
    match class {
        Class::Deterministic => deterministic_config(&mut config),
        Class::Effectful => {
            config.epoch_interruption(true);
        }
    }
    config
}

/// An engine that compiles as those that run do, and runs nothing.
pub(in crate::plugin) fn for_compiling(class: Class) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = config(class);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    wasmtime::Engine::new(&config)
}

/// What native code depends on besides the component: release, settings, machine.
pub(super) fn rules(engine: &wasmtime::Engine) -> Rules {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// SHA-256 as a hasher, since the digest goes to disk.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest[..8]
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
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
pub(super) fn start(
    class: Class,
    slots: usize,
    memory_bytes_max: u64,
) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = config(class);
    config.allocation_strategy(pool(slots, memory_bytes_max));
    match wasmtime::Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(
                "no instance pool, plugin calls take a little longer: {}",
                fault::chain(&error)
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
