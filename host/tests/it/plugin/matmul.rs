//! The built-in challenge, both ends through the engine, on a real accelerator.

use std::sync::Arc;

use host::machine::{CpuAccelerator, CpuOptions};
use host::plugin::{Config, Registry, Settings, builtin};
use host::subnet::challenge::{Answer, Exchange, Session, Step, Verdict};
use host::subnet::events::Unobserved;
use host::subnet::plugin::{Plugins, SolverSession, World};

use super::support::{own_engine, session};

fn registry(folder: &tempfile::TempDir) -> Registry {
    let sizes = [
        ("rows", "256"),
        ("n", "256"),
        ("rounds", "2"),
        ("cells", "4"),
    ];
    let sizes = sizes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config {
        state_folder: folder.path().to_path_buf(),
        worlds: vec![World::ChallengeGenerator, World::ChallengeSolver],
        builtins: vec![builtin::challenge_matmul(), builtin::solver_matmul()],
        settings: [("challenge-matmul".to_owned(), Settings::from(sizes))].into(),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        outside: Default::default(),
        accelerator: Some(Arc::new(
            CpuAccelerator::new(&CpuOptions::default()).unwrap(),
        )),
        observer: Arc::new(Unobserved),
    };
    Registry::open(own_engine(), config).unwrap()
}

/// Plays a session through, each answer as `answered` leaves it.
async fn play(registry: &Registry, answered: impl Fn(Vec<u8>) -> Vec<u8>) -> Verdict {
    let session: Session = session();
    let generator = registry.generators().remove(0);
    let mut transcript: Vec<Exchange> = Vec::new();
    let mut open = None;
    loop {
        let task = match generator
            .advance(&session, &transcript)
            .await
            .unwrap()
            .value
        {
            Step::Conclude(verdict) => return verdict,
            Step::Ask(task) => task,
        };
        if open.is_none() {
            let solver = registry.solver(&task.solver).unwrap();
            let theirs = SolverSession {
                id: session.id.clone(),
                solver: task.solver.clone(),
                validator: session.validator,
                miner: session.hotkey,
            };
            open = Some(solver.open(theirs).await.unwrap());
        }
        let solving = open.as_mut().unwrap().answer(task.payload.clone()).await;
        transcript.push(Exchange {
            task,
            answer: Answer::Payload(answered(solving.unwrap().value)),
            elapsed_us: 1_000,
        });
    }
}

#[tokio::test]
async fn an_honest_miner_passes() {
    let folder = tempfile::tempdir().unwrap();
    let verdict = play(&registry(&folder), |answer| answer).await;
    assert!(verdict.passed, "{}", verdict.reason);
}

#[tokio::test]
async fn one_flipped_bit_fails() {
    let folder = tempfile::tempdir().unwrap();
    let flipped = |mut answer: Vec<u8>| {
        let middle = answer.len() / 2;
        answer[middle] ^= 1;
        answer
    };
    let verdict = play(&registry(&folder), flipped).await;
    assert!(!verdict.passed, "{}", verdict.reason);
}
