//! The exact arithmetic of `accelerator.wit` on the processor's cores.
//!
//! FP32 is exact here: elements are -32..=31 and n is at most 16,384, so no
//! partial sum exceeds 2^24, whatever the order. A row's chain of products
//! depends on no other row, so a job runs block of rows by block of rows
//! through all its rounds, and needs memory for B, one block and the trees,
//! never for a whole X(t). A finished job keeps B and the trees and recomputes
//! the rows that it is asked to open.
//!
//! One job runs at a time; another is refused as busy. Everything is bounded
//! before it begins: sizes, operations, and memory over all living proofs.
//! Work is cut into slices. Between slices the deadline is looked at, and with
//! a duty below 1000 the job rests, so that busy time to all time is as the
//! operator said. A job that is given up frees all it held.
//!
//! Openings are neither refused as busy nor counted against the operations:
//! a proof opens at most [`OPEN_CELLS_MAX`] rows at a call.

mod budget;
mod key_stream;
mod limits;
mod merkle;
mod pace;
mod product;
mod proof;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;
use std::time::Instant;

use crate::subnet::accelerator::{Accelerator, AcceleratorError, Device, Job, Proof};

use super::readings;
use budget::{MemoryBudget, Slot};
pub use limits::{OPEN_CELLS_MAX, ROUNDS_MAX, ROWS_MAX};
use pace::{Clock, Pace, SystemClock};

/// Operations of one job, in units of 10^9; a multiplication and an addition are two.
pub const BUDGET_GOPS_DEFAULT: u64 = 100_000;
/// Memory over all living proofs; n = 16,384 alone needs 1 GiB for B.
pub const MEMORY_MIB_DEFAULT: u64 = 4096;
/// All of the machine.
pub const DUTY_PERMILLE_DEFAULT: u16 = 1000;
/// More threads than this are a typing error.
pub const THREADS_MAX: usize = 1024;

/// What the operator allows the accelerator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuOptions {
    /// Threads that compute; `None` is one for each hardware thread.
    pub threads: Option<usize>,
    /// Busy time to all time of a job, 1 to 1000.
    pub duty_permille: u16,
    /// The most memory all living proofs and the running job may hold.
    pub memory_mib_max: u64,
    /// The most operations of one job, in units of 10^9.
    pub budget_gops: u64,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self {
            threads: None,
            duty_permille: DUTY_PERMILLE_DEFAULT,
            memory_mib_max: MEMORY_MIB_DEFAULT,
            budget_gops: BUDGET_GOPS_DEFAULT,
        }
    }
}

/// Options that make no accelerator.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Zero or absurdly many.
    #[error("accelerator threads must be 1 to {THREADS_MAX}, not {0}")]
    Threads(usize),
    /// Zero would never finish, more than 1000 is no share.
    #[error("accelerator duty_permille must be 1 to 1000, not {0}")]
    Duty(u16),
    /// The system gave no threads.
    #[error("the accelerator's threads could not be started")]
    Start(#[source] rayon::ThreadPoolBuildError),
}

/// The processor as device 0.
pub struct CpuAccelerator {
    shared: Arc<Shared>,
    device: Device,
}

/// What an accelerator and its living proofs have in common.
struct Shared {
    pool: rayon::ThreadPool,
    clock: Arc<dyn Clock>,
    duty_permille: u16,
    budget_gops: u64,
    memory: MemoryBudget,
    slot: Slot,
}

impl CpuAccelerator {
    /// Starts the threads; they sleep while there is no job.
    pub fn new(options: &CpuOptions) -> Result<Self, OptionsError> {
        Self::with_clock(options, Arc::new(SystemClock))
    }

    fn with_clock(options: &CpuOptions, clock: Arc<dyn Clock>) -> Result<Self, OptionsError> {
        if !(1..=1000).contains(&options.duty_permille) {
            return Err(OptionsError::Duty(options.duty_permille));
        }
        let pool = start(options.threads)?;
        let device = Device {
            index: 0,
            model: readings::cpu_model(),
            uuid: String::new(),
            memory_mib: readings::memory_mib(),
        };
        let shared = Arc::new(Shared {
            pool,
            clock,
            duty_permille: options.duty_permille,
            budget_gops: options.budget_gops,
            memory: MemoryBudget::new(options.memory_mib_max.saturating_mul(1 << 20)),
            slot: Slot::default(),
        });
        Ok(Self { shared, device })
    }
}

fn start(threads: Option<usize>) -> Result<rayon::ThreadPool, OptionsError> {
    let threads = threads.unwrap_or_else(readings::cpu_threads);
    if !(1..=THREADS_MAX).contains(&threads) {
        return Err(OptionsError::Threads(threads));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("accelerator-{index}"))
        .build()
        .map_err(OptionsError::Start)
}

impl Shared {
    fn pace(&self, deadline: Instant) -> Pace<'_> {
        Pace::new(self.clock.as_ref(), self.duty_permille, deadline)
    }
}

impl Accelerator for CpuAccelerator {
    fn devices(&self) -> Vec<Device> {
        vec![self.device.clone()]
    }

    fn compute(&self, job: &Job, deadline: Instant) -> Result<Box<dyn Proof>, AcceleratorError> {
        let sizes = limits::check(job)?;
        if sizes.operations() > u128::from(self.shared.budget_gops) * 1_000_000_000 {
            return Err(AcceleratorError::OutOfBudget);
        }
        let _slot = self.shared.slot.take()?;
        let scratch = self.shared.memory.claim(sizes.scratch_bytes())?;
        let kept = self.shared.memory.claim(sizes.kept_bytes())?;
        let done = work::run(&self.shared, job, &sizes, deadline)?;
        drop(scratch);
        Ok(Box::new(proof::CpuProof::new(
            Arc::clone(&self.shared),
            job,
            sizes,
            done,
            kept,
        )))
    }
}
