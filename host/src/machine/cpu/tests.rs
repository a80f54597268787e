//! The accelerator against a naive reference and an independent verifier.
#![allow(clippy::unwrap_used, clippy::panic)]

mod reference;

use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::subnet::accelerator::Cell;
use reference::{bytes, reference, sha, stream_matrix, tree_root, verify};

const HOUR: Duration = Duration::from_secs(3600);

fn job(rows: u32, n: u32, rounds: u32) -> Job {
    Job {
        device: 0,
        left_seed: [7; 32],
        right_seed: [9; 32],
        rows,
        n,
        rounds,
    }
}

fn cpu() -> CpuAccelerator {
    with_memory(64 + 32)
}

fn with_memory(memory_mib_max: u64) -> CpuAccelerator {
    let options = CpuOptions {
        threads: Some(2),
        memory_mib_max,
        ..CpuOptions::default()
    };
    CpuAccelerator::new(&options).unwrap()
}

fn soon() -> Instant {
    Instant::now() + HOUR
}

#[test]
fn every_root_is_that_of_the_naive_product() {
    let job = job(8, 256, 3);
    let proof = cpu().compute(&job, soon()).unwrap();
    let (xs, _) = reference(&job);
    let roots: Vec<[u8; 32]> = xs.iter().map(|x| tree_root(x)).collect();
    assert_eq!(proof.round_roots(), roots);
    assert_eq!(proof.root(), sha(&[&roots.concat()]));
}

#[test]
fn an_opening_is_the_naive_rows_byte_for_byte() {
    let job = job(4, 512, 2);
    let (xs, ps) = reference(&job);
    let proof = cpu().compute(&job, soon()).unwrap();
    let opened = proof.open(&[Cell { round: 2, row: 3 }], soon()).unwrap();
    let product: Vec<u8> = ps[1][3].iter().flat_map(|p| p.to_le_bytes()).collect();
    assert_eq!(opened[0].input, bytes(&xs[1][3]));
    assert_eq!(opened[0].product, product);
    assert_eq!(opened[0].input_path.len(), 2);
}

#[test]
fn openings_verify_and_come_in_the_order_asked_repeated_cells_included() {
    let job = job(16, 256, 3);
    let proof = cpu().compute(&job, soon()).unwrap();
    let asked = [(3, 5), (1, 0), (2, 15), (3, 5), (1, 15)].map(|(round, row)| Cell { round, row });
    let opened = proof.open(&asked, soon()).unwrap();
    assert_eq!(opened.iter().map(|o| o.cell).collect::<Vec<_>>(), asked);
    for opening in &opened {
        verify(&job, &proof.round_roots(), opening).unwrap();
    }
    let mut forged = opened[0].clone();
    forged.product[0] ^= 1;
    assert!(verify(&job, &proof.round_roots(), &forged).is_err());
}

#[test]
fn a_job_of_one_row_has_empty_paths() {
    let job = job(1, 256, 1);
    let proof = cpu().compute(&job, soon()).unwrap();
    let opened = proof.open(&[Cell { round: 1, row: 0 }], soon()).unwrap();
    assert!(opened[0].input_path.is_empty());
    verify(&job, &proof.round_roots(), &opened[0]).unwrap();
}

#[test]
fn a_row_depends_on_no_other_row() {
    let (few, many) = (job(4, 256, 2), job(4096, 256, 2));
    let cell = [Cell { round: 2, row: 3 }];
    let of = |job: &Job| {
        let opened = cpu()
            .compute(job, soon())
            .unwrap()
            .open(&cell, soon())
            .unwrap();
        (opened[0].input.clone(), opened[0].product.clone())
    };
    assert_eq!(of(&few), of(&many));
}

#[test]
fn many_blocks_of_rows_make_the_same_tree_as_one() {
    let job = job(2048, 256, 1);
    let sizes = limits::check(&job).unwrap();
    assert!(sizes.block_rows < sizes.rows, "the job must have blocks");
    let proof = cpu().compute(&job, soon()).unwrap();
    let (xs, _) = reference(&job);
    assert_eq!(proof.round_roots(), [tree_root(&xs[0]), tree_root(&xs[1])]);
}

#[test]
fn columns_multiplied_in_parts_are_those_of_the_whole() {
    let n = 256;
    let left: Vec<f32> = stream_matrix([1; 32], 8, n)
        .concat()
        .iter()
        .map(|x| *x as f32)
        .collect();
    let right: Vec<f32> = stream_matrix([2; 32], n, n)
        .concat()
        .iter()
        .map(|x| *x as f32)
        .collect();
    let (mut whole, mut parts) = (vec![0.0; 8 * n], vec![f32::NAN; 8 * n]);
    product::multiply(&left, &right, n, 0..n, &mut whole);
    for columns in [0..100, 100..101, 101..n] {
        product::multiply(&left, &right, n, columns, &mut parts);
    }
    assert_eq!(whole, parts);
}

