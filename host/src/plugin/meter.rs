//! Counts what a store holds, over all its memories and tables together.
//!
//! wasmtime's own `StoreLimits` bounds each memory by itself, so a component of
//! three core modules could have three times its limit. Here growth is counted
//! across the store, and what would pass the limit traps rather than answers
//! -1: a guest must not be able to learn, and score by, how much room there is.
//! So it is with a table too long for the pool, whose maximum wasmtime reports as
//! if it were the guest's: with a pool and without one a guest must see the same.

use wasmtime::ResourceLimiter;

use crate::subnet::plugin::PluginError;

/// Of one table; as many as a place in the pool has.
pub(super) const TABLE_ELEMENTS_MAX: usize = 1 << 17;
/// A table element is a pointer.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// Core instances, memories and tables of one store, each.
const PARTS_MAX: usize = 256;

/// The limiter of one store.
#[derive(Debug)]
pub(super) struct Meter {
    held_bytes: u64,
    max_bytes: u64,
    refused_by_its_own_maximum: bool,
}

impl Meter {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            held_bytes: 0,
            max_bytes,
            refused_by_its_own_maximum: false,
        }
    }

    /// Memories never shrink, so what is held now is the most there was.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    fn grow(&mut self, current: u64, desired: u64, maximum: Option<u64>) -> wasmtime::Result<bool> {
        self.refused_by_its_own_maximum = maximum.is_some_and(|maximum| desired > maximum);
        if self.refused_by_its_own_maximum {
            return Ok(true);
        }
        let held = self
            .held_bytes
            .saturating_add(desired.saturating_sub(current));
        if held > self.max_bytes {
            return Err(self.full());
        }
        self.held_bytes = held;
        Ok(true)
    }

    fn full(&self) -> wasmtime::Error {
        PluginError::OutOfMemory(self.max_bytes).into()
    }

    /// The guest's own maximum answers -1, as the specification says; a machine
    /// that is out of memory must void the call instead of changing its value.
    fn grow_failed(&self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if self.refused_by_its_own_maximum {
            return Ok(());
        }
        Err(error.context("this machine could not give the plugin memory"))
    }
}

fn bytes(elements: usize) -> u64 {
    (elements as u64).saturating_mul(TABLE_ELEMENT_BYTES)
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current as u64, desired as u64, maximum.map(|m| m as u64))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            return Err(self.full());
        }
        self.grow(bytes(current), bytes(desired), maximum.map(bytes))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(error)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_memories_share_one_limit() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        let refused = meter.memory_growing(0, 60, None).unwrap_err();
        assert_eq!(
            refused.downcast_ref::<PluginError>(),
            Some(&PluginError::OutOfMemory(100))
        );
        assert_eq!(meter.held_bytes(), 60);
    }

    #[test]
    fn tables_count_too() {
        let mut meter = Meter::new(100);
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(meter.memory_growing(0, 30, None).is_err());
    }

    #[test]
    fn the_pools_maximum_is_not_taken_for_the_guests() {
        let mut meter = Meter::new(1 << 30);
        let most = Some(TABLE_ELEMENTS_MAX);
        assert!(meter.table_growing(0, TABLE_ELEMENTS_MAX, most).unwrap());
        assert!(
            meter
                .table_growing(TABLE_ELEMENTS_MAX, TABLE_ELEMENTS_MAX + 1, most)
                .is_err()
        );
    }

    #[test]
    fn a_memorys_own_maximum_is_the_guests_affair() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, Some(50)).unwrap());
        assert!(
            meter
                .memory_grow_failed(wasmtime::Error::msg("too large"))
                .is_ok()
        );
        assert_eq!(meter.held_bytes(), 0);
    }
}
