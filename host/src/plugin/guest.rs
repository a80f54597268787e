//! What one store holds: a guest's settings, log, memory count, time and chance,
//! and what it may reach.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use sha2::{Digest as _, Sha256};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;

use super::engine::Alive;
use super::limits::WorldLimits;
use super::log::GuestLog;
use super::meter::Meter;
use super::outside::Way;
use super::settings::Settings;
use crate::subnet::accelerator::Accelerator;
use crate::subnet::plugin::PluginError;

/// Resources a guest may hold at once: streams, pollables, proofs.
const RESOURCES_MAX: usize = 1 << 10;
/// What a call into the host costs a guest's budget, however little it takes.
const TAKE_BYTES_MIN: u64 = 64;

/// What one call took of the limits that wasmtime does not count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// From the host.
    pub(super) taken_bytes: u64,
    /// To the host, the most at once: texts, bytes, and elements at their size here.
    pub(super) handed_over_bytes: u64,
    /// Lines and their cost.
    pub(super) log_bytes: u64,
}

/// The data of a store.
pub(super) struct Guest {
    pub(super) table: ResourceTable,
    pub(super) files: WasiFilesystemCtx,
    pub(super) meter: Meter,
    pub(super) log: GuestLog,
    pub(super) settings: Arc<Settings>,
    pub(super) accelerator: Option<Arc<dyn Accelerator>>,
    /// A provider adapter's, in its calls; not while it is admitted.
    pub(super) way: Option<Arc<Way>>,
    pub(super) chance: Chance,
    pub(super) time: Time,
    taken_bytes: u64,
    taken_bytes_max: u64,
    handed_over_bytes: u64,
    _alive: Alive,
}

impl Guest {
    pub(super) fn new(
        limits: &WorldLimits,
        log: GuestLog,
        settings: Arc<Settings>,
        accelerator: Option<Arc<dyn Accelerator>>,
        chance: Chance,
        time: Time,
        alive: Alive,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self {
            table,
            files: WasiFilesystemCtx::default(),
            meter: Meter::new(limits.memory_bytes_max),
            log,
            settings,
            accelerator,
            way: None,
            chance,
            time,
            taken_bytes: 0,
            taken_bytes_max: limits.taken_bytes_max,
            handed_over_bytes: 0,
            _alive: alive,
        }
    }

    /// Charges what the host hands to the guest, so that fuel, which the guest
    /// barely spends on a call into the host, is not the only bound.
    pub(super) fn take(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.taken_bytes = self
            .taken_bytes
            .saturating_add((bytes as u64).max(TAKE_BYTES_MIN));
        if self.taken_bytes > self.taken_bytes_max {
            return Err(PluginError::TooMuchData(self.taken_bytes_max).into());
        }
        Ok(())
    }

    /// Notes what the guest handed over in one call into or out of it.
    pub(super) fn note_handed_over(&mut self, bytes: usize) {
        self.handed_over_bytes = self.handed_over_bytes.max(bytes as u64);
    }

    pub(super) fn used(&self) -> Used {
        Used {
            taken_bytes: self.taken_bytes,
            handed_over_bytes: self.handed_over_bytes,
            log_bytes: self.log.spent_bytes(),
        }
    }

    /// Has the host do `work` and blocks until it is done, which is not charged
    /// as time of the guest's own.
    pub(super) fn have_done<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> wasmtime::Result<T> {
        let way = self.way.clone();
        let way = way.ok_or_else(|| wasmtime::Error::msg("there is no way out"))?;
        let since = Instant::now();
        let waited = way.wait(&self.time, work);
        self.time.forgive(since);
        Ok(waited?)
    }

    /// Gives a session's next call budgets of its own.
    pub(super) fn refill(&mut self, time: Time) {
        self.taken_bytes = 0;
        self.handed_over_bytes = 0;
        self.log.refill();
        self.time = time;
    }
}

/// How time passes for a guest.
#[derive(Debug, Clone)]
pub(super) enum Time {
    /// Not at all: both clocks at zero, every wait over at once.
    Still,
    /// As it does for the host, until a deadline.
    Passing(Deadline),
}

/// When a call began, and whether its caller still waits for it.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) at: Instant,
    pub(super) given_up: Arc<AtomicBool>,
}

impl Begun {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            given_up: Arc::default(),
        }
    }
}

/// When a guest in an effectful world is stopped.
#[derive(Debug, Clone)]
pub(super) struct Deadline {
    entered: Instant,
    waited: Duration,
    run_max: Duration,
    /// The end of everything, waiting included.
    pub(super) wall: Instant,
    wall_max: Duration,
    given_up: Arc<AtomicBool>,
}