#[test]
fn the_largest_sums_are_exact() {
    let n = 16_384;
    let extreme = vec![-32.0; n];
    // One column of -32 is enough: the others are zero.
    let mut right = vec![0.0; n * n];
    for row in right.chunks_mut(n) {
        row[0] = -32.0;
        row[1] = 31.0;
    }
    let mut to = vec![0.0; n];
    product::multiply(&extreme, &right, n, 0..2, &mut to);
    assert_eq!(product::exact(to[0]), 1 << 24);
    assert_eq!(product::exact(to[1]), -32 * 31 * 16_384);
}

#[test]
fn the_shift_is_arithmetic_and_the_result_an_element() {
    assert_eq!(product::reduce(0), -32);
    assert_eq!(product::reduce(-1), 31);
    assert_eq!(product::reduce(64), -31);
    assert_eq!(product::reduce(1 << 24), -32);
    assert_eq!(product::reduce(-(1 << 24)), -32);
}

#[test]
fn a_cell_outside_the_job_is_out_of_range() {
    let proof = cpu().compute(&job(4, 256, 2), soon()).unwrap();
    for (round, row) in [(0, 0), (3, 0), (1, 4), (u32::MAX, u32::MAX)] {
        let refused = proof.open(&[Cell { round, row }], soon());
        assert!(matches!(refused, Err(AcceleratorError::OutOfRange(_))));
    }
    let many = vec![Cell { round: 1, row: 0 }; OPEN_CELLS_MAX + 1];
    assert!(matches!(
        proof.open(&many, soon()),
        Err(AcceleratorError::OutOfRange(_))
    ));
    assert_eq!(proof.open(&[], soon()), Ok(Vec::new()));
}

#[test]
fn another_device_is_no_such_device() {
    let other = Job {
        device: 1,
        ..job(4, 256, 1)
    };
    assert_eq!(
        cpu().compute(&other, soon()).err(),
        Some(AcceleratorError::NoSuchDevice)
    );
}

#[test]
fn more_memory_than_allowed_is_refused_before_it_is_taken() {
    let cpu = with_memory(512);
    let large = job(4, 16_384, 1);
    assert_eq!(
        cpu.compute(&large, soon()).err(),
        Some(AcceleratorError::OutOfMemory)
    );
    assert_eq!(cpu.shared.memory.held_bytes(), 0);
}

#[test]
fn living_proofs_count_and_dropped_ones_do_not() {
    let cpu = with_memory(36 + 4);
    let first = cpu.compute(&job(4, 1024, 1), soon()).unwrap();
    let refused = cpu.compute(&job(4, 1024, 1), soon()).err();
    assert_eq!(refused, Some(AcceleratorError::OutOfMemory));
    drop(first);
    assert_eq!(cpu.shared.memory.held_bytes(), 0);
    cpu.compute(&job(4, 1024, 1), soon()).unwrap();
}

#[test]
fn more_work_than_the_budget_is_refused() {
    let options = CpuOptions {
        threads: Some(1),
        budget_gops: 1,
        ..CpuOptions::default()
    };
    let cpu = CpuAccelerator::new(&options).unwrap();
    // 2 * 256^2 * 8192 = 1.07 * 10^9
    assert_eq!(
        cpu.compute(&job(8192, 256, 1), soon()).err(),
        Some(AcceleratorError::OutOfBudget)
    );
    cpu.compute(&job(4, 256, 1), soon()).unwrap();
}

#[test]
fn a_second_job_is_busy_until_the_first_is_done() {
    let cpu = cpu();
    let running = cpu.shared.slot.take().unwrap();
    assert_eq!(
        cpu.compute(&job(4, 256, 1), soon()).err(),
        Some(AcceleratorError::Busy)
    );
    drop(running);
    let proof = cpu.compute(&job(4, 256, 1), soon()).unwrap();
    let _running = cpu.shared.slot.take().unwrap();
    proof.open(&[Cell { round: 1, row: 0 }], soon()).unwrap();
}

#[test]
fn options_that_make_no_accelerator_are_refused() {
    let with = |threads, duty_permille| CpuOptions {
        threads,
        duty_permille,
        ..CpuOptions::default()
    };
    for bad in [
        with(Some(0), 1000),
        with(Some(THREADS_MAX + 1), 1000),
        with(None, 0),
        with(None, 1001),
    ] {
        assert!(CpuAccelerator::new(&bad).is_err(), "{bad:?}");
    }
}

/// Moves when it is asked, as if each question took a while, and when it sleeps.
struct FakeClock {
    begun: Instant,
    state: Mutex<(Duration, Duration)>,
    tick: Duration,
}

impl FakeClock {
    fn new(tick_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            state: Mutex::default(),
            tick: Duration::from_millis(tick_ms),
        })
    }

    fn slept(&self) -> Duration {
        self.state.lock().unwrap().1
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().0
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        let mut state = self.state.lock().unwrap();
        state.0 += self.tick;
        self.begun + state.0
    }

    fn sleep(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += pause;
        state.1 += pause;
    }
}

