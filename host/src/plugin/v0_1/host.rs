//! What the host implements for every guest: settings, log, accelerator.

use std::time::Instant;

use wasmtime::component::Resource;

use super::bindings::compute::subnet::{accelerator as wit, log, settings, types};
use crate::plugin::guest::Guest;
use crate::plugin::log::Level;
use crate::subnet::accelerator::{AcceleratorError, Cell, Device, Job, Opening, Proof};
use crate::subnet::text::escape;

/// Finished jobs one session may hold.
const PROOFS_MAX: usize = 4;
/// Cells that one call may open, as the contract says.
const CELLS_MAX: usize = 256;

/// A finished job in a session's table.
#[allow(unreachable_pub, reason = "bindgen re-exports it")]
pub struct HeldProof(Box<dyn Proof>);

impl types::Host for Guest {}

impl settings::Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let value = self.settings.get(&key).cloned();
        self.take(value.as_ref().map_or(0, String::len))?;
        Ok(value)
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.take(crate::plugin::settings::size_bytes(&self.settings))?;
        Ok(self
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Error => Level::Error,
            log::Level::Warn => Level::Warn,
            log::Level::Info => Level::Info,
            log::Level::Debug => Level::Debug,
        };
        self.note_handed_over(message.len());
        Ok(self.log.write(level, &message)?)
    }
}

impl wit::Host for Guest {
    fn devices(&mut self) -> wasmtime::Result<Vec<wit::Device>> {
        self.take(0)?;
        let devices = self
            .accelerator
            .as_ref()
            .map_or_else(Vec::new, |accelerator| accelerator.devices());
        Ok(devices.into_iter().map(device).collect())
    }
}

impl wit::HostProof for Guest {
    fn compute(
        &mut self,
        job: wit::Job,
    ) -> wasmtime::Result<Result<Resource<HeldProof>, wit::Error>> {
        let Some(accelerator) = self.accelerator.clone() else {
            return Ok(Err(wit::Error::NoSuchDevice));
        };
        if self.proofs() >= PROOFS_MAX {
            return Ok(Err(wit::Error::OutOfBudget));
        }
        let job = match read_job(&job) {
            Ok(job) => job,
            Err(error) => return Ok(Err(error)),
        };
        let deadline = self.deadline();
        let since = Instant::now();
        let computed = accelerator.compute(&job, deadline);
        self.time.forgive(since);
        match computed {
            Ok(proof) => Ok(Ok(self.table.push(HeldProof(proof))?)),
            Err(error) => Ok(Err(failure(error))),
        }
    }

    fn root(&mut self, proof: Resource<HeldProof>) -> wasmtime::Result<Vec<u8>> {
        self.take(0)?;
        Ok(self.table.get(&proof)?.0.root().to_vec())
    }

    fn round_roots(&mut self, proof: Resource<HeldProof>) -> wasmtime::Result<Vec<Vec<u8>>> {
        let roots = self.table.get(&proof)?.0.round_roots();
        self.take(roots.len() * 32)?;
        Ok(roots.iter().map(|root| root.to_vec()).collect())
    }

    fn open(
        &mut self,
        proof: Resource<HeldProof>,
        cells: Vec<wit::Cell>,
    ) -> wasmtime::Result<Result<Vec<wit::Opening>, wit::Error>> {
        if cells.len() > CELLS_MAX {
            let text = format!("more than {CELLS_MAX} cells at once");
            return Ok(Err(wit::Error::OutOfRange(text)));
        }
        let cells: Vec<Cell> = cells
            .iter()
            .map(|cell| Cell {
                round: cell.round,
                row: cell.row,
            })
            .collect();
        let deadline = self.deadline();
        let since = Instant::now();
        let opened = self.table.get(&proof)?.0.open(&cells, deadline);
        self.time.forgive(since);
        Ok(opened
            .map(|openings| openings.into_iter().map(opening).collect())
            .map_err(failure))
    }

    fn drop(&mut self, proof: Resource<HeldProof>) -> wasmtime::Result<()> {
        self.table.delete(proof)?;
        Ok(())
    }
}

impl Guest {
    fn proofs(&mut self) -> usize {
        self.table
            .iter_mut()
            .filter(|entry| entry.is::<HeldProof>())
            .count()
    }

    /// Accelerators are linked only where time passes; elsewhere nothing may wait.
    fn deadline(&self) -> Instant {
        self.time.wall().unwrap_or_else(Instant::now)
    }
}

fn device(device: Device) -> wit::Device {
    wit::Device {
        index: device.index,
        model: device.model,
        uuid: device.uuid,
        memory_mib: device.memory_mib,
    }
}

fn read_job(job: &wit::Job) -> Result<Job, wit::Error> {
    Ok(Job {
        device: job.device,
        left_seed: read_seed(&job.left_seed)?,
        right_seed: read_seed(&job.right_seed)?,
        rows: job.rows,
        n: job.n,
        rounds: job.rounds,
    })
}

fn read_seed(seed: &[u8]) -> Result<[u8; 32], wit::Error> {
    seed.try_into().map_err(|_| {
        wit::Error::OutOfRange(format!("a seed has 32 bytes, this one {}", seed.len()))
    })
}

fn opening(opening: Opening) -> wit::Opening {
    let path = |path: Vec<[u8; 32]>| path.iter().map(|node| node.to_vec()).collect();
    wit::Opening {
        cell: wit::Cell {
            round: opening.cell.round,
            row: opening.cell.row,
        },
        input: opening.input,
        input_path: path(opening.input_path),
        product: opening.product,
        output_path: path(opening.output_path),
    }
}

fn failure(error: AcceleratorError) -> wit::Error {
    match error {
        AcceleratorError::NoSuchDevice => wit::Error::NoSuchDevice,
        AcceleratorError::OutOfMemory => wit::Error::OutOfMemory,
        AcceleratorError::OutOfRange(text) => wit::Error::OutOfRange(text),
        AcceleratorError::Busy => wit::Error::Busy,
        AcceleratorError::OutOfBudget => wit::Error::OutOfBudget,
        AcceleratorError::DeviceFailed(text) => wit::Error::DeviceFailed(escape(&text)),
    }
}