impl Time {
    /// Real time from now on, its wall clock running since the call began.
    pub(super) fn passing(limits: &WorldLimits, begun: &Begun) -> Self {
        let wall_max = Duration::from_millis(limits.wall_ms_max);
        Self::Passing(Deadline {
            entered: Instant::now(),
            waited: Duration::ZERO,
            run_max: Duration::from_millis(limits.run_ms_max),
            wall: begun.at + wall_max,
            wall_max,
            given_up: begun.given_up.clone(),
        })
    }

    /// The limit that has passed, if one has; a call that was given up is late.
    pub(super) fn over(&self) -> Option<PluginError> {
        let Self::Passing(deadline) = self else {
            return None;
        };
        if let Some(late) = self.wall_over() {
            return Some(late);
        }
        let ran = Instant::now()
            .duration_since(deadline.entered)
            .saturating_sub(deadline.waited);
        (ran >= deadline.run_max).then(|| late(deadline.run_max))
    }

    /// The end of everything, if it has come: what a wait in the host looks at.
    pub(super) fn wall_over(&self) -> Option<PluginError> {
        let Self::Passing(deadline) = self else {
            return None;
        };
        let over = Instant::now() >= deadline.wall || deadline.given_up.load(Ordering::Relaxed);
        over.then(|| late(deadline.wall_max))
    }

    /// Does not charge the guest for time the host spent since `since`.
    pub(super) fn forgive(&mut self, since: Instant) {
        if let Self::Passing(deadline) = self {
            deadline.waited += since.elapsed();
        }
    }

    /// When waiting in the host must end.
    pub(super) fn wall(&self) -> Option<Instant> {
        match self {
            Self::Still => None,
            Self::Passing(deadline) => Some(deadline.wall),
        }
    }
}

fn late(limit: Duration) -> PluginError {
    PluginError::Deadline(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}

/// Where a guest's random bytes come from.
pub(super) enum Chance {
    /// The key stream of a seed: the same seed, the same bytes.
    Seeded(Box<ChaCha20>),
    /// The operating system.
    Real,
}

/// Separates a guest's randomness from every other use of a seed.
const CHANCE_LABEL: &[u8] = b"compute-subnet/wasi-random/1\0";

impl Chance {
    /// Follows from `seed` alone, and does not give it away.
    pub(super) fn seeded(seed: &[u8]) -> Self {
        let key = Sha256::new()
            .chain_update(CHANCE_LABEL)
            .chain_update(seed)
            .finalize();
        Self::Seeded(Box::new(ChaCha20::new(&key, &[0; 12].into())))
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> wasmtime::Result<()> {
        match self {
            Self::Seeded(stream) => {
                bytes.fill(0);
                stream
                    .try_apply_keystream(bytes)
                    .map_err(|_| wasmtime::Error::msg("drew more than 256 GiB of randomness"))
            }
            Self::Real => getrandom::fill(bytes)
                .map_err(|error| wasmtime::Error::msg(format!("no randomness: {error}"))),
        }
    }

    pub(super) fn next_u64(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugin::limits::Limits;

    #[test]
    fn one_seed_gives_one_stream_and_never_itself() {
        let draw = |seed: &[u8]| {
            let mut bytes = [0; 32];
            Chance::seeded(seed).fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(&[7; 32]), draw(&[7; 32]));
        assert_ne!(draw(&[7; 32]), draw(&[8; 32]));
        assert_ne!(draw(&[7; 32]), [7; 32]);
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_late() {
        let begun = Begun::now();
        let time = Time::passing(&Limits::default().solver, &begun);
        assert_eq!(time.over(), None);
        begun.given_up.store(true, Ordering::Relaxed);
        assert!(time.over().is_some());
    }

    #[test]
    fn waiting_in_the_host_is_not_charged_but_the_wall_clock_goes_on() {
        let limits = WorldLimits {
            run_ms_max: 1_000,
            wall_ms_max: 60_000,
            ..WorldLimits::default()
        };
        let past = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let mut time = Time::passing(&limits, &Begun::now());
        if let Time::Passing(deadline) = &mut time {
            deadline.entered = past;
        }
        assert_eq!(time.over(), Some(PluginError::Deadline(1_000)));
        time.forgive(past);
        assert_eq!(time.over(), None);
        if let Time::Passing(deadline) = &mut time {
            deadline.wall = past;
        }
        assert_eq!(time.over(), Some(PluginError::Deadline(60_000)));
    }
}
