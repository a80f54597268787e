//! How weights reach the chain, once.

use super::fakes::plugin;
use super::*;
use crate::role::testing::Fate;
use crate::subnet::evidence::{EpochRecord, WeightsRecord, WeightsState};
use crate::subnet::scoring::{Epoch, Evidence};
use crate::subnet::weights::Weights;

pub(super) fn vector() -> Weights {
    Weights(vec![(1, u16::MAX), (2, 7)])
}

/// Epoch 10 was scored at block 98 and its weights were about to be sent.
pub(super) fn intended(world: &World) {
    let epoch = Epoch {
        netuid: 1,
        mechanism: 0,
        number: 10,
        block: 98,
        previous_block: None,
        burn_uid: None,
        metrics: Vec::new(),
    };
    let evidence = Evidence {
        epoch,
        miners: Vec::new(),
        memory: Vec::new(),
    };
    let outcome = crate::subnet::scoring::Outcome {
        scores: Vec::new(),
        memory: Vec::new(),
    };
    let scored = EpochRecord {
        policy: plugin("stake"),
        evidence,
        outcome: Ok(outcome),
        fuel: 1,
    };
    world.store.record_epoch(&scored).unwrap();
    let weights = WeightsRecord {
        epoch: 10,
        weights: vector(),
        state: WeightsState::Intended,
        held_epochs: 0,
    };
    world.store.record_weights(&weights).unwrap();
}

pub(super) fn state(world: &World) -> WeightsState {
    world.store.last_weights().unwrap().unwrap().state
}

pub(super) fn sent(world: &World) -> usize {
    world.chain.with(|state| state.sent.len())
}

#[tokio::test]
async fn weights_that_landed_before_a_crash_are_not_sent_again() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| {
        state.weights = vector();
        state.metagraph.neurons[0].last_update = 99;
    });
    world.validator().settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Confirmed(100));
    assert_eq!(sent(&world), 0);
}

#[tokio::test]
async fn the_same_weights_from_an_earlier_epoch_have_not_landed() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| {
        state.weights = vector();
        state.metagraph.neurons[0].last_update = 97;
    });
    world.validator().settle_weights().await.unwrap();
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn weights_that_never_left_are_sent_after_a_crash() {
    let world = World::new(2, 1);
    intended(&world);
    let mut validator = world.validator();
    validator.settle_weights().await.unwrap();
    validator.settle_weights().await.unwrap();
    assert_eq!(world.chain.with(|state| state.sent.clone()), [vector()]);
    assert_eq!(state(&world), WeightsState::Confirmed(100));
}

#[tokio::test]
async fn weights_in_a_block_are_confirmed_only_from_storage() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| state.fate = Fate::Delayed);
    let mut validator = world.validator();
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Included(100));
    world.chain.head(101);
    world.chain.land();
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Confirmed(101));
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn after_a_lost_answer_it_looks_before_it_sends() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| state.fate = Fate::Unanswered);
    let mut validator = world.validator();
    assert!(validator.settle_weights().await.is_err());
    assert_eq!(state(&world), WeightsState::Intended);
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Confirmed(100));
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn weights_that_were_refused_five_times_are_given_up() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| state.fate = Fate::Refused);
    let mut validator = world.validator();
    for _ in 0..4 {
        validator.settle_weights().await.unwrap();
        assert_eq!(state(&world), WeightsState::Intended);
    }
    for _ in 0..3 {
        validator.settle_weights().await.unwrap();
        assert_eq!(state(&world), WeightsState::Abandoned);
    }
    assert_eq!(sent(&world), 5);
}

#[tokio::test]
async fn the_rate_limit_is_waited_for() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| {
        state.metagraph.rules.weights_rate_limit = 20;
        state.metagraph.neurons[0].last_update = 85;
    });
    let mut validator = world.validator();
    for head in 100..104 {
        world.chain.head(head);
        validator.settle_weights().await.unwrap();
        assert_eq!(sent(&world), 0, "at {head}");
    }
    world.chain.head(104);
    validator.settle_weights().await.unwrap();
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn weights_that_may_be_on_their_way_are_waited_for() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| state.fate = Fate::Lost);
    let mut validator = world.validator();
    assert!(validator.settle_weights().await.is_err());
    world.chain.with(|state| state.fate = Fate::Lands);
    for head in 150..158 {
        world.chain.head(head);
        validator.settle_weights().await.unwrap();
        assert_eq!(sent(&world), 1, "at {head}");
    }
    world.chain.head(158);
    validator.settle_weights().await.unwrap();
    assert_eq!(sent(&world), 2);
    assert_eq!(state(&world), WeightsState::Confirmed(158));
}

#[tokio::test]
async fn weights_may_be_an_epoch_late_without_who_came_since() {
    let world = World::new(2, 1);
    intended(&world);
    world.chain.with(|state| {
        state.metagraph.epoch = 11;
        state.metagraph.neurons[1].registered_at = 99;
    });
    world.validator().settle_weights().await.unwrap();
    let late = Weights(vec![(2, u16::MAX)]);
    assert_eq!(world.chain.with(|state| state.sent.clone()), [late.clone()]);
    let record = world.store.last_weights().unwrap().unwrap();
    assert_eq!(record.weights, late);
    assert_eq!(record.state, WeightsState::Confirmed(100));
}

#[tokio::test]
async fn weights_are_scaled_as_the_chain_scales_them() {
    let world = World::new(2, 1);
    intended(&world);
    let mut record = world.store.last_weights().unwrap().unwrap();
    record.weights = Weights(vec![(1, 30_000), (2, 15_000)]);
    world.store.record_weights(&record).unwrap();
    world.validator().settle_weights().await.unwrap();
    let scaled = Weights(vec![(1, u16::MAX), (2, 32_768)]);
    assert_eq!(world.chain.with(|state| state.sent.clone()), [scaled]);
    assert_eq!(state(&world), WeightsState::Confirmed(100));
}

#[tokio::test]
async fn weights_that_are_two_epochs_late_or_have_a_successor_are_given_up() {
    for newer in [false, true] {
        let world = World::new(2, 1);
        intended(&world);
        match newer {
            false => world.chain.with(|state| state.metagraph.epoch = 12),
            true => {
                let next = WeightsRecord {
                    epoch: 11,
                    weights: vector(),
                    state: WeightsState::Confirmed(109),
                    held_epochs: 0,
                };
                world.store.record_weights(&next).unwrap();
            }
        }
        world.validator().settle_weights().await.unwrap();
        assert_eq!(world.store.unsettled_weights().unwrap(), []);
        assert_eq!(sent(&world), 0);
    }
}
