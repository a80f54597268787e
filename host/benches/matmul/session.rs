//! A session between the built-in generator and the built-in solver.

use std::sync::Arc;

use host::machine::{CpuAccelerator, CpuOptions};
use host::plugin::{Config, Engine, Limits, Registry, Settings, builtin};
use host::subnet::challenge::{Answer, Exchange, Session, Step};
use host::subnet::events::Unobserved;
use host::subnet::key::AccountId;
use host::subnet::plugin::{ChallengeGenerator, OpenSession, Plugins, SolverSession, World};
use tokio::runtime::Runtime;

/// A session that lacks nothing but its verdict.
pub(super) struct Played {
    runtime: Runtime,
    generator: Arc<dyn ChallengeGenerator>,
    session: Session,
    transcript: Vec<Exchange>,
    _folder: tempfile::TempDir,
}

impl Played {
    /// The validator's side: whether the proof passes.
    pub(super) fn verify(&self) -> bool {
        let step = self.generator.advance(&self.session, &self.transcript);
        match self
            .runtime
            .block_on(step)
            .expect("the generator works")
            .value
        {
            Step::Conclude(verdict) => verdict.passed,
            Step::Ask(_) => false,
        }
    }
}

/// Plays a session of this shape up to its verdict.
pub(super) fn play(rows: u32, n: u32, cells: u32) -> Played {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let registry = registry(&folder, [("rows", rows), ("n", n), ("cells", cells)]);
    let runtime = Runtime::new().expect("a runtime");
    let generator = registry.generators().remove(0);
    let session = session();
    let transcript = runtime.block_on(exchanges(&registry, &*generator, &session));
    Played {
        runtime,
        generator,
        session,
        transcript,
        _folder: folder,
    }
}

async fn exchanges(
    registry: &Registry,
    generator: &dyn ChallengeGenerator,
    session: &Session,
) -> Vec<Exchange> {
    let mut transcript = Vec::new();
    let mut open: Option<Box<dyn OpenSession>> = None;
    // The verdict itself is what is measured, so it is not waited for here.
    while transcript.len() < 2 {
        let step = generator
            .advance(session, &transcript)
            .await
            .expect("the generator works")
            .value;
        let task = match step {
            Step::Ask(task) => task,
            Step::Conclude(verdict) => unreachable!("a verdict came early: {verdict:?}"),
        };
        if open.is_none() {
            let solver = registry.solver(&task.solver).expect("it is built in");
            let theirs = SolverSession {
                id: session.id.clone(),
                solver: task.solver.clone(),
                validator: session.validator,
                miner: session.hotkey,
            };
            open = Some(solver.open(theirs).await.expect("a session"));
        }
        let solver = open.as_mut().expect("just opened");
        let answer = solver
            .answer(task.payload.clone())
            .await
            .expect("the solver works");
        transcript.push(Exchange {
            task,
            answer: Answer::Payload(answer.value),
            elapsed_us: 1_000_000,
        });
    }
    transcript
}

fn registry(folder: &tempfile::TempDir, sizes: [(&str, u32); 3]) -> Registry {
    let sizes: Settings = sizes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_string()))
        .collect();
    let accelerator =
        CpuAccelerator::new(&CpuOptions::default()).expect("the options are the defaults");
    let config = Config {
        state_folder: folder.path().to_path_buf(),
        worlds: vec![World::ChallengeGenerator, World::ChallengeSolver],
        builtins: vec![builtin::challenge_matmul(), builtin::solver_matmul()],
        settings: [("challenge-matmul".to_owned(), sizes)].into(),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        outside: Default::default(),
        accelerator: Some(Arc::new(accelerator)),
        observer: Arc::new(Unobserved),
    };
    Registry::open(Engine::new(Limits::default()).expect("an engine"), config)
        .expect("the plugins start")
}

fn session() -> Session {
    Session {
        id: "bench".into(),
        netuid: 1,
        validator: AccountId([1; 32]),
        uid: 1,
        hotkey: AccountId([2; 32]),
        machine: String::new(),
        block: 1,
        claimed: None,
        seed: [3; 32],
        memory: Vec::new(),
    }
}
