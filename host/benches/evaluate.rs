//! What the engine costs beside bare wasmtime, and what a swap costs a caller.
//!
//! `cargo bench -p host --bench evaluate` prints, after criterion's own lines,
//! ratios of figures of this very run; none of them is a gate:
//!
//! - an epoch of 256 miners with 8 findings each through the engine (admission
//!   aside: conversion, queue, thread, limits, log, checks) to the same component
//!   instantiated and called by wasmtime alone under the same configuration;
//! - wasmtime alone: a fresh instance for each call to a warm one, and the
//!   deterministic rules to plain ones;
//! - epochs of 256 miners that backtests get through to those that wasmtime alone
//!   does, on all cores;
//! - the calls that failed, or were answered by two versions at once, and the
//!   longest one, while plugins are swapped under 1,000 calls a second.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "evaluate/backtest.rs"]
mod backtest;
#[path = "evaluate/bare.rs"]
mod bare;
#[path = "evaluate/swap.rs"]
mod swap;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use host::plugin::builtin;
use host::plugin::{Config, Engine, Limits, Registry, Settings};
use host::subnet::events::Unobserved;
use host::subnet::hardware::{Hardware, Metric};
use host::subnet::key::AccountId;
use host::subnet::plugin::{Plugins, World};
use host::subnet::scoring::{Epoch, Evidence, Finding, Miner, OfferedMachine};
use tokio::runtime::Runtime;

use self::bare::Rules;

const MINERS: u16 = 256;
const FINDINGS: u64 = 8;
/// Calls of one kind in a row, and how often each kind has its turn.
const CALLS: u32 = 20;
const ROUNDS: u32 = 10;

fn hardware() -> Hardware {
    Hardware {
        gpus: vec![],
        cpu_model: "AMD EPYC 9654 96-Core Processor".into(),
        cpu_threads: 16,
        memory_mib: 65_536,
        disk_mib: 1 << 20,
        labels: vec![],
    }
}

fn metric(name: &str, value: i64) -> Metric {
    Metric {
        name: name.into(),
        value,
    }
}

fn finding(block: u64) -> Finding {
    Finding {
        challenge: "challenge-matmul".into(),
        machine: String::new(),
        block,
        passed: true,
        grade_permille: 1000,
        proven: Some(hardware()),
        metrics: vec![metric("proven-mops", 250_000), metric("elapsed-us", 90_000)],
    }
}

fn miner(uid: u16) -> Miner {
    let mut key = [7; 32];
    key[..2].copy_from_slice(&uid.to_le_bytes());
    Miner {
        uid,
        hotkey: AccountId(key),
        coldkey: AccountId([uid.to_le_bytes()[0]; 32]),
        registered_at: 1,
        address: Some("203.0.113.7".into()),
        machines: vec![OfferedMachine {
            id: String::new(),
            claimed: hardware(),
            price_micro_usd_per_hour: 0,
            rented_permille: 0,
            labels: vec![],
        }],
        findings: (0..FINDINGS).map(|n| finding(10_000 - n)).collect(),
        availability_permille: 1000,
        previous_points: 1_000_000,
        metrics: vec![],
    }
}

fn evidence(miners: u16) -> Evidence {
    Evidence {
        epoch: Epoch {
            netuid: 1,
            mechanism: 0,
            number: 100,
            block: 10_001,
            previous_block: Some(9_641),
            burn_uid: None,
            metrics: vec![],
        },
        miners: (0..miners).map(miner).collect(),
        memory: vec![],
    }
}

/// A registry with the built-in policy alone, in a folder that goes with it.
fn registry(engine: Engine) -> (Registry, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        state_folder: folder.path().to_path_buf(),
        worlds: vec![World::ScoringPolicy],
        builtins: vec![builtin::score_compute()],
        settings: std::collections::BTreeMap::from([("score-compute".into(), Settings::new())]),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        accelerator: None,
        outside: Default::default(),
        observer: Arc::new(Unobserved),
    };
    (Registry::open(engine, config).unwrap(), folder)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn evaluate(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (registry, _folder) = registry(Engine::new(Limits::default()).unwrap());
    let policy = registry.policy().unwrap();
    let evidence = evidence(MINERS);
    let bare = bare::Policy::new(
        Rules::Deterministic,
        &builtin::score_compute().bytes,
        &evidence,
    );

    let mut group = criterion.benchmark_group("evaluate 256x8");
    group.bench_function("engine", |bencher| {
        bencher.iter(|| runtime.block_on(policy.evaluate(&evidence)).unwrap());
    });
    group.bench_function("bare wasmtime", |bencher| bencher.iter(|| bare.evaluate()));
    group.finish();

    let (mut ours, mut theirs) = ((Vec::new(), 0), (Vec::new(), 0));
    for _ in 0..ROUNDS {
        time(&mut ours, || {
            runtime.block_on(policy.evaluate(&evidence)).unwrap()
        });
        time(&mut theirs, || bare.evaluate());
    }
    let cpu = |ticks: u64| Duration::from_millis(10 * ticks) / (ROUNDS * CALLS);
    println!(
        "evaluate 256x8, wall clock: engine {:?}, bare wasmtime {:?}, ratio {:.2}",
        median(&mut ours.0),
        median(&mut theirs.0),
        median(&mut ours.0).as_secs_f64() / median(&mut theirs.0).as_secs_f64()
    );
    println!(
        "evaluate 256x8, CPU time: engine {:?}, bare wasmtime {:?}, ratio {:.2} (goal: 1.3)",
        cpu(ours.1),
        cpu(theirs.1),
        cpu(ours.1).as_secs_f64() / cpu(theirs.1).as_secs_f64()
    );
}

/// wasmtime alone: what a fresh instance costs, and what determinism does.
fn instances(_: &mut Criterion) {
    let evidence = evidence(MINERS);
    let bytes = builtin::score_compute().bytes;
    let strict = bare::Policy::new(Rules::Deterministic, &bytes, &evidence);
    let plain = bare::Policy::new(Rules::Plain, &bytes, &evidence);
    let mut warm = strict.instance();
    let (mut fresh, mut kept, mut free) = ((Vec::new(), 0), (Vec::new(), 0), (Vec::new(), 0));
    for _ in 0..ROUNDS {
        time(&mut fresh, || strict.evaluate());
        time(&mut kept, || strict.evaluate_in(&mut warm));
        time(&mut free, || plain.evaluate());
    }
    let (fresh, kept, free) = (
        median(&mut fresh.0),
        median(&mut kept.0),
        median(&mut free.0),
    );
    println!(
        "evaluate 256x8, bare wasmtime: fresh instance {fresh:?}, warm {kept:?}, ratio {:.2}; \
         deterministic {fresh:?}, plain {free:?}, ratio {:.2}",
        fresh.as_secs_f64() / kept.as_secs_f64(),
        fresh.as_secs_f64() / free.as_secs_f64(),
    );
}

/// Calls `work` some times, noting each one's wall clock, and the CPU time of all.
fn time<T>((walls, ticks): &mut (Vec<Duration>, u64), mut work: impl FnMut() -> T) {
    let before = cpu_ticks();
    for _ in 0..CALLS {
        let start = Instant::now();
        black_box(work());
        walls.push(start.elapsed());
    }
    *ticks += cpu_ticks() - before;
}

/// CPU time of this process in hundredths of a second; zero where there is no /proc.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: state is field 3, utime 14, stime 15.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = evaluate, instances, backtest::backtest, swap::swap
}
criterion_main!(benches);
