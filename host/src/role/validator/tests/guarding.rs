//! Weights that change too much wait for somebody to look.

use super::fakes::points;
use super::*;
use crate::subnet::evidence::{WeightsRecord, WeightsState};
use crate::subnet::guard::Limits;
use crate::subnet::weights::Weights;

const MINERS: Uid = 10;

/// Everybody was paid alike in epoch 9; the guard is on.
fn world() -> World {
    let mut world = World::new(MINERS, 1);
    world.guard = Arc::new(guard::Guard::new(Some(Limits::default())));
    let record = WeightsRecord {
        epoch: 9,
        weights: alike(),
        state: WeightsState::Confirmed(100),
        held_epochs: 0,
    };
    world.store.record_weights(&record).unwrap();
    world
}

fn alike() -> Weights {
    Weights((1..=MINERS).map(|uid| (uid, u16::MAX)).collect())
}

async fn score(world: &World, head: u64) -> WeightsRecord {
    world.chain.head(head);
    let metagraph = world.chain.now();
    let mut validator = world.validator();
    validator.score_if_due(head, &metagraph).await.unwrap();
    world.store.last_weights().unwrap().unwrap()
}

fn next_epoch(world: &World, epoch: u64) {
    world.chain.with(|state| {
        state.metagraph.epoch = epoch;
        state.metagraph.next_epoch_block = Some(10 * epoch + 10);
    });
}

#[tokio::test]
async fn a_policy_that_pays_one_alone_is_held_and_the_old_weights_go_out() {
    let world = world();
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    let record = score(&world, 108).await;
    assert_eq!((record.epoch, record.held_epochs), (10, 1));
    assert_eq!(record.weights, alike());
    let held = world.guard.held().unwrap();
    assert!(held.objections.iter().any(|why| why.contains("uid 1")));
    assert_eq!(held.change.zeroed.len(), 9);
}

#[tokio::test]
async fn what_an_operator_accepts_goes_out_with_the_next_epoch() {
    let world = world();
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    score(&world, 108).await;
    assert!(world.guard.accept().unwrap().is_some());
    assert!(world.guard.accept().unwrap().is_none());
    next_epoch(&world, 11);
    let record = score(&world, 118).await;
    assert_eq!((record.epoch, record.held_epochs), (11, 0));
    assert_eq!(record.weights.0, [(1, u16::MAX)]);
    assert_eq!(world.guard.held(), None);
}

#[tokio::test]
async fn what_is_held_and_what_was_accepted_outlive_a_restart() {
    let mut world = world();
    world.guard.remember_in(world.store.clone()).unwrap();
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    score(&world, 108).await;
    let held = world.guard.held();
    assert!(held.is_some());
    let restart = |world: &mut World| {
        world.guard = Arc::new(guard::Guard::new(Some(Limits::default())));
        world.guard.remember_in(world.store.clone()).unwrap();
    };
    restart(&mut world);
    assert_eq!(world.guard.held(), held);
    assert_eq!(world.guard.accept().unwrap(), held);
    restart(&mut world);
    assert_eq!(world.guard.held(), None);
    next_epoch(&world, 11);
    let record = score(&world, 118).await;
    assert_eq!((record.epoch, record.held_epochs), (11, 0));
    assert_eq!(record.weights.0, [(1, u16::MAX)]);
}

#[tokio::test]
async fn limits_that_were_changed_count_from_the_next_epoch_on() {
    let world = world();
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    assert_eq!(score(&world, 108).await.held_epochs, 1);
    world.guard.set_limits(None);
    next_epoch(&world, 11);
    assert_eq!(score(&world, 118).await.held_epochs, 0);
}

#[tokio::test]
async fn a_guard_that_held_for_too_long_sets_nothing_any_more() {
    let world = world();
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    for epoch in 10..13 {
        next_epoch(&world, epoch);
        let record = score(&world, 10 * epoch + 8).await;
        assert_eq!((record.epoch, record.weights), (epoch, alike()));
    }
    next_epoch(&world, 13);
    assert_eq!(score(&world, 138).await.epoch, 12);
    assert_eq!(world.guard.held().unwrap().epochs, 4);
}

#[tokio::test]
async fn a_uid_that_changed_hands_gets_nothing_of_what_was_its_predecessor_s() {
    let world = world();
    world
        .chain
        .with(|state| state.metagraph.neurons[3].registered_at = 101);
    let only_one = points(|uid| u64::from(uid == 1));
    world.plugins.swap("greedy", only_one);
    let record = score(&world, 108).await;
    assert!(!record.weights.uids().contains(&3));
    assert_eq!(record.weights.0.len(), 9);
}

#[tokio::test]
async fn a_small_change_and_a_guard_that_is_off_let_weights_through() {
    let world = world();
    world
        .plugins
        .swap("fair", points(|uid| 100 + u64::from(uid)));
    assert_eq!(score(&world, 108).await.held_epochs, 0);
    let mut off = self::world();
    off.guard = Arc::default();
    off.plugins
        .swap("greedy", points(|uid| u64::from(uid == 1)));
    assert_eq!(score(&off, 108).await.weights.0, [(1, u16::MAX)]);
}
