//! What proving the exact matrix product costs, and what verifying it costs.
//!
//! CPU time of the whole process, over all cores. Both ends run as in a subnet:
//! the miner's solver and the validator's generator are the built-in components
//! in the engine, so the verification measured is the guest's, with fuel and
//! NaN canonicalisation on. After criterion's own lines each shape's ratio is
//! printed. Square n = 2048 and 4096, and m = 16,384 by n = 2048;
//! `HOST_BENCH_LARGE=1` adds square 8192.
//!
//! `cargo bench -p host --bench matmul`
#![allow(missing_docs, reason = "criterion's macros make public functions")]

#[path = "matmul/session.rs"]
mod session;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use host::machine::{CpuAccelerator, CpuOptions};
use host::subnet::accelerator::{Accelerator, Cell, Job, Opening, Proof};
use rustix::time::{ClockId, clock_gettime};

/// Cells that a generator asks for.
const CELLS: u32 = 32;
const PATIENCE: Duration = Duration::from_secs(600);

/// A job to prove and verify.
struct Shape {
    rows: u32,
    n: u32,
}

fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        Shape {
            rows: 2048,
            n: 2048,
        },
        Shape {
            rows: 4096,
            n: 4096,
        },
        Shape {
            rows: 16_384,
            n: 2048,
        },
    ];
    if std::env::var_os("HOST_BENCH_LARGE").is_some() {
        shapes.push(Shape {
            rows: 8192,
            n: 8192,
        });
    }
    shapes
}

impl Shape {
    fn name(&self) -> String {
        format!("{}x{}", self.rows, self.n)
    }

    fn job(&self) -> Job {
        Job {
            device: 0,
            left_seed: [1; 32],
            right_seed: [2; 32],
            rows: self.rows,
            n: self.n,
            rounds: 1,
        }
    }

    /// Distinct rows over the whole height.
    fn cells(&self) -> Vec<Cell> {
        let step = self.rows / CELLS;
        (0..CELLS)
            .map(|index| Cell {
                round: 1,
                row: index * step,
            })
            .collect()
    }
}

/// The miner's side up to the commitment: what the host's clock measures.
fn prove(accelerator: &CpuAccelerator, shape: &Shape) -> Box<dyn Proof> {
    accelerator
        .compute(&shape.job(), Instant::now() + PATIENCE)
        .expect("the job is within the limits")
}

/// The miner's side after the commitment.
fn open(proof: &dyn Proof, shape: &Shape) -> Vec<Opening> {
    proof
        .open(&shape.cells(), Instant::now() + PATIENCE)
        .expect("the cells are in the job")
}

fn matmul(c: &mut Criterion<CpuTime>) {
    let accelerator =
        CpuAccelerator::new(&CpuOptions::default()).expect("the options are the defaults");
    let mut group = c.benchmark_group("matmul");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for shape in shapes() {
        group.bench_function(BenchmarkId::new("prove", shape.name()), |b| {
            b.iter(|| black_box(prove(&accelerator, &shape).root()));
        });
        let proof = prove(&accelerator, &shape);
        group.bench_function(BenchmarkId::new("open-32", shape.name()), |b| {
            b.iter(|| black_box(open(proof.as_ref(), &shape)));
        });
    }
    for shape in shapes() {
        let played = session::play(shape.rows, shape.n, CELLS);
        group.bench_function(BenchmarkId::new("verify", shape.name()), |b| {
            b.iter(|| black_box(played.verify()));
        });
        report(&accelerator, &shape, &played);
    }
    group.finish();
}

/// Repetitions from which a ratio is taken.
const ROUNDS: u32 = 5;

fn report(accelerator: &CpuAccelerator, shape: &Shape, played: &session::Played) {
    let proving = timed(|| {
        black_box(prove(accelerator, shape).root());
    });
    let verifying = timed(|| assert!(played.verify(), "an honest proof passes"));
    let ratio = proving.as_secs_f64() / verifying.as_secs_f64();
    println!(
        "matmul {}: proving {proving:?}, verifying {verifying:?} of CPU: 1/{ratio:.0}",
        shape.name()
    );
}

fn timed(mut work: impl FnMut()) -> Duration {
    let begun = cpu_time();
    (0..ROUNDS).for_each(|_| work());
    cpu_time().saturating_sub(begun) / ROUNDS
}

/// CPU time of this process, all threads.
struct CpuTime;

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).expect("CPU time is not negative");
    let nanos = u64::try_from(now.tv_nsec).expect("CPU time is not negative");
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu_time()
    }

    fn end(&self, begun: Duration) -> Duration {
        cpu_time().saturating_sub(begun)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = matmul
}
criterion_main!(benches);
