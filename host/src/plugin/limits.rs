//! Every bound a plugin lives under, by name and unit.
//!
//! The defaults are generous for honest work and small beside what a machine
//! has; an operator may change each. The two deterministic worlds are stopped
//! by fuel alone, so that a slow machine scores as a fast one does; their wall
//! clock is a ceiling that voids a call and can never change its value.

use serde::{Deserialize, Serialize};

use crate::subnet::plugin::World;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Bounds on the engine as a whole, and on each world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest component that is read at all.
    pub component_bytes_max: usize,
    /// A plugin's settings, names and values together.
    pub settings_bytes_max: usize,
    /// From bytes to an admitted plugin, compilation included.
    pub admission_ms_max: u64,
    /// On the compiler, and on what it leaves behind.
    pub compile: CompileLimits,
    /// Threads for policies and generators.
    pub deterministic_threads: usize,
    /// Threads for solvers.
    pub effectful_threads: usize,
    /// Threads for provider adapters, which mostly wait for somebody's answer.
    pub provider_threads: usize,
    /// Solver sessions alive at once, each with an instance of its own.
    pub sessions_max: usize,
    /// Failures in a row after which a plugin gives way to the one before it.
    pub failures_max: u32,
    /// What one plugin may be given at most, by its manifest or its operator.
    pub ceiling: WorldLimits,
    /// For scoring policies.
    pub policy: WorldLimits,
    /// For challenge generators.
    pub generator: WorldLimits,
    /// For challenge solvers.
    pub solver: WorldLimits,
    /// For provider adapters.
    pub provider: WorldLimits,
}

/// Bounds on one compilation, and on the code that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompileLimits {
    /// The wall clock, which a busy machine stretches.
    pub wall_ms_max: u64,
    /// A child's processor time.
    pub cpu_s_max: u64,
    /// A child's address space.
    pub memory_bytes_max: u64,
    /// Native code of one component.
    pub artifact_bytes_max: usize,
    /// Native code of all components that is kept on disk.
    pub cache_bytes_max: u64,
    /// Components whose native code is kept on disk.
    pub cache_entries_max: usize,
}

/// Bounds on the calls of one world's plugins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldLimits {
    /// All memories and tables of a store together.
    pub memory_bytes_max: u64,
    /// Operations, as `cost.rs` counts them; in deterministic worlds only.
    pub fuel_max: u64,
    /// Time in the guest itself, waiting in the host not charged; in worlds
    /// that are stopped by time only.
    pub run_ms_max: u64,
    /// Everything: queueing, running, waiting.
    pub wall_ms_max: u64,
    /// What a guest may hand over in one call into or out of it.
    pub handed_over_bytes_max: usize,
    /// What a guest may take from the host in one call: settings, randomness.
    pub taken_bytes_max: u64,
    /// Lines written and printed in one call.
    pub log_bytes_max: usize,
    /// Calls of one plugin that run at once.
    pub running_max: usize,
    /// Calls of one plugin that wait; the next is refused.
    pub waiting_max: usize,
}

impl Limits {
    /// Those of `world`.
    pub fn of(&self, world: World) -> &WorldLimits {
        match world {
            World::ScoringPolicy => &self.policy,
            World::ChallengeGenerator => &self.generator,
            World::ChallengeSolver => &self.solver,
            World::ProviderAdapter => &self.provider,
        }
    }
}

impl WorldLimits {
    /// The larger of each.
    pub(super) fn at_least(&self, other: &Self) -> Self {
        Self {
            memory_bytes_max: self.memory_bytes_max.max(other.memory_bytes_max),
            fuel_max: self.fuel_max.max(other.fuel_max),
            run_ms_max: self.run_ms_max.max(other.run_ms_max),
            wall_ms_max: self.wall_ms_max.max(other.wall_ms_max),
            log_bytes_max: self.log_bytes_max.max(other.log_bytes_max),
            waiting_max: self.waiting_max.max(other.waiting_max),
            ..other.clone()
        }
    }

    /// With what `wanted` asks for, where that is more.
    pub(super) fn raised(&self, wanted: &Adjusted) -> Self {
        self.clone().set(wanted).at_least(self)
    }

    /// With what `adjusted` says in the place of its own.
    pub(super) fn set(self, adjusted: &Adjusted) -> Self {
        Self {
            memory_bytes_max: adjusted.memory_bytes_max.unwrap_or(self.memory_bytes_max),
            fuel_max: adjusted.fuel_max.unwrap_or(self.fuel_max),
            run_ms_max: adjusted.run_ms_max.unwrap_or(self.run_ms_max),
            wall_ms_max: adjusted.wall_ms_max.unwrap_or(self.wall_ms_max),
            log_bytes_max: adjusted.log_bytes_max.unwrap_or(self.log_bytes_max),
            waiting_max: adjusted.waiting_max.unwrap_or(self.waiting_max),
            ..self
        }
    }
}

