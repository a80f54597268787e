//! One job at a time, and a bound on memory over everything that lives.
//!
//! Both are counted, never waited for: who comes too late is told so. What is
//! taken is given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::subnet::accelerator::AcceleratorError;

/// Whether a job runs.
#[derive(Default)]
pub(super) struct Slot(Arc<AtomicBool>);

/// The right to run a job, until dropped.
pub(super) struct Taken(Arc<AtomicBool>);

impl Slot {
    /// Refused as busy while another holds it.
    pub(super) fn take(&self) -> Result<Taken, AcceleratorError> {
        if self.0.swap(true, Ordering::AcqRel) {
            return Err(AcceleratorError::Busy);
        }
        Ok(Taken(Arc::clone(&self.0)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Bytes that may be held at once.
pub(super) struct MemoryBudget {
    held_bytes: Arc<AtomicU64>,
    max_bytes: u64,
}

/// Bytes held, until dropped.
pub(super) struct Claim {
    held_bytes: Arc<AtomicU64>,
    bytes: u64,
}

impl MemoryBudget {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            held_bytes: Arc::default(),
            max_bytes,
        }
    }

    /// Refused if more than the maximum would then be held.
    pub(super) fn claim(&self, bytes: u64) -> Result<Claim, AcceleratorError> {
        let fits = |held: u64| {
            held.checked_add(bytes)
                .filter(|after| *after <= self.max_bytes)
        };
        self.held_bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)
            .map_err(|_| AcceleratorError::OutOfMemory)?;
        Ok(Claim {
            held_bytes: Arc::clone(&self.held_bytes),
            bytes,
        })
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Acquire)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.held_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// `len` zeros, or word that the system has no room for them.
pub(super) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, AcceleratorError> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(len)
        .map_err(|_| AcceleratorError::OutOfMemory)?;
    values.resize(len, T::default());
    Ok(values)
}
