//! An accelerator that makes up its answers.
//!
//! All of a cheat's node is honest but this: what a miner's own host says about
//! its own arithmetic is exactly what a validator must not believe. Everything
//! it returns has the right size; nothing was multiplied.

use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::subnet::accelerator::{
    Accelerator, AcceleratorError, Cell, Device, Job, Opening, Proof,
};

/// Answers at once, whatever the job.
pub(super) struct MakesItUp;

impl Accelerator for MakesItUp {
    fn devices(&self) -> Vec<Device> {
        let model = "a very fast processor, honestly".into();
        vec![Device {
            index: 0,
            model,
            uuid: String::new(),
            memory_mib: 1 << 20,
        }]
    }

    fn compute(&self, job: &Job, _deadline: Instant) -> Result<Box<dyn Proof>, AcceleratorError> {
        Ok(Box::new(MadeUp(job.clone())))
    }
}

struct MadeUp(Job);

impl MadeUp {
    /// Bytes that look like something.
    fn noise(&self, what: u32, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 32);
        for count in 0u64.. {
            if bytes.len() >= length {
                break;
            }
            let block = Sha256::new()
                .chain_update(self.0.left_seed)
                .chain_update(what.to_le_bytes())
                .chain_update(count.to_le_bytes());
            bytes.extend_from_slice(&block.finalize());
        }
        bytes.truncate(length);
        bytes
    }

    fn hash(&self, what: u32) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.noise(what, 32));
        hash
    }

    fn path(&self, what: u32) -> Vec<[u8; 32]> {
        (0..self.0.rows.ilog2())
            .map(|level| self.hash(what ^ (level << 8)))
            .collect()
    }

    fn opening(&self, cell: &Cell) -> Opening {
        let n = usize::try_from(self.0.n).unwrap_or(0);
        let input = self
            .noise(cell.row, n)
            .iter()
            .map(|byte| (byte & 63).wrapping_sub(32))
            .collect();
        Opening {
            cell: *cell,
            input,
            input_path: self.path(1),
            product: self.noise(2, n * 4),
            output_path: self.path(3),
        }
    }
}

impl Proof for MadeUp {
    fn root(&self) -> [u8; 32] {
        let roots = self.round_roots();
        roots
            .iter()
            .fold(Sha256::new(), |hash, root| hash.chain_update(root))
            .finalize()
            .into()
    }

    fn round_roots(&self) -> Vec<[u8; 32]> {
        (0..=self.0.rounds)
            .map(|round| self.hash(round ^ 0xff00))
            .collect()
    }

    fn open(&self, cells: &[Cell], _deadline: Instant) -> Result<Vec<Opening>, AcceleratorError> {
        Ok(cells.iter().map(|cell| self.opening(cell)).collect())
    }
}
