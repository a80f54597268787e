//! A component on its own, outside of any node: for repeating calls, for trying
//! other policies on recorded epochs, and for authors.
//!
//! Admitted like any other and called under the same limits, so what it does
//! here it does there. Nothing of it is active, recorded or approved.

use std::sync::Arc;

use super::admission::{self, AdmissionError, Candidate, Surroundings};
use super::call::Loaded;
use super::engine::Engine;
use super::outside::Outside;
use super::settings::{Settings, SettingsByPlugin};
use super::stats::Calls;
use super::tables::Tables;
use super::v0_1::{generator::Generator, policy::Policy, provider::Adapter, solver::Solver};
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::Unobserved;
use crate::subnet::plugin::{ChallengeGenerator, ChallengeSolver, ScoringPolicy, World};
use crate::subnet::provider::{ProviderAdapter, Want};

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
    let reach = Reach {
        accelerator: Some(accelerator),
        ..Reach::default()
    };
    let loaded = load_with(engine, bytes, with, wanted, reach)?;
    Ok(Arc::new(Solver(loaded)))
}

/// A provider adapter on its own.
pub struct Provider {
    /// Its calls must come from within a runtime.
    pub adapter: Arc<dyn ProviderAdapter>,
    /// What it wants to be granted.
    pub wants: Vec<Want>,
    loaded: Arc<Loaded>,
}

impl Provider {
    /// What its calls took.
    pub fn used(&self) -> Calls {
        self.loaded.counters.read()
    }
}

/// A provider adapter that reaches `outside`; blocks while it is compiled.
pub fn provider(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    outside: Outside,
) -> Result<Provider, AdmissionError> {
    let reach = Reach {
        outside: outside.clone(),
        ..Reach::default()
    };
    let loaded = load_with(engine, bytes, with, World::ProviderAdapter, reach)?;
    Ok(Provider {
        wants: loaded.wants.clone(),
        adapter: Arc::new(Adapter {
            loaded: loaded.clone(),
            outside,
        }),
        loaded,
    })
}

/// What a component may reach, by its world.
#[derive(Default)]
struct Reach {
    accelerator: Option<Arc<dyn Accelerator>>,
    outside: Outside,
}

/// Which world a component targets, and all it imports, before anything is compiled.
pub fn shape(bytes: &[u8]) -> Result<(World, Vec<String>), AdmissionError> {
    Ok((admission::world_of(bytes)?, admission::imports_of(bytes)?))
}

pub(super) fn load(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    wanted: World,
) -> Result<Arc<Loaded>, AdmissionError> {
    load_with(engine, bytes, with, wanted, Reach::default())
}

fn load_with(
    engine: &Engine,
    bytes: &[u8],
    with: With,
    wanted: World,
    reach: Reach,
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
    let settings = match &with {
        With::Table(_) => SettingsByPlugin::default(),
        With::Configured(settings) => settings.clone(),
    };
    let around = Surroundings {
        engine: engine.clone(),
        tables: Tables {
            settings: Arc::new(settings),
            ..Tables::default()
        },
        accelerator: reach.accelerator,
        outside: reach.outside,
        observer: Arc::new(Unobserved),
    };
    let candidate = Candidate {
        bytes,
        expected: "",
        manifest: None,
    };
    match with {
        With::Table(table) => admission::admit_with(candidate, &around, &table),
        With::Configured(_) => admission::admit(candidate, &around),
    }
}
