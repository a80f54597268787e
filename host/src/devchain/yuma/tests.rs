//! Yuma against cases worked out by hand, and properties for all others.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use proptest::prelude::*;

use super::{Inputs, Outcome, epoch};

/// Validators 0 and 1 with the given stake, miners 2 and 3, all registered at
/// block 1, weights set at 5, epoch at 10.
fn two_and_two(stakes: [u64; 2], weights: [[u16; 2]; 2]) -> Inputs {
    Inputs {
        block: 10,
        activity_cutoff: 100,
        stake: vec![stakes[0], stakes[1], 0, 0],
        permits: vec![true, true, false, false],
        max_validators: 2,
        last_update: vec![5, 5, 1, 1],
        registered: vec![1; 4],
        weights: vec![
            vec![(2, weights[0][0]), (3, weights[0][1])],
            vec![(2, weights[1][0]), (3, weights[1][1])],
            vec![],
            vec![],
        ],
        bonds: vec![vec![]; 4],
        bonds_since: 5,
        kappa: 32_767,
        bonds_penalty: u16::MAX,
        bonds_moving_average: 900_000,
        emission: 1_000_000,
        ..Inputs::default()
    }
}

fn near(actual: u16, share: f64) -> bool {
    (f64::from(actual) / 65_535.0 - share).abs() < 0.0001
}

#[test]
fn validators_that_agree_share_by_stake_and_miners_by_weight() {
    let outcome = epoch(&two_and_two([60, 40], [[3, 1], [3, 1]]));
    assert!(near(outcome.incentive[2], 0.75) && near(outcome.incentive[3], 0.25));
    assert!(near(outcome.dividends[0], 0.6) && near(outcome.dividends[1], 0.4));
    assert_eq!(outcome.consensus[2], outcome.incentive[2]);
    assert!(outcome.validator_trust[0] >= 65_533);
    // Half of a million to each side.
    assert!(outcome.emission[2].abs_diff(375_000) < 10);
    assert!(outcome.emission[0].abs_diff(300_000) < 10);
}

#[test]
fn what_a_minority_gives_above_the_majority_is_clipped() {
    // 0 has 80 %: the majority gives miner 2 all and miner 3 nothing.
    let outcome = epoch(&two_and_two([80, 20], [[1, 0], [0, 1]]));
    assert_eq!(outcome.consensus, [0, 0, 65_535, 0]);
    assert_eq!(outcome.incentive, [0, 0, 65_535, 0]);
    assert_eq!(outcome.dividends, [65_535, 0, 0, 0]);
    assert_eq!(outcome.validator_trust, [65_535, 0, 0, 0]);
}

#[test]
fn a_partial_clip_is_worked_out_as_by_hand() {
    // Weights: 0 gives (0.5, 0.5), 1 gives (0.9, 0.1); stake 0.7 and 0.3.
    // Miner 2: median 0.5; clipped 0.5, 0.5; rank 0.5.
    // Miner 3: median 0.5; 1 keeps its 0.1; rank 0.7 * 0.5 + 0.3 * 0.1 = 0.38.
    let outcome = epoch(&two_and_two([70, 30], [[1, 1], [9, 1]]));
    assert!(near(outcome.consensus[2], 0.5) && near(outcome.consensus[3], 0.5));
    assert!(near(outcome.incentive[2], 0.5 / 0.88));
    assert!(near(outcome.validator_trust[1], 0.6));
    // Bonds: on miner 2 0.7 : 0.3, on miner 3 0.35 : 0.03.
    let first = 0.7 * (0.5 / 0.88) + (0.35 / 0.38) * (0.38 / 0.88);
    assert!(near(outcome.dividends[0], first));
}

#[test]
fn bonds_remember_a_tenth_a_turn() {
    let mut inputs = two_and_two([50, 50], [[1, 0], [1, 0]]);
    inputs.registered = vec![1; 4];
    inputs.bonds = vec![vec![(2, u16::MAX)], vec![], vec![], vec![]];
    // Old: all to validator 0; new: half each; a tenth of the new counts.
    let outcome = epoch(&inputs);
    assert!(near(outcome.dividends[0], 0.95) && near(outcome.dividends[1], 0.05));
    assert_eq!(outcome.bonds[0], [(2, u16::MAX)]);
}

#[test]
fn bonds_on_a_slot_that_changed_hands_are_void() {
    let mut inputs = two_and_two([50, 50], [[1, 0], [1, 0]]);
    inputs.bonds = vec![vec![(2, u16::MAX)], vec![], vec![], vec![]];
    inputs.bonds_since = 1;
    let outcome = epoch(&inputs);
    assert!(near(outcome.dividends[0], 0.5));
}