/// What one plugin's limits are instead of its world's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjusted {
    /// See [`WorldLimits`].
    pub memory_bytes_max: Option<u64>,
    /// See [`WorldLimits`].
    pub fuel_max: Option<u64>,
    /// See [`WorldLimits`].
    pub run_ms_max: Option<u64>,
    /// See [`WorldLimits`].
    pub wall_ms_max: Option<u64>,
    /// See [`WorldLimits`].
    pub log_bytes_max: Option<usize>,
    /// See [`WorldLimits`].
    pub waiting_max: Option<usize>,
}

impl Adjusted {
    /// Sets what a manifest calls `memory-mib`, `fuel`, `run-ms`, `wall-ms`,
    /// `log-kib` or `waiting`; false if there is no such limit.
    pub(super) fn set_by_name(&mut self, name: &str, number: u64) -> bool {
        let small = usize::try_from(number).unwrap_or(usize::MAX);
        match name {
            "memory-mib" => self.memory_bytes_max = Some(number.saturating_mul(1 << 20)),
            "fuel" => self.fuel_max = Some(number),
            "run-ms" => self.run_ms_max = Some(number),
            "wall-ms" => self.wall_ms_max = Some(number),
            "log-kib" => self.log_bytes_max = Some(small.saturating_mul(KIB)),
            "waiting" => self.waiting_max = Some(small),
            _ => return false,
        }
        true
    }

    /// The first that lies above `ceiling`: its name, itself, the ceiling.
    pub(super) fn above(&self, ceiling: &WorldLimits) -> Option<(&'static str, u64, u64)> {
        let bytes = |bytes: usize| bytes as u64;
        [
            (
                "memory-mib-max",
                self.memory_bytes_max.map(|bytes| bytes >> 20),
                ceiling.memory_bytes_max >> 20,
            ),
            ("fuel-max", self.fuel_max, ceiling.fuel_max),
            ("run-timeout-ms", self.run_ms_max, ceiling.run_ms_max),
            ("wall-timeout-ms", self.wall_ms_max, ceiling.wall_ms_max),
            (
                "log-kib-max",
                self.log_bytes_max.map(|log| bytes(log) >> 10),
                bytes(ceiling.log_bytes_max) >> 10,
            ),
            (
                "waiting-max",
                self.waiting_max.map(bytes),
                bytes(ceiling.waiting_max),
            ),
        ]
        .into_iter()
        .find_map(|(name, wanted, ceiling)| {
            let wanted = wanted.filter(|wanted| *wanted > ceiling)?;
            Some((name, wanted, ceiling))
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            component_bytes_max: 32 * MIB,
            settings_bytes_max: 256 * KIB,
            admission_ms_max: 150_000,
            compile: CompileLimits::default(),
            // One plugin never has them all, so two cores give it two of three.
            deterministic_threads: cores.clamp(2, 8) + 1,
            effectful_threads: cores.clamp(2, 4) + 1,
            provider_threads: 16,
            sessions_max: 16,
            failures_max: 3,
            ceiling: WorldLimits {
                memory_bytes_max: 1 << 30,
                fuel_max: 1_000_000_000_000,
                run_ms_max: 300_000,
                wall_ms_max: 600_000,
                log_bytes_max: MIB,
                waiting_max: 4_096,
                ..WorldLimits::default()
            },
            policy: WorldLimits::default(),
            generator: WorldLimits {
                handed_over_bytes_max: 8 * MIB,
                log_bytes_max: 16 * KIB,
                ..WorldLimits::default()
            },
            solver: WorldLimits {
                fuel_max: 0,
                run_ms_max: 30_000,
                // The longest task, and a margin to say so in.
                wall_ms_max: 125_000,
                handed_over_bytes_max: 8 * MIB,
                log_bytes_max: 16 * KIB,
                ..WorldLimits::default()
            },
            provider: WorldLimits {
                fuel_max: 0,
                run_ms_max: 10_000,
                // A cloud takes its time over an order.
                wall_ms_max: 120_000,
                handed_over_bytes_max: 8 * MIB,
                running_max: 4,
                waiting_max: 64,
                ..WorldLimits::default()
            },
        }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            wall_ms_max: 120_000,
            // Python's interpreter takes a slow machine half of it.
            cpu_s_max: 45,
            memory_bytes_max: 2 << 30,
            artifact_bytes_max: 256 * MIB,
            cache_bytes_max: 512 << 20,
            cache_entries_max: 64,
        }
    }
}

impl Default for WorldLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 256 << 20,
            // Some ten seconds of a core; 256 miners cost a policy a few million.
            fuel_max: 20_000_000_000,
            run_ms_max: 0,
            wall_ms_max: 120_000,
            handed_over_bytes_max: 16 * MIB,
            taken_bytes_max: 64 << 20,
            log_bytes_max: 64 * KIB,
            running_max: 4,
            waiting_max: 256,
        }
    }
}
