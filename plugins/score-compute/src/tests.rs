//! The policy's promises, on whole epochs.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use crate::{
    bindings::{
        compute::subnet::types::{Hardware, Metric},
        exports::compute::subnet::scoring::{Epoch, Finding, Machine, Miner, Score},
    },
    policy::evaluate,
    settings::Settings,
};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Settings::read(&pairs).unwrap()
}

/// Nothing but throughput.
fn bare() -> Settings {
    settings(&[
        ("availability-weight-permille", "0"),
        ("smoothing-permille", "0"),
    ])
}

fn epoch() -> Epoch {
    Epoch {
        netuid: 1,
        mechanism: 0,
        number: 10,
        block: 3_600,
        previous_block: Some(3_240),
        burn_uid: None,
        metrics: Vec::new(),
    }
}

fn metric(name: &str, value: i64) -> Metric {
    Metric {
        name: name.to_owned(),
        value,
    }
}

fn finding(block: u64, passed: bool, metrics: Vec<Metric>) -> Finding {
    Finding {
        challenge: "challenge-matmul".to_owned(),
        machine: String::new(),
        block,
        passed,
        grade_permille: 0,
        proven: None,
        metrics,
    }
}

fn pass(block: u64, mops: i64) -> Finding {
    finding(block, true, vec![metric("proven-mops", mops)])
}

fn failure(block: u64) -> Finding {
    finding(block, false, vec![metric("unanswered-tasks", 0)])
}

fn silence(block: u64) -> Finding {
    finding(block, false, vec![metric("unanswered-tasks", 1)])
}

fn machine(id: &str, price: u64) -> Machine {
    Machine {
        id: id.to_owned(),
        claimed: Hardware {
            gpus: Vec::new(),
            cpu_model: String::new(),
            cpu_threads: 1,
            memory_mib: 1,
            disk_mib: 1,
            labels: Vec::new(),
        },
        price_micro_usd_per_hour: price,
        rented_permille: 0,
        labels: Vec::new(),
    }
}

fn miner(uid: u16, findings: Vec<Finding>) -> Miner {
    Miner {
        uid,
        hotkey: format!("5Miner{uid}"),
        coldkey: String::new(),
        registered_at: 0,
        address: None,
        machines: vec![machine("", 0)],
        findings,
        availability_permille: 1_000,
        previous_points: 0,
        metrics: Vec::new(),
    }
}

fn points(settings: &Settings, miners: &[Miner]) -> Vec<u64> {
    let scores = evaluate(settings, &epoch(), miners);
    scores.iter().map(|score| score.points).collect()
}

#[test]
fn pay_is_in_proportion_to_what_was_proven() {
    let miners = [
        miner(1, vec![pass(3_500, 900)]),
        miner(2, vec![pass(3_500, 300)]),
    ];
    assert_eq!(points(&bare(), &miners), [900, 300]);
}

#[test]
fn a_square_root_or_a_flat_curve_brings_miners_together() {
    let miners = [
        miner(1, vec![pass(3_500, 400)]),
        miner(2, vec![pass(3_500, 100)]),
    ];
    let with = |curve| {
        settings(&[
            ("availability-weight-permille", "0"),
            ("smoothing-permille", "0"),
            ("curve", curve),
        ])
    };
    assert_eq!(points(&with("sqrt"), &miners), [20_000, 10_000]);
    let flat = points(&with("flat"), &miners);
    assert_eq!(flat[0], flat[1]);
}

#[test]
fn nothing_proven_is_nothing_earned() {
    let miners = [miner(1, vec![]), miner(2, vec![pass(3_500, 0)])];
    assert_eq!(points(&bare(), &miners), [0, 0]);
}

#[test]
fn a_failed_newest_finding_is_paid_nothing_whatever_came_before() {
    let mut cheat = miner(1, vec![failure(3_590), pass(3_500, 900)]);
    cheat.previous_points = 1_000_000;
    let scores = evaluate(&settings(&[]), &epoch(), &[cheat]);
    assert_eq!(scores[0].points, 0);
    assert!(
        scores[0].reason.contains("block 3590"),
        "{}",
        scores[0].reason
    );
}

#[test]
fn a_pass_after_a_failure_counts_again() {
    let miners = [miner(1, vec![pass(3_590, 900), failure(3_500)])];
    assert_eq!(points(&bare(), &miners), [900]);
}

#[test]
fn a_failed_machine_costs_its_pay_and_what_was_carried_over_but_not_the_others_pay() {
    let mut broken = failure(3_590);
    broken.machine = "second".to_owned();
    let mut one = miner(1, vec![broken, pass(3_500, 900)]);
    one.previous_points = 5_000;
    let mut other = miner(2, vec![pass(3_500, 900)]);
    other.previous_points = 1_000;
    let scores = evaluate(&settings(&[]), &epoch(), &[one, other]);
    assert_eq!(scores[0].points, 900);
    assert!(
        scores[0].reason.contains("1 more failed"),
        "{}",
        scores[0].reason
    );
}

