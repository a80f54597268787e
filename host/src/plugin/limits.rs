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
    /// Threads for policies and generators.
    pub deterministic_threads: usize,
    /// Threads for solvers.
    pub effectful_threads: usize,
    /// Solver sessions alive at once, each with an instance of its own.
    pub sessions_max: usize,
    /// For scoring policies.
    pub policy: WorldLimits,
    /// For challenge generators.
    pub generator: WorldLimits,
    /// For challenge solvers.
    pub solver: WorldLimits,
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
    /// Those of `world`; an adapter's are a solver's until there are providers.
    pub fn of(&self, world: World) -> &WorldLimits {
        match world {
            World::ScoringPolicy => &self.policy,
            World::ChallengeGenerator => &self.generator,
            World::ChallengeSolver | World::ProviderAdapter => &self.solver,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            component_bytes_max: 32 * MIB,
            settings_bytes_max: 256 * KIB,
            admission_ms_max: 60_000,
            // One plugin never has them all, so two cores give it two of three.
            deterministic_threads: cores.clamp(2, 8) + 1,
            effectful_threads: cores.clamp(2, 4) + 1,
            sessions_max: 16,
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
