//! Epochs that backtests get through, beside wasmtime alone, on all cores.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use host::plugin::{Engine, Limits, WorldLimits, builtin};
use host::role::backtest::Contestant;
use host::subnet::evidence::EpochRecord;
use host::subnet::plugin::{Plugins, ScoringPolicy};
use host::subnet::scoring::Outcome;
use tokio::runtime::Runtime;

use super::bare::{self, Rules};
use super::{MINERS, evidence, median, registry};

/// Epochs of one contestant.
const EPOCHS: u64 = 60;
const ROUNDS: usize = 5;

pub(super) fn backtest(_: &mut Criterion) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let runtime = Runtime::new().unwrap();
    let limits = Limits {
        // One thread is kept for other plugins.
        deterministic_threads: cores + 1,
        policy: WorldLimits {
            running_max: cores,
            ..WorldLimits::default()
        },
        ..Limits::default()
    };
    let (registry, _folder) = registry(Engine::new(limits).unwrap());
    let policy = registry.policy().unwrap();
    let records: Arc<Vec<EpochRecord>> = Arc::new(records(&*policy));
    let bytes = builtin::score_compute().bytes;
    let bare = bare::Policy::new(Rules::Deterministic, &bytes, &evidence(MINERS));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(contest(&runtime, cores, &policy, &records));
        theirs.push(alone(cores, &bare));
    }
    let per_second = |times: &mut Vec<Duration>| {
        let epochs = EPOCHS * cores as u64;
        epochs as f64 / median(times).as_secs_f64()
    };
    let (ours, theirs) = (per_second(&mut ours), per_second(&mut theirs));
    println!(
        "backtest 256x8 on {cores} cores: {ours:.0} epochs a second, bare wasmtime {theirs:.0}, \
         ratio {:.2} (goal: 0.7)",
        ours / theirs
    );
}

fn records(policy: &dyn ScoringPolicy) -> Vec<EpochRecord> {
    let numbered = |number| {
        let mut evidence = evidence(MINERS);
        evidence.epoch.number = number;
        EpochRecord {
            policy: policy.id().clone(),
            evidence,
            outcome: Ok(Outcome {
                scores: vec![],
                memory: vec![],
            }),
            fuel: 0,
        }
    };
    (0..EPOCHS).map(numbered).collect()
}

/// A contestant for each core, each through all epochs.
fn contest(
    runtime: &Runtime,
    cores: usize,
    policy: &Arc<dyn ScoringPolicy>,
    records: &Arc<Vec<EpochRecord>>,
) -> Duration {
    let begun = Instant::now();
    let mut contestants = tokio::task::JoinSet::new();
    for _ in 0..cores {
        let (mut contestant, records) = (Contestant::new(policy.clone()), records.clone());
        let lives = async move {
            for record in records.iter() {
                let scored = contestant.score(record).await;
                assert_eq!(scored.failed, None);
            }
        };
        contestants.spawn_on(lives, runtime.handle());
    }
    runtime.block_on(contestants.join_all());
    begun.elapsed()
}

fn alone(cores: usize, bare: &bare::Policy) -> Duration {
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..EPOCHS {
                    black_box(bare.evaluate());
                }
            });
        }
    });
    begun.elapsed()
}