#[test]
fn machines_add_up_but_a_machine_counts_once() {
    let mut second = pass(3_500, 50);
    second.machine = "second".to_owned();
    let miners = [miner(1, vec![pass(3_590, 900), second, pass(3_400, 800)])];
    assert_eq!(points(&bare(), &miners), [950]);
}

fn probe(machine: &str, block: u64, passed: bool) -> Finding {
    Finding {
        challenge: "ssh-probe".to_owned(),
        machine: machine.to_owned(),
        ..finding(block, passed, vec![metric("ssh-login-ms", 5)])
    }
}

#[test]
fn other_challenges_change_no_pay_and_a_probe_is_mentioned() {
    let proven = |uid| miner(uid, vec![pass(3_500, 900)]);
    let mut probed = proven(1);
    let failed_elsewhere = Finding {
        challenge: "challenge-memory".to_owned(),
        ..finding(3_595, false, vec![])
    };
    probed.machines.push(machine("pod-1", 5));
    probed.findings.extend([
        probe("", 3_590, false),
        probe("pod-1", 3_591, true),
        probe("pod-1", 3_400, false),
        failed_elsewhere,
    ]);
    let scores = evaluate(&settings(&[]), &epoch(), &[probed, proven(2)]);
    assert_eq!(scores[0].points, scores[1].points);
    let told = "1 of 2 rented by a validator let it in (ssh-probe)";
    assert!(scores[0].reason.ends_with(told), "{}", scores[0].reason);
    assert!(!scores[1].reason.contains("ssh-probe"));
}

#[test]
fn a_failure_of_the_challenge_that_was_named_counts_whatever_it_reports() {
    let named = settings(&[("challenge", "challenge-matmul")]);
    let failed = miner(1, vec![finding(3_590, false, vec![]), pass(3_500, 900)]);
    assert_eq!(points(&named, &[failed]), [0]);
}

#[test]
fn whoever_goes_silent_fades_and_is_told() {
    let steady = |uid| {
        let mut miner = miner(uid, vec![pass(3_590, 900)]);
        miner.previous_points = 900;
        miner
    };
    for findings in [vec![pass(100, 900)], vec![silence(3_590), pass(3_200, 900)]] {
        let mut silent = steady(2);
        silent.findings = findings;
        let scores = evaluate(&settings(&[]), &epoch(), &[steady(1), silent]);
        let (kept, faded) = (scores[0].points, scores[1].points);
        assert!(0 < faded && faded * 3 < kept, "{faded} of {kept}");
        assert!(
            scores[1].reason.starts_with("fading"),
            "{}",
            scores[1].reason
        );
    }
}

#[test]
fn a_floor_pays_nothing_below_it_not_even_what_was_carried_over() {
    let mut slow = miner(1, vec![pass(3_590, 99)]);
    slow.previous_points = 10_000;
    let scores = evaluate(&settings(&[("floor-mops", "100")]), &epoch(), &[slow]);
    assert_eq!(scores[0].points, 0);
    assert!(
        scores[0].reason.contains("floor-mops is 100"),
        "{}",
        scores[0].reason
    );
}

#[test]
fn availability_weighs_as_much_as_it_is_told_to() {
    let mut half = miner(1, vec![pass(3_590, 1_000)]);
    half.availability_permille = 500;
    let with = |weight| {
        settings(&[
            ("availability-weight-permille", weight),
            ("smoothing-permille", "0"),
        ])
    };
    assert_eq!(points(&with("0"), std::slice::from_ref(&half)), [1_000]);
    assert_eq!(points(&with("400"), std::slice::from_ref(&half)), [800]);
    assert_eq!(points(&with("1000"), &[half]), [500]);
}

#[test]
fn a_price_weight_turns_the_ranking_over() {
    let mut fast = miner(1, vec![pass(3_590, 1_000)]);
    fast.machines = vec![machine("", 4_000_000)];
    let mut cheap = miner(2, vec![pass(3_590, 500)]);
    cheap.machines = vec![machine("", 500_000)];
    let miners = [fast, cheap];
    assert_eq!(points(&bare(), &miners), [1_000, 500]);
    let by_price = settings(&[
        ("availability-weight-permille", "0"),
        ("smoothing-permille", "0"),
        ("price-weight-permille", "1000"),
    ]);
    assert_eq!(points(&by_price, &miners), [250, 500]);
}

#[test]
fn last_epoch_s_points_count_as_shares_whatever_their_unit() {
    let with = |unit: u64| {
        let mut one = miner(1, vec![pass(3_590, 1_000)]);
        one.previous_points = unit;
        let mut other = miner(2, vec![pass(3_590, 1_000)]);
        other.previous_points = 3 * unit;
        points(&settings(&[]), &[one, other])
    };
    assert_eq!(with(1), with(1_000_000_000));
    // 0.7 * 1000 + 0.3 * a quarter, or three, of 2000.
    assert_eq!(with(1), [850, 1_150]);
}

