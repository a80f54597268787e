//! Registries over fixtures, and evidence for them.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use host::plugin::builtin::BuiltIn;
use host::plugin::{
    CompileLimits, Config, DataByPlugin, Engine, Limits, Orders, Reconfigured, Registry,
    RegistryError, Settings, SettingsByPlugin, WorldLimits,
};
use host::subnet::challenge::Session;
use host::subnet::events::Unobserved;
use host::subnet::key::AccountId;
use host::subnet::plugin::{Plugins, ScoringPolicy, SolverSession, World};
use host::subnet::scoring::{Epoch, Evidence, Miner};
use host::subnet::trust::Trust;

pub(crate) const POLICY: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave.wasm"));
pub(crate) const GENERATOR: &[u8] = include_bytes!(concat!(
    env!("OUT_DIR"),
    "/fixture_misbehave_generator.wasm"
));
pub(crate) const SOLVER: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave_solver.wasm"));

pub(crate) const PROVIDER: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave_provider.wasm"));

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
        // A busy machine is no reason to fail.
        admission_ms_max: 900_000,
        compile: CompileLimits {
            wall_ms_max: 900_000,
            cpu_s_max: 600,
            ..CompileLimits::default()
        },
        deterministic_threads: 3,
        effectful_threads: 3,
        provider_threads: 3,
        sessions_max: 12,
        policy: world.clone(),
        generator: world.clone(),
        solver: world.clone(),
        provider: world,
        ..Limits::default()
    }
}

/// One engine for all tests, so that each fixture is compiled once.
static SHARED: LazyLock<(Engine, Registry)> = LazyLock::new(|| {
    let engine = Engine::new(limits()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&engine, &folder, &Setup::default()).unwrap();
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
        World::ChallengeSolver => ("misbehave-solver", SOLVER),
        World::ProviderAdapter => ("misbehave-provider", PROVIDER),
    };
    BuiltIn {
        name: Cow::Borrowed(name),
        world,
        bytes: Cow::Borrowed(bytes),
    }
}

/// What an operator says, beside the defaults.
#[derive(Clone)]
pub(crate) struct Setup {
    /// All fixtures' setting `mode`.
    pub(crate) mode: String,
    /// Worlds whose fixture has no setting at all.
    pub(crate) unset: Vec<World>,
    pub(crate) data: DataByPlugin,
    pub(crate) trust: Trust,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            mode: "ok".into(),
            unset: vec![],
            data: DataByPlugin::new(),
            trust: Trust::default(),
        }
    }
}

/// A registry in a folder of its own.
pub(crate) struct Node {
    pub(crate) registry: Registry,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Engine,
    setup: Setup,
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
        let mode = mode.to_owned();
        Self::open(
            engine,
            Setup {
                mode,
                ..Setup::default()
            },
        )
    }

    pub(crate) fn with(setup: Setup) -> Self {
        Self::open(SHARED.0.clone(), setup).unwrap()
    }

    fn open(engine: Engine, setup: Setup) -> Result<Self, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let registry = open(&engine, &folder, &setup)?;
        Ok(Self {
            registry,
            folder,
            engine,
            setup,
        })
    }

    /// As after a restart.
    pub(crate) fn restart(self, mode: &str) -> Self {
        drop(self.registry);
        let setup = Setup {
            mode: mode.to_owned(),
            ..self.setup.clone()
        };
        let registry = open(&self.engine, &self.folder, &setup).unwrap();
        Self { registry, ..self }
    }

    /// As after SIGHUP: on a thread that may wait.
    pub(crate) fn reconfigure(&self, change: impl FnOnce(&mut Setup)) -> Vec<Reconfigured> {
        let mut setup = self.setup.clone();
        change(&mut setup);
        let orders = Orders::new(
            settings(&setup),
            setup.data,
            Default::default(),
            setup.trust,
        );
        std::thread::scope(|scope| {
            let reconfigured = scope.spawn(|| self.registry.reconfigure(orders));
            reconfigured.join().unwrap()
        })
    }

    pub(crate) fn policy(&self) -> Arc<dyn ScoringPolicy> {
        self.registry.policy().unwrap()
    }
}

const WORLDS: [World; 3] = [
    World::ScoringPolicy,
    World::ChallengeGenerator,
    World::ChallengeSolver,
];

fn settings(setup: &Setup) -> SettingsByPlugin {
    let tables = WORLDS.map(|world| {
        let set = !setup.unset.contains(&world);
        let mode = set.then(|| ("mode".to_owned(), setup.mode.clone()));
        let table: Settings = mode.into_iter().collect();
        (fixture(world).name.into_owned(), table)
    });
    tables.into()
}

fn open(
    engine: &Engine,
    folder: &tempfile::TempDir,
    setup: &Setup,
) -> Result<Registry, RegistryError> {
    Registry::open(
        engine.clone(),
        Config {
            state_folder: folder.path().join("state"),
            worlds: WORLDS.to_vec(),
            builtins: WORLDS.map(fixture).to_vec(),
            settings: settings(setup),
            data: setup.data.clone(),
            limits: Default::default(),
            trust: setup.trust.clone(),
            accelerator: None,
            outside: Default::default(),
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