fn limited(duty_permille: u16, clock: &Arc<FakeClock>) -> CpuAccelerator {
    let options = CpuOptions {
        threads: Some(1),
        duty_permille,
        ..CpuOptions::default()
    };
    CpuAccelerator::with_clock(&options, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

#[test]
fn a_duty_of_a_quarter_rests_three_times_as_long_as_it_works() {
    let clock = FakeClock::new(0);
    let pace = Pace::new(clock.as_ref(), 250, clock.begun + HOUR);
    for _ in 0..4 {
        pace.slice(|| clock.state.lock().unwrap().0 += Duration::from_millis(10))
            .unwrap();
    }
    assert_eq!(clock.slept(), Duration::from_millis(120));
    assert_eq!(clock.elapsed(), Duration::from_millis(160));
}

#[test]
fn a_limited_job_rests_and_an_unlimited_one_never() {
    let (limited_clock, free_clock) = (FakeClock::new(1), FakeClock::new(1));
    let job = job(4, 256, 4);
    let slow = limited(100, &limited_clock)
        .compute(&job, limited_clock.begun + HOUR)
        .unwrap();
    let fast = limited(1000, &free_clock)
        .compute(&job, free_clock.begun + HOUR)
        .unwrap();
    assert_eq!(slow.root(), fast.root());
    assert_eq!(free_clock.slept(), Duration::ZERO);
    // Nine parts of ten of every slice's millisecond, slice by slice.
    assert!(limited_clock.slept() >= free_clock.elapsed() * 3);
}

#[test]
fn a_job_past_its_deadline_frees_all_it_held() {
    let clock = FakeClock::new(1);
    let cpu = limited(1000, &clock);
    let refused = cpu
        .compute(&job(4, 256, 4), clock.begun + Duration::from_millis(5))
        .err();
    assert!(matches!(refused, Some(AcceleratorError::DeviceFailed(_))));
    assert!(clock.elapsed() < Duration::from_millis(10));
    assert_eq!(cpu.shared.memory.held_bytes(), 0);
    cpu.compute(&job(4, 256, 1), clock.begun + HOUR).unwrap();
}

#[test]
fn a_rest_that_would_outlast_the_deadline_is_not_begun() {
    let clock = FakeClock::new(1);
    let refused = limited(1, &clock)
        .compute(&job(4, 256, 1), clock.begun + Duration::from_millis(500))
        .err();
    assert!(matches!(refused, Some(AcceleratorError::DeviceFailed(_))));
    assert_eq!(clock.slept(), Duration::ZERO);
}

#[test]
fn opening_looks_at_its_deadline_too() {
    let proof = cpu().compute(&job(4, 256, 1), soon()).unwrap();
    let refused = proof.open(&[Cell { round: 1, row: 0 }], Instant::now());
    assert!(matches!(refused, Err(AcceleratorError::DeviceFailed(_))));
}

proptest! {
    #[test]
    fn sizes_are_accepted_exactly_when_the_contract_allows_them(
        rows in prop_oneof![0u32..5000, any::<u32>(), (0u32..32).prop_map(|e| 1 << e)],
        n in prop_oneof![0u32..20_000, any::<u32>(), (0u32..70).prop_map(|e| e * 256)],
        rounds in prop_oneof![0u32..2000, any::<u32>()],
    ) {
        let allowed = rows.is_power_of_two() && rows <= ROWS_MAX
            && (256..=16_384).contains(&n) && n % 256 == 0
            && (1..=ROUNDS_MAX).contains(&rounds);
        let checked = limits::check(&job(rows, n, rounds));
        prop_assert_eq!(checked.is_ok(), allowed);
        if let Ok(sizes) = checked {
            prop_assert_eq!(sizes.rows % sizes.block_rows, 0);
            prop_assert!((1..=sizes.n).contains(&sizes.slice_columns));
            prop_assert!(sizes.operations() > 0 && sizes.kept_bytes() > 0);
        }
    }

    #[test]
    fn no_job_a_guest_can_ask_for_makes_the_accelerator_panic(
        device: u32, rows: u32, n: u32, rounds: u32, seed: [u8; 32],
    ) {
        let job = Job { device, left_seed: seed, right_seed: seed, rows, n, rounds };
        let options = CpuOptions { threads: Some(1), budget_gops: 0, ..CpuOptions::default() };
        let refused = CpuAccelerator::new(&options).unwrap().compute(&job, Instant::now());
        prop_assert!(refused.is_err());
    }

    #[test]
    fn any_rows_of_a_matrix_are_those_of_the_whole(seed: [u8; 32], first in 0usize..60, count in 1usize..4) {
        let n = 256;
        let mut some = vec![0.0; count * n];
        key_stream::fill(&seed, first, n, &mut some);
        let whole = stream_matrix(seed, 64, n);
        let expected: Vec<f32> = whole[first..first + count].concat().iter().map(|x| *x as f32).collect();
        prop_assert_eq!(some, expected);
    }
}