#[test]
fn the_longer_the_validator_was_away_the_less_is_carried_over() {
    let mut one = miner(1, vec![pass(3_590, 1_000)]);
    one.previous_points = 0;
    let mut other = miner(2, vec![pass(3_590, 1_000)]);
    other.previous_points = 1_000;
    let at = |previous_block| {
        let mut epoch = epoch();
        epoch.previous_block = previous_block;
        evaluate(&settings(&[]), &epoch, &[one.clone(), other.clone()])[0].points
    };
    assert_eq!(at(Some(3_240)), 700);
    assert_eq!(at(Some(3_600 - 720)), 910);
    assert_eq!(at(None), 1_000);
}

#[test]
fn a_swap_of_settings_cannot_make_an_epoch_fail() {
    let odd = Miner {
        previous_points: u64::MAX,
        availability_permille: u16::MAX,
        machines: vec![machine("", u64::MAX)],
        ..miner(1, vec![pass(u64::MAX, i64::MAX), pass(0, i64::MIN)])
    };
    let miners = [odd.clone(), odd, miner(2, vec![pass(3_590, 5)])];
    for curve in ["linear", "sqrt", "flat"] {
        let settings = settings(&[("curve", curve), ("price-weight-permille", "500")]);
        let scores = evaluate(&settings, &epoch(), &miners);
        assert_eq!(scores.len(), 2, "a uid that is there twice is scored once");
        assert!(scores[1].points > 0);
    }
}

fn any_finding() -> impl Strategy<Value = Finding> {
    (
        any::<u64>(),
        any::<bool>(),
        any::<i64>(),
        0..3_u8,
        any::<bool>(),
    )
        .prop_map(|(block, passed, value, machine, near)| {
            let name = if passed {
                "proven-mops"
            } else {
                "unanswered-tasks"
            };
            let block = if near { 3_600 - block % 400 } else { block };
            Finding {
                machine: machine.to_string(),
                ..finding(block, passed, vec![metric(name, value)])
            }
        })
}

fn any_miner(uid: u16) -> impl Strategy<Value = Miner> {
    let findings = prop::collection::vec(any_finding(), 0..6);
    (findings, any::<u16>(), any::<u64>(), any::<u64>()).prop_map(
        move |(findings, availability, previous, price)| Miner {
            availability_permille: availability,
            previous_points: previous,
            machines: vec![machine("0", price)],
            ..miner(uid, findings)
        },
    )
}

fn any_miners() -> impl Strategy<Value = Vec<Miner>> {
    (any_miner(1), any_miner(2), any_miner(3), any_miner(4))
        .prop_map(|(a, b, c, d)| vec![a, b, c, d])
}

fn by_uid(scores: Vec<Score>) -> Vec<(u16, u64, String)> {
    let mut rows: Vec<_> = scores
        .into_iter()
        .map(|score| (score.uid, score.points, score.reason))
        .collect();
    rows.sort();
    rows
}

proptest! {
    #[test]
    fn any_data_is_scored_without_a_panic_each_uid_once_with_a_reason(
        miners in any_miners(),
        previous_block in any::<Option<u64>>(),
        curve in prop::sample::select(vec!["linear", "sqrt", "flat"]),
    ) {
        let mut epoch = epoch();
        epoch.previous_block = previous_block;
        let settings = settings(&[("curve", curve), ("price-weight-permille", "300")]);
        let scores = evaluate(&settings, &epoch, &miners);
        prop_assert_eq!(scores.len(), miners.len());
        for score in scores {
            prop_assert!(!score.reason.is_empty() && score.reason.len() < 300);
            prop_assert!(!score.reason.contains(char::is_control));
        }
    }

    #[test]
    fn the_order_of_the_miners_does_not_matter(miners in any_miners()) {
        let mut reversed = miners.clone();
        reversed.reverse();
        let settings = settings(&[]);
        prop_assert_eq!(
            by_uid(evaluate(&settings, &epoch(), &miners)),
            by_uid(evaluate(&settings, &epoch(), &reversed))
        );
    }

    #[test]
    fn only_ratios_of_what_was_proven_matter(
        proven in prop::collection::vec(1_000..1_000_000_i64, 2..6),
        factor in 2..1_000_i64,
    ) {
        let scored = |factor: i64| {
            let miners: Vec<_> = (0..).zip(&proven)
                .map(|(uid, mops)| miner(uid, vec![pass(3_590, mops * factor)]))
                .collect();
            points(&bare(), &miners)
        };
        let scaled: Vec<_> = scored(1).iter().map(|p| p * factor.unsigned_abs()).collect();
        prop_assert_eq!(scored(factor), scaled);
    }

    #[test]
    fn one_miner_s_failure_or_silence_does_not_cost_another_its_pay(odd in any_miner(9)) {
        let good = miner(1, vec![pass(3_590, 1_000)]);
        let scores = evaluate(&bare(), &epoch(), &[odd, good]);
        prop_assert_eq!(scores[1].points, 1_000);
    }
}
