//! Registries over fixtures, and evidence for them.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use host::plugin::builtin::BuiltIn;
use host::plugin::{Config, Engine, Limits, Registry, RegistryError, Settings, WorldLimits};
use host::subnet::challenge::Session;
use host::subnet::events::Unobserved;
use host::subnet::key::AccountId;
use host::subnet::plugin::{Plugins, ScoringPolicy, SolverSession, World};
use host::subnet::scoring::{Epoch, Evidence, Miner};

pub(crate) const POLICY: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave.wasm"));
pub(crate) const GENERATOR: &[u8] = include_bytes!(concat!(
    env!("OUT_DIR"),
    "/fixture_misbehave_generator.wasm"
));
pub(crate) const SOLVER: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave_solver.wasm"));

/// Small enough that every limit is reached at once, large enough for honest work.
pub(crate) fn limits() -> Limits {
    let world = WorldLimits {
        memory_bytes_max: 48 << 20,
        fuel_max: 200_000_000,
        run_ms_max: 1_000,
        wall_ms_max: 60_000,
        handed_over_bytes_max: 8 << 20,
        log_bytes_max: 16 << 10,
        ..WorldLimits::default()
    };
    Limits {
        deterministic_threads: 3,
        effectful_threads: 3,
        sessions_max: 12,
        policy: world.clone(),
        generator: world.clone(),
        solver: world,
        ..Limits::default()
    }
}

/// One engine for all tests, so that each fixture is compiled once.
static SHARED: LazyLock<(Engine, Registry)> = LazyLock::new(|| {
    let engine = Engine::new(limits()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&engine, &folder, "ok").unwrap();
    (engine, registry)
});

/// An engine whose threads and sessions no other test has.
pub(crate) fn own_engine() -> Engine {
    Engine::new(limits()).unwrap()
}

pub(crate) fn fixture(world: World) -> BuiltIn {
    let (name, bytes) = match world {
        World::ScoringPolicy => ("misbehave", POLICY),
        World::ChallengeGenerator => ("misbehave-generator", GENERATOR),
        _ => ("misbehave-solver", SOLVER),
    };
    BuiltIn {
        name: Cow::Borrowed(name),
        world,
        bytes: Cow::Borrowed(bytes),
    }
}

/// A registry in a folder of its own.
pub(crate) struct Node {
    pub(crate) registry: Registry,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Engine,
}

impl Node {
    /// All three fixtures, each told to misbehave as `mode` says.
    pub(crate) fn misbehaving(mode: &str) -> Self {
        Self::try_misbehaving(mode).unwrap()
    }

    pub(crate) fn try_misbehaving(mode: &str) -> Result<Self, RegistryError> {
        Self::on(SHARED.0.clone(), mode)
    }

    pub(crate) fn on(engine: Engine, mode: &str) -> Result<Self, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let registry = open(&engine, &folder, mode)?;
        Ok(Self {
            registry,
            folder,
            engine,
        })
    }

    /// As after a restart.
    pub(crate) fn restart(self, mode: &str) -> Self {
        drop(self.registry);
        let registry = open(&self.engine, &self.folder, mode).unwrap();
        Self { registry, ..self }
    }

    pub(crate) fn policy(&self) -> Arc<dyn ScoringPolicy> {
        self.registry.policy().unwrap()
    }
}

fn open(
    engine: &Engine,
    folder: &tempfile::TempDir,
    mode: &str,
) -> Result<Registry, RegistryError> {
    let worlds = [
        World::ScoringPolicy,
        World::ChallengeGenerator,
        World::ChallengeSolver,
    ];
    let settings = worlds.map(|world| {
        let table = Settings::from([("mode".to_owned(), mode.to_owned())]);
        (fixture(world).name.into_owned(), table)
    });
    Registry::open(
        engine.clone(),
        Config {
            state_folder: folder.path().join("state"),
            worlds: worlds.to_vec(),
            builtins: worlds.map(fixture).to_vec(),
            settings: settings.into(),
            data: Default::default(),
            limits: Default::default(),
            trust: Default::default(),
            accelerator: None,
            observer: Arc::new(Unobserved),
        },
    )
}

pub(crate) fn account(byte: u8) -> AccountId {
    AccountId([byte; 32])
}

pub(crate) fn evidence(miners: u16) -> Evidence {
    Evidence {
        epoch: Epoch {
            netuid: 1,
            mechanism: 0,
            number: 7,
            block: 700,
            previous_block: Some(600),
            burn_uid: None,
            metrics: vec![],
        },
        miners: (0..miners).map(miner).collect(),
        memory: vec![],
    }
}

fn miner(uid: u16) -> Miner {
    Miner {
        uid,
        hotkey: account(1),
        coldkey: account(2),
        registered_at: 1,
        address: None,
        machines: vec![],
        findings: vec![],
        availability_permille: 1000,
        previous_points: 0,
        metrics: vec![],
    }
}

pub(crate) fn session() -> Session {
    Session {
        id: "s-1".into(),
        netuid: 1,
        validator: account(1),
        uid: 3,
        hotkey: account(2),
        machine: String::new(),
        block: 700,
        claimed: None,
        seed: [9; 32],
        memory: vec![],
    }
}

pub(crate) fn solver_session() -> SolverSession {
    SolverSession {
        id: "s-1".into(),
        solver: "fixture-v1".into(),
        validator: account(1),
        miner: account(2),
    }
}
