//! A node on which something hostile happens while somebody else is served.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::plugin::builtin::BuiltIn;
use host::plugin::{
    Approval, Child, Compilation, Config, Engine, Limits, Occupancy, Package, Registry, Workshop,
    WorldLimits,
};
use host::subnet::events::Unobserved;
use host::subnet::plugin::{Plugins, Rehearsal, World};

use super::component::Recipe;
use crate::plugin::support::{self, evidence, session, solver_session};

pub(super) const POLICY: &str = "honest-policy";
const GENERATOR: &str = "honest-generator";
pub(super) const SOLVER: &str = "honest-solver";

pub(super) const FUEL: u64 = 20_000_000;
pub(super) const MEMORY_BYTES: u64 = 48 << 20;
pub(super) const LOG_BYTES: u64 = 16 << 10;
pub(super) const HANDED_OVER_BYTES: u64 = 8 << 20;
pub(super) const TAKEN_BYTES: u64 = 1 << 20;
pub(super) const RUN_MS: u64 = 300;

/// Three plugins that behave, on an engine of their own.
pub(super) struct Stage {
    pub(super) registry: Registry,
    pub(super) engine: Engine,
    at_rest: Occupancy,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// As a node compiles: in a child.
    pub(super) fn new() -> Self {
        let workshop = Workshop {
            compilation: Compilation::Child(Child::of(Path::new(env!("CARGO_BIN_EXE_host")))),
            cache: None,
        };
        let engine = Engine::with(limits(), workshop).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let built_ins = [
            (World::ScoringPolicy, POLICY),
            (World::ChallengeGenerator, GENERATOR),
            (World::ChallengeSolver, SOLVER),
        ]
        .map(|(world, name)| BuiltIn {
            name: Cow::Borrowed(name),
            world,
            bytes: Cow::Owned(Recipe::honest(world, name).cook()),
        });
        let config = Config {
            state_folder: folder.path().join("state"),
            worlds: built_ins.iter().map(|built_in| built_in.world).collect(),
            builtins: built_ins.to_vec(),
            settings: Default::default(),
            data: Default::default(),
            limits: Default::default(),
            trust: Default::default(),
            accelerator: None,
            outside: Default::default(),
            observer: Arc::new(Unobserved),
        };
        let registry = Registry::open(engine.clone(), config).unwrap();
        Self {
            registry,
            at_rest: engine.occupancy(),
            engine,
            _folder: folder,
        }
    }

    /// Waits for what something hostile comes to. The others are served while it
    /// lasts, and at its end nothing of it is left.
    pub(super) async fn during<T>(&self, what: &str, hostile: impl Future<Output = T>) -> T {
        tokio::pin!(hostile);
        let (mut longest, mut served) = (Duration::ZERO, 0);
        let came_to = loop {
            let begun = Instant::now();
            let serve = self.serve(what);
            tokio::pin!(serve);
            tokio::select! {
                came_to = &mut hostile => {
                    // Whoever had to wait for it is answered too.
                    serve.await;
                    break came_to;
                }
                () = &mut serve => {}
            }
            longest = longest.max(begun.elapsed());
            served += 1;
        };
        self.serve(what).await;
        println!("{what}: {served} calls of others meanwhile, the longest took {longest:?}");
        assert_eq!(self.engine.occupancy(), self.at_rest, "{what}");
        came_to
    }

    /// A call of each class that is not the hostile one's: they share threads,
    /// pool and registry with it, and nothing else.
    async fn serve(&self, what: &str) {
        let generator = self.registry.generators().remove(0);
        let advanced = generator.advance(&session(), &[]).await;
        assert!(advanced.is_ok(), "{what}: {advanced:?}");
        let solver = self.registry.solver("honest-solver-v1").unwrap();
        let mut open = solver.open(solver_session()).await.unwrap();
        let answered = open.answer(vec![1]).await;
        assert!(answered.is_ok(), "{what}: {answered:?}");
    }

    /// A rehearsal would find out what it is.
    pub(super) async fn swap_unrehearsed(&self, slot: &str, bytes: Vec<u8>) {
        let package = Package::open("hostile".into(), bytes, None).unwrap();
        let waived = Rehearsal::Waived;
        let swapped = self.registry.offer_with(slot, package, pin(), waived);
        swapped.await.unwrap();
    }

    /// The honest policy still scores.
    pub(super) async fn policy_is(&self, name: &str) {
        let policy = self.registry.policy().unwrap();
        assert_eq!(policy.id().name, name);
        if name == POLICY {
            policy.evaluate(&evidence(2)).await.unwrap();
        }
    }
}

pub(super) fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

fn limits() -> Limits {
    let base = support::limits();
    let world = WorldLimits {
        fuel_max: FUEL,
        run_ms_max: RUN_MS,
        taken_bytes_max: TAKEN_BYTES,
        ..base.policy.clone()
    };
    Limits {
        policy: world.clone(),
        generator: world.clone(),
        solver: world,
        ..base
    }
}
