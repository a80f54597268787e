//! Swaps under load: what fails, what is mixed, who waits longest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use host::plugin::builtin::{self, BuiltIn};
use host::plugin::{Approval, Engine, Limits, Registry, Workshop};
use host::subnet::plugin::{Digest, Plugins};
use host::subnet::scoring::Outcome;
use tokio::runtime::Runtime;
use tokio::time::MissedTickBehavior;

use super::{evidence, median, registry};

const CALLS_PER_SECOND: u32 = 1_000;
const SWAPS: usize = 200;
/// Components that take each other's place: half of one policy, half of another.
const VERSIONS: u8 = 8;
const MINERS: u16 = 4;

/// What each version answers.
type Answers = BTreeMap<Digest, Outcome>;

/// Latencies of calls, or why one came to nothing.
type Calls = Vec<Result<Duration, &'static str>>;

pub(super) fn swap(_: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let workshop = Workshop {
        cache: Some(cache.path().to_owned()),
        ..Workshop::default()
    };
    let (registry, _folder) = registry(Engine::with(Limits::default(), workshop).unwrap());
    let registry = Arc::new(registry);
    runtime.block_on(async {
        let answers = Arc::new(answers(&registry).await);
        let calm = tokio::time::sleep(Duration::from_secs(3));
        let calm = measure(&registry, &answers, calm).await;
        let swapping = measure(&registry, &answers, async {
            for turn in 0..SWAPS {
                take_over(&registry, version(turn)).await;
            }
        });
        report(calm, &swapping.await);
    });
}

fn report(calm: Calls, swapping: &Calls) {
    let failed = swapping.iter().filter(|call| call.is_err()).count();
    let mixed = swapping.iter().filter(|call| **call == Err(MIXED)).count();
    let mut calm: Vec<Duration> = calm.into_iter().flatten().collect();
    let longest = swapping.iter().flatten().max().unwrap();
    let median = median(&mut calm);
    println!(
        "{SWAPS} swaps under {CALLS_PER_SECOND} calls a second: {} calls, {} failed, {mixed} mixed; \
         median without a swap {median:?}, longest without {:?}, longest during {longest:?}, \
         {:.0} medians",
        swapping.len(),
        failed - mixed,
        calm.last().unwrap(),
        longest.as_secs_f64() / median.as_secs_f64(),
    );
    assert_eq!(failed, 0);
}

/// One of the versions, by turns.
fn version(turn: usize) -> Vec<u8> {
    let note = u8::try_from(turn % usize::from(VERSIONS)).unwrap();
    let BuiltIn { bytes, .. } = if note % 2 == 0 {
        builtin::score_compute()
    } else {
        builtin::score_level()
    };
    let mut bytes = bytes.into_owned();
    bytes.extend([0, 3, 1, b'n', note]);
    bytes
}

async fn take_over(registry: &Registry, bytes: Vec<u8>) {
    let approval = Approval::Pin { by: "bench".into() };
    registry.swap("policy", bytes, approval).await.unwrap();
}

/// Each has its turn once, so that its code is in the cache.
async fn answers(registry: &Registry) -> Answers {
    let mut answers = Answers::new();
    for turn in 0..usize::from(VERSIONS) {
        take_over(registry, version(turn)).await;
        let policy = registry.policy().unwrap();
        let called = policy.evaluate(&evidence(MINERS)).await.unwrap();
        answers.insert(policy.id().digest, called.value);
    }
    let distinct: Vec<_> = answers.values().collect();
    assert!(distinct.iter().any(|answer| *answer != distinct[0]));
    answers
}

/// Calls at a steady pace until `stop`.
async fn callers(
    registry: Arc<Registry>,
    answers: Arc<Answers>,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> Calls {
    let evidence = Arc::new(evidence(MINERS));
    let mut tick = tokio::time::interval(Duration::from_secs(1) / CALLS_PER_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stop.changed() => break,
        }
        let (registry, answers, evidence) = (registry.clone(), answers.clone(), evidence.clone());
        calls.spawn(async move {
            let start = Instant::now();
            let policy = registry.policy().unwrap();
            let called = policy.evaluate(&evidence).await;
            let called = called.map_err(|error| error.kind())?;
            // What one version is asked, that very version answers.
            if answers[&policy.id().digest] == called.value {
                Ok(start.elapsed())
            } else {
                Err(MIXED)
            }
        });
    }
    calls.join_all().await
}

/// An answer that is not of the version that was asked.
const MIXED: &str = "mixed";

async fn measure(
    registry: &Arc<Registry>,
    answers: &Arc<Answers>,
    during: impl Future<Output = ()>,
) -> Calls {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let calls = tokio::spawn(callers(registry.clone(), answers.clone(), stopped));
    during.await;
    stop.send(true).unwrap();
    calls.await.unwrap()
}
