//! `[engine]`: what plugins may take, by world.
//!
//! The engine has more limits than an operator needs to turn; `host plugin
//! inspect` shows all of them.

use std::ops::RangeInclusive;
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
    /// One compilation, however busy the machine is.
    pub compile_timeout: Duration,
    /// Processor time of one compilation.
    pub compile_cpu_s_max: u64,
    /// The address space of one compilation.
    pub compile_memory_mib_max: u64,
    /// Compiled code that is kept for the next start.
    pub cache_mib_max: u64,
    /// Threads for policies and generators, if not as the machine suggests.
    pub deterministic_threads: Option<usize>,
    /// Threads for solvers, if not as the machine suggests.
    pub effectful_threads: Option<usize>,
    /// Threads for provider adapters, if not as many as usual.
    pub provider_threads: Option<usize>,
    /// Solver sessions alive at once.
    pub sessions_max: usize,
    /// Failures in a row after which a plugin gives way to the one before it.
    pub failures_max: u32,
    /// `[engine.ceiling]`
    pub ceiling: Ceiling,
    /// `[engine.policy]`
    pub policy: WorldLimits,
    /// `[engine.generator]`
    pub generator: WorldLimits,
    /// `[engine.solver]`
    pub solver: WorldLimits,
    /// `[engine.provider]`
    pub provider: WorldLimits,
}

/// `[engine.ceiling]`: the most that one plugin may be given, by its manifest or
/// by `[plugins.NAME.limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// All memories and tables of a call together.
    pub memory_mib_max: u64,
    /// Units of work.
    pub fuel_max: u64,
    /// Time in the guest itself.
    pub run_timeout: Duration,
    /// Everything: queueing, running, waiting.
    pub wall_timeout: Duration,
    /// What one call may write to its log.
    pub log_kib_max: usize,
    /// Calls that may wait for a thread.
    pub waiting_max: usize,
}

impl Ceiling {
    fn read(reader: &mut Reader) -> Self {
        Self {
            memory_mib_max: reader.integer("engine.ceiling.memory-mib-max", 1_024, MEMORY_MIB),
            fuel_max: reader.integer("engine.ceiling.fuel-max", 1_000_000_000_000, FUELS),
            run_timeout: millis(reader, "engine.ceiling.run-timeout-ms", 300_000, WALL_MS),
            wall_timeout: millis(reader, "engine.ceiling.wall-timeout-ms", 600_000, WALL_MS),
            log_kib_max: reader.integer("engine.ceiling.log-kib-max", 1_024, LOG_KIBS),
            waiting_max: reader.integer("engine.ceiling.waiting-max", 4_096, WAITINGS),
        }
    }
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
            admission_timeout: millis(reader, "engine.admission-timeout-ms", 150_000, 240_000),
            compile_timeout: millis(reader, "engine.compile-timeout-ms", 120_000, 240_000),
            compile_cpu_s_max: reader.integer("engine.compile-cpu-s-max", 45, 1..=3_600),
            compile_memory_mib_max: reader.integer(
                "engine.compile-memory-mib-max",
                2_048,
                256..=65_536,
            ),
            cache_mib_max: reader.integer("engine.cache-mib-max", 512, 1..=65_536),
            deterministic_threads: threads(reader, "engine.deterministic-threads"),
            effectful_threads: threads(reader, "engine.effectful-threads"),
            provider_threads: threads(reader, "engine.provider-threads"),
            sessions_max: reader.integer("engine.sessions-max", 16, 1..=1_024),
            failures_max: reader.integer("engine.failures-max", 3, 0..=1_000),
            ceiling: Ceiling::read(reader),
            policy: Self::policy(reader),
            generator: Self::generator(reader),
            solver: Self::solver(reader),
            provider: Self::provider(reader),
        }
    }

    fn policy(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.policy.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Fuel(reader.integer("engine.policy.fuel-max", FUEL, FUELS)),
            wall_timeout: millis(reader, "engine.policy.wall-timeout-ms", 120_000, WALL_MS),
            log_kib_max: reader.integer("engine.policy.log-kib-max", 64, LOG_KIBS),
            waiting_max: reader.integer("engine.policy.waiting-max", 256, WAITINGS),
        }
    }

    fn generator(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.generator.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Fuel(reader.integer("engine.generator.fuel-max", FUEL, FUELS)),
            wall_timeout: millis(reader, "engine.generator.wall-timeout-ms", 120_000, WALL_MS),
            log_kib_max: reader.integer("engine.generator.log-kib-max", 16, LOG_KIBS),
            waiting_max: reader.integer("engine.generator.waiting-max", 256, WAITINGS),
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
            log_kib_max: reader.integer("engine.solver.log-kib-max", 16, LOG_KIBS),
            waiting_max: reader.integer("engine.solver.waiting-max", 256, WAITINGS),
        }
    }

    fn provider(reader: &mut Reader) -> WorldLimits {
        WorldLimits {
            memory_mib_max: reader.integer("engine.provider.memory-mib-max", 256, MEMORY_MIB),
            stop: Stop::Run(millis(
                reader,
                "engine.provider.run-timeout-ms",
                10_000,
                WALL_MS,
            )),
            wall_timeout: millis(reader, "engine.provider.wall-timeout-ms", 120_000, WALL_MS),
            log_kib_max: reader.integer("engine.provider.log-kib-max", 64, LOG_KIBS),
            waiting_max: reader.integer("engine.provider.waiting-max", 64, WAITINGS),
        }
    }
}

/// Some ten seconds of a core; 256 miners cost a policy a few million.
const FUEL: u64 = 20_000_000_000;
pub(super) const FUELS: RangeInclusive<u64> = 1_000_000..=1_000_000_000_000_000;
pub(super) const MEMORY_MIB: RangeInclusive<u64> = 1..=4_096;
pub(super) const WALL_MS: u64 = 600_000;
pub(super) const LOG_KIB: RangeInclusive<u64> = 1..=1_024;
pub(super) const WAITING: RangeInclusive<u64> = 1..=65_536;
const LOG_KIBS: RangeInclusive<usize> = 1..=1_024;
const WAITINGS: RangeInclusive<usize> = 1..=65_536;
