//! The exact arithmetic of `accelerator.wit`, as the node offers it to solvers.

use std::time::Instant;

/// A processor that runs jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// For [`Job::device`].
    pub index: u32,
    /// As the driver reports it; for the CPU its model name.
    pub model: String,
    /// Empty for a CPU.
    pub uuid: String,
    /// Of the card, or of the machine for a CPU.
    pub memory_mib: u64,
}

/// A chain of products, as `accelerator.wit` defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Index in [`Accelerator::devices`].
    pub device: u32,
    /// Fills X(0).
    pub left_seed: [u8; 32],
    /// Fills B.
    pub right_seed: [u8; 32],
    /// A power of two.
    pub rows: u32,
    /// A multiple of 256, at most 16,384.
    pub n: u32,
    /// How many products.
    pub rounds: u32,
}

/// One row of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// From 1.
    pub round: u32,
    /// From 0.
    pub row: u32,
}

/// What proves a cell, as `accelerator.wit` defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Which cell this opens.
    pub cell: Cell,
    /// The row of X(round - 1), one byte an element.
    pub input: Vec<u8>,
    /// From the leaf's sibling up.
    pub input_path: Vec<[u8; 32]>,
    /// The row of P(round), little-endian i32.
    pub product: Vec<u8>,
    /// From the leaf's sibling up.
    pub output_path: Vec<[u8; 32]>,
}

/// Why a job was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceleratorError {
    /// The index is not one of `devices`.
    #[error("no such device")]
    NoSuchDevice,
    /// The job needs more memory than the operator or the device allows.
    #[error("out of memory")]
    OutOfMemory,
    /// Sizes that are zero, not a power of two where one is due, or inexact.
    #[error("out of range: {0}")]
    OutOfRange(String),
    /// Another job has the device.
    #[error("another job has the device")]
    Busy,
    /// More work than the operator allows one session.
    #[error("more work than one session is allowed")]
    OutOfBudget,
    /// The driver's own words, or a deadline that passed.
    #[error("the device failed: {0}")]
    DeviceFailed(String),
}

/// The machine's processors. Calls block; one job runs at a time.
pub trait Accelerator: Send + Sync {
    /// What there is.
    fn devices(&self) -> Vec<Device>;
    /// Does `job`, or gives up at `deadline`.
    fn compute(&self, job: &Job, deadline: Instant) -> Result<Box<dyn Proof>, AcceleratorError>;
}

/// A finished job that can be asked about.
pub trait Proof: Send + Sync {
    /// SHA-256 over the round roots, in order.
    fn root(&self) -> [u8; 32];
    /// The roots of X(0) to X(rounds).
    fn round_roots(&self) -> Vec<[u8; 32]>;
    /// Opens cells in the order they are asked for.
    fn open(&self, cells: &[Cell], deadline: Instant) -> Result<Vec<Opening>, AcceleratorError>;
}
