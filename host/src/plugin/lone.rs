//! A component on its own, outside of any node: for repeating calls, for trying
//! other policies on recorded epochs, and for authors.
//!
//! Admitted like any other and called under the same limits, so what it does
//! here it does there. Nothing of it is active, recorded or approved.

use std::sync::Arc;

use super::admission::{self, AdmissionError, Surroundings};
use super::call::Loaded;
use super::engine::Engine;
use super::settings::{Settings, SettingsByPlugin};
use super::v0_1::{generator::Generator, policy::Policy, solver::Solver};
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::Unobserved;
use crate::subnet::plugin::{ChallengeGenerator, ChallengeSolver, ScoringPolicy, World};

/// Which settings it runs with.
#[derive(Debug, Clone)]
pub enum With {
    /// Exactly these.
    Table(Settings),
    /// Those of the name it describes itself with.
    Configured(SettingsByPlugin),
}

/// A policy; blocks while it is compiled.
pub fn policy(
    engine: &Engine,
    bytes: &[u8],
    with: With,
) -> Result<Arc<dyn ScoringPolicy>, AdmissionError> {
    let loaded = load(engine, bytes, with, World::ScoringPolicy)?;
    Ok(Arc::new(Policy(loaded)))
}

/// A challenge generator; blocks while it is compiled.
pub fn generator(
    engine: &Engine,
    bytes: &[u8],
    with: With,
) -> Result<Arc<dyn ChallengeGenerator>, AdmissionError> {
    let loaded = load(engine, bytes, with, World::ChallengeGenerator)?;
    Ok(Arc::new(Generator(loaded)))
}

/// A challenge solver that computes with `accelerator`; blocks while it is
/// compiled.
pub fn solver(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    accelerator: Arc<dyn Accelerator>,
) -> Result<Arc<dyn ChallengeSolver>, AdmissionError> {
    let wanted = World::ChallengeSolver;
    let loaded = load_with(engine, bytes, with, wanted, Some(accelerator))?;
    Ok(Arc::new(Solver(loaded)))
}

/// Which world a component targets, and all it imports, before anything is compiled.
pub fn shape(bytes: &[u8]) -> Result<(World, Vec<String>), AdmissionError> {
    Ok((admission::world_of(bytes)?, admission::imports_of(bytes)?))
}

fn load(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    wanted: World,
) -> Result<Arc<Loaded>, AdmissionError> {
    load_with(engine, bytes, with, wanted, None)
}

fn load_with(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    wanted: World,
    accelerator: Option<Arc<dyn Accelerator>>,
) -> Result<Arc<Loaded>, AdmissionError> {
    admission::check_size(bytes.len() as u64, engine.limits().component_bytes_max)?;
    let found = admission::world_of(bytes)?;
    if found != wanted {
        return Err(AdmissionError::WrongWorld {
            slot: wanted.to_string(),
            wanted,
            found,
        });
    }
    let around = |settings| Surroundings {
        engine: engine.clone(),
        settings: Arc::new(settings),
        accelerator: accelerator.clone(),
        observer: Arc::new(Unobserved),
    };
    match with {
        With::Table(table) => {
            admission::admit_with(bytes, &around(SettingsByPlugin::default()), table)
        }
        With::Configured(settings) => admission::admit(bytes, "", &around(settings)),
    }
}