#[test]
fn only_permitted_active_validators_count() {
    let mut inputs = two_and_two([50, 50], [[1, 0], [0, 1]]);
    inputs.permits[1] = false;
    assert_eq!(epoch(&inputs).incentive, [0, 0, 65_535, 0]);
    let mut inputs = two_and_two([50, 50], [[1, 0], [0, 1]]);
    inputs.activity_cutoff = 3;
    inputs.last_update[0] = 6;
    inputs.block = 9;
    inputs.last_update[0] = 7;
    let outcome = epoch(&inputs);
    assert_eq!(outcome.active[..2], [true, false]);
    assert_eq!(outcome.incentive, [0, 0, 65_535, 0]);
}

#[test]
fn stake_below_the_threshold_has_no_say_and_no_permit() {
    let mut inputs = two_and_two([90, 10], [[1, 0], [1, 0]]);
    inputs.stake_threshold = 50;
    let outcome = epoch(&inputs);
    assert_eq!(outcome.permits, [true, false, false, false]);
    assert_eq!(outcome.dividends, [65_535, 0, 0, 0]);
    inputs.owner = Some(1);
    assert_eq!(epoch(&inputs).permits, [true, true, false, false]);
}

#[test]
fn weights_for_oneself_or_for_a_later_neuron_do_not_count() {
    let mut inputs = two_and_two([50, 50], [[1, 1], [1, 1]]);
    inputs.weights[0].push((0, u16::MAX));
    inputs.registered[3] = 7;
    let outcome = epoch(&inputs);
    assert_eq!(outcome.incentive, [0, 0, 65_535, 0]);
    inputs.owner = Some(0);
    // Half the stake gives all but a little of its weight to itself.
    let incentive = epoch(&inputs).incentive;
    assert!(
        near(incentive[0], 0.5),
        "the owner's own counts: {incentive:?}"
    );
}

#[test]
fn without_weights_emission_goes_by_stake() {
    let mut inputs = two_and_two([75, 25], [[1, 0], [1, 0]]);
    inputs.weights = vec![vec![]; 4];
    let outcome = epoch(&inputs);
    assert_eq!(outcome.incentive, [0; 4]);
    assert_eq!(outcome.validator_emission, [750_000, 250_000, 0, 0]);
    assert_eq!(outcome.server_emission, [0; 4]);
}

#[test]
fn an_empty_subnet_yields_nothing() {
    assert_eq!(epoch(&Inputs::default()), Outcome::default());
}

fn subnets() -> impl Strategy<Value = Inputs> {
    (1_usize..12).prop_flat_map(|size| {
        let uid = 0..u16::try_from(size).unwrap();
        let row = prop::collection::vec((uid, any::<u16>()), 0..size);
        (
            prop::collection::vec(0_u64..1 << 60, size),
            prop::collection::vec(any::<bool>(), size),
            prop::collection::vec(0_u64..20, size),
            prop::collection::vec(0_u64..20, size),
            prop::collection::vec(row.clone(), size),
            prop::collection::vec(row, size),
            any::<u16>(),
            (any::<u16>(), 0_u64..=1_000_000, any::<u64>()),
        )
            .prop_map(
                |(stake, permits, last, registered, weights, bonds, kappa, rest)| Inputs {
                    block: 20,
                    activity_cutoff: 15,
                    owner: Some(0),
                    stake,
                    stake_threshold: 1000,
                    permits,
                    max_validators: 4,
                    last_update: last,
                    registered,
                    weights,
                    bonds,
                    bonds_since: 10,
                    kappa,
                    bonds_penalty: rest.0,
                    bonds_moving_average: rest.1,
                    emission: rest.2,
                },
            )
    })
}

fn adds_up(shares: &[u16]) -> bool {
    let sum: u32 = shares.iter().copied().map(u32::from).sum();
    sum == 0 || (65_535 - 2 * shares.len() as u32..=65_535).contains(&sum)
}

proptest! {
    #[test]
    fn shares_add_up_and_nothing_is_paid_twice(inputs in subnets()) {
        let outcome = epoch(&inputs);
        prop_assert!(adds_up(&outcome.incentive), "{:?}", outcome.incentive);
        prop_assert!(adds_up(&outcome.dividends), "{:?}", outcome.dividends);
        let paid: u128 = outcome.emission.iter().copied().map(u128::from).sum();
        prop_assert!(paid <= u128::from(inputs.emission));
        let voters = outcome.permits.iter().filter(|permit| **permit).count();
        prop_assert!(voters <= usize::from(inputs.max_validators) + 1);
        prop_assert_eq!(epoch(&inputs), outcome);
    }

    #[test]
    fn more_weight_is_never_less_incentive(low in 1_u16..1000, more in 1_u16..1000) {
        let outcome = epoch(&two_and_two([60, 40], [[low + more, low], [low + more, low]]));
        prop_assert!(outcome.incentive[2] > outcome.incentive[3]);
    }
}
