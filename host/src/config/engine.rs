//! `[engine]`: what plugins may take, by world.
//!
//! The engine has more limits than an operator needs to turn; `host plugin
//! inspect` shows all of them.

use std::time::Duration;

use super::reader::Reader;
use super::sections::{millis, threads};

/// `[engine]`: bounds on all plugins, and on each world's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The largest component that is admitted.
    pub component_mib_max: usize,
    /// From bytes to an admitted plugin, compilation included.
    pub admission_timeout: Duration,
    /// Threads for policies and generators, if not as the machine suggests.
    pub deterministic_threads: Option<usize>,
    /// Threads for solvers, if not as the machine suggests.
    pub effectful_threads: Option<usize>,
    /// Solver sessions alive at once.
    pub sessions_max: usize,
    /// `[engine.policy]`
    pub policy: WorldLimits,
    /// `[engine.generator]`
    pub generator: WorldLimits,
    /// `[engine.solver]`
    pub solver: WorldLimits,
}

/// Bounds on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldLimits {
    /// All memories and tables of a call together.
    pub memory_mib_max: u64,
    /// What stops it.
    pub stop: Stop,
    /// Everything: queueing, running, waiting.
    pub wall_timeout: Duration,
    /// What one call may write to its log.
    pub log_kib_max: usize,
    /// Calls of one plugin that may wait for a thread.
    pub waiting_max: usize,
}

/// What stops a call that goes on and on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Units of work, alike on all machines.
    Fuel(u64),
    /// Time in the guest itself.
    Run(Duration),
}

impl Engine {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            component_mib_max: reader.integer("engine.component-mib-max", 32, 1..=64),
            admission_timeout: millis(reader, "engine.admission-timeout-ms", 60_000, 240_000),
            deterministic_threads: threads(reader, "engine.deterministic-threads"),
            effectful_threads: threads(reader, "engine.effectful-threads"),
            sessions_max: reader.integer("engine.sessions-max", 16, 1..=1_024),
            policy: Self::policy(reader),
            generator: Self::generator(reader),
            solver: Self::solver(reader),
        }
    }

    fn policy(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.policy.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Fuel(reader.integer("engine.policy.fuel-max", FUEL, FUELS)),
            wall_timeout: millis(reader, "engine.policy.wall-timeout-ms", 120_000, WALL_MS),
            log_kib_max: reader.integer("engine.policy.log-kib-max", 64, LOG_KIB),
            waiting_max: reader.integer("engine.policy.waiting-max", 256, WAITING),
        }
    }

    fn generator(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.generator.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Fuel(reader.integer("engine.generator.fuel-max", FUEL, FUELS)),
            wall_timeout: millis(reader, "engine.generator.wall-timeout-ms", 120_000, WALL_MS),
            log_kib_max: reader.integer("engine.generator.log-kib-max", 16, LOG_KIB),
            waiting_max: reader.integer("engine.generator.waiting-max", 256, WAITING),
        }
    }

    fn solver(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.solver.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Run(millis(
                reader,
                "engine.solver.run-timeout-ms",
                30_000,
                WALL_MS,
            )),
            wall_timeout: millis(reader, "engine.solver.wall-timeout-ms", 125_000, WALL_MS),
            log_kib_max: reader.integer("engine.solver.log-kib-max", 16, LOG_KIB),
            waiting_max: reader.integer("engine.solver.waiting-max", 256, WAITING),
        }
    }
}

/// Some ten seconds of a core; 256 miners cost a policy a few million.
const FUEL: u64 = 20_000_000_000;
const FUELS: std::ops::RangeInclusive<u64> = 1_000_000..=1_000_000_000_000_000;
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 1..=4_096;
const WALL_MS: u64 = 600_000;
const LOG_KIB: std::ops::RangeInclusive<usize> = 1..=1_024;
const WAITING: std::ops::RangeInclusive<usize> = 1..=65_536;
