//! When an epoch is scored, and what its policy is told.

use super::fakes::{FakePolicy, plugin, points, verdict};
use super::*;
use crate::subnet::chain::testing::neuron;
use crate::subnet::challenge::Session;
use crate::subnet::evidence::{SessionRecord, WeightsState};
use crate::subnet::plugin::PluginError;
use crate::subnet::scoring::Evidence;

/// What a validator does at `head`, as far as scoring goes.
async fn score(validator: &mut Validator, world: &World, head: u64) {
    world.chain.head(head);
    let metagraph = world.chain.now();
    validator.score_if_due(head, &metagraph).await.unwrap();
}

/// The next epoch, of the blocks from 110 to 120, is under way.
fn next_epoch(world: &World) {
    world.chain.with(|state| {
        state.metagraph.epoch = 11;
        state.metagraph.next_epoch_block = Some(120);
    });
}

fn last_given(policy: &FakePolicy) -> Evidence {
    policy.given.lock().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn an_epoch_is_scored_once_and_near_its_end() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    let mut validator = world.validator();
    score(&mut validator, &world, 106).await;
    assert_eq!(policy.times(), 0);
    for head in 107..110 {
        score(&mut validator, &world, head).await;
    }
    score(&mut world.validator(), &world, 109).await;
    assert_eq!(policy.times(), 1);
    let weights = world.store.last_weights().unwrap().unwrap();
    assert_eq!((weights.epoch, weights.state), (10, WeightsState::Intended));
    assert_eq!(weights.weights.0, [(1, u16::MAX), (2, u16::MAX)]);
}

#[tokio::test]
async fn an_epoch_whose_end_passed_unseen_is_scored_late_and_once() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    let mut validator = world.validator();
    score(&mut validator, &world, 100).await;
    // The chain was away from 101 to 111.
    next_epoch(&world);
    for head in 112..115 {
        score(&mut validator, &world, head).await;
    }
    let numbers = |policy: &FakePolicy| -> Vec<u64> {
        let given = policy.given.lock().unwrap();
        given.iter().map(|given| given.epoch.number).collect()
    };
    assert_eq!(numbers(&policy), [10]);
    score(&mut validator, &world, 117).await;
    assert_eq!(numbers(&policy), [10, 11]);
}

#[tokio::test]
async fn a_missed_epoch_does_not_cost_the_next_one_its_weights() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    let mut validator = world.validator();
    score(&mut validator, &world, 100).await;
    next_epoch(&world);
    // Weights set at 113 would bar the way until 123, and the next are due at 117.
    world
        .chain
        .with(|state| state.metagraph.rules.weights_rate_limit = 10);
    score(&mut validator, &world, 113).await;
    assert_eq!(policy.times(), 0);
}

#[tokio::test]
async fn an_epoch_in_which_the_node_did_not_run_is_not_scored() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    next_epoch(&world);
    score(&mut world.validator(), &world, 112).await;
    assert_eq!(policy.times(), 0);
}

#[tokio::test]
async fn a_policy_that_fails_leaves_the_weights_until_another_is_swapped_in() {
    let world = World::new(2, 1);
    let bad = world
        .plugins
        .swap("bad", |_| Err(PluginError::OutOfFuel(9)));
    let mut validator = world.validator();
    score(&mut validator, &world, 107).await;
    score(&mut validator, &world, 108).await;
    assert_eq!(bad.times(), 1);
    assert_eq!(world.store.last_weights(), Ok(None));
    let good = world.plugins.swap("good", points(|_| 1));
    score(&mut validator, &world, 109).await;
    assert_eq!(good.times(), 1);
    assert!(world.store.last_weights().unwrap().is_some());
}

#[tokio::test]
async fn points_that_are_all_zero_set_nothing() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("strict", points(|_| 0));
    let mut validator = world.validator();
    score(&mut validator, &world, 108).await;
    score(&mut validator, &world, 109).await;
    validator.settle_weights().await.unwrap();
    assert_eq!(policy.times(), 1);
    assert_eq!(world.store.last_weights(), Ok(None));
    assert!(world.chain.with(|state| state.sent.is_empty()));
}

#[tokio::test]
async fn a_crash_between_scoring_and_proposing_costs_no_weights() {
    let world = World::new(2, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    let mut scored = world.validator();
    score(&mut scored, &world, 107).await;
    let epoch = world.store.epoch(10).unwrap().unwrap();
    drop(scored);

    let after = World::new(2, 1);
    after.plugins.swap("stake", points(|_| 1));
    after.store.record_epoch(&epoch).unwrap();
    score(&mut after.validator(), &after, 108).await;
    let weights = after.store.last_weights().unwrap().unwrap();
    assert_eq!(weights, world.store.last_weights().unwrap().unwrap());
    assert_eq!(policy.times(), 1);
}

#[tokio::test]
async fn points_follow_the_hotkey_and_not_the_uid() {
    let world = World::new(2, 1);
    let policy = world
        .plugins
        .swap("stake", points(|uid| u64::from(uid) * 7));
    let mut validator = world.validator();
    score(&mut validator, &world, 107).await;
    next_epoch(&world);
    world.chain.with(|state| {
        let mut moved = state.metagraph.neurons[1].clone();
        moved.uid = 3;
        state.metagraph.neurons[1].hotkey = neuron(9).hotkey;
        state.metagraph.neurons.push(moved);
    });
    score(&mut validator, &world, 117).await;
    let previous: Vec<(u16, u64)> = last_given(&policy)
        .miners
        .iter()
        .map(|miner| (miner.uid, miner.previous_points))
        .collect();
    assert_eq!(previous, [(1, 0), (2, 14), (3, 7)]);
}

#[tokio::test]
async fn a_policy_remembers_its_own_epochs_and_no_other_policys() {
    let world = World::new(1, 1);
    let first = world.plugins.swap("first", points(|_| 1));
    let mut validator = world.validator();
    score(&mut validator, &world, 107).await;
    assert_eq!(last_given(&first).memory, b"");
    next_epoch(&world);
    score(&mut validator, &world, 117).await;
    assert_eq!(last_given(&first).memory, b"remembered");
    let second = world.plugins.swap("second", points(|_| 1));
    world.chain.with(|state| {
        state.metagraph.epoch = 12;
        state.metagraph.next_epoch_block = Some(130);
    });
    score(&mut validator, &world, 127).await;
    assert_eq!(last_given(&second).memory, b"");
}

/// A verdict on uid 1 at this block.
fn finding(world: &World, block: u64) {
    let id = format!("at-{block}");
    let session = Session {
        id: id.clone(),
        netuid: 1,
        validator: me(),
        uid: 1,
        hotkey: neuron(1).hotkey,
        machine: String::new(),
        block,
        claimed: None,
        seed: [42; 32],
        memory: Vec::new(),
    };
    let generator = plugin("matmul");
    let record = SessionRecord { session, generator };
    world.store.begin_session(&record).unwrap();
    let ending = Ending::Judged(verdict(true));
    world.store.end_session(&id, &ending).unwrap();
}

#[tokio::test]
async fn findings_from_before_a_registration_are_not_counted() {
    let world = World::new(1, 1);
    let policy = world.plugins.swap("stake", points(|_| 1));
    finding(&world, 59);
    finding(&world, 60);
    world
        .chain
        .with(|state| state.metagraph.neurons[1].registered_at = 60);
    score(&mut world.validator(), &world, 107).await;
    let evidence = last_given(&policy);
    let blocks: Vec<u64> = evidence.miners[0]
        .findings
        .iter()
        .map(|it| it.block)
        .collect();
    assert_eq!(blocks, [60]);
}
