//! What is alive on an engine, so that anybody can see that nothing stayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is in use at one moment, in both determinism classes together. Where
/// there is no pool its four counts are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Stores: calls that run, sessions that are open, admissions under way.
    pub stores: usize,
    /// Solver sessions.
    pub sessions: usize,
    /// Instances of components, in the pool.
    pub component_instances: u64,
    /// Instances of their modules, in the pool.
    pub core_instances: u64,
    /// Memories, in the pool.
    pub memories: usize,
    /// Tables, in the pool.
    pub tables: usize,
}

impl Occupancy {
    pub(super) fn add_pool(&mut self, engine: &wasmtime::Engine) {
        if let Some(pool) = engine.pooling_allocator_metrics() {
            self.component_instances += pool.component_instances();
            self.core_instances += pool.core_instances();
            self.memories += pool.memories();
            self.tables += pool.tables();
        }
    }
}

/// Counts stores.
#[derive(Debug, Default)]
pub(super) struct Stores(Arc<AtomicUsize>);

/// One store is alive for as long as this is.
#[derive(Debug)]
pub(in crate::plugin) struct Alive(Arc<AtomicUsize>);

impl Stores {
    pub(super) fn enter(&self) -> Alive {
        self.0.fetch_add(1, Ordering::Relaxed);
        Alive(self.0.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
