//! A validator from its start to its stop.

use super::fakes::{Happened, points};
use super::*;
use crate::subnet::evidence::WeightsState;

/// The validator at work, and what stops it.
fn start(validator: Validator) -> (JoinHandle<Result<(), NoSlot>>, watch::Sender<bool>) {
    let stop = watch::Sender::new(false);
    let running = tokio::spawn(validator.run(stop.subscribe()));
    (running, stop)
}

#[tokio::test]
async fn a_chain_that_is_away_at_a_head_only_delays() {
    let world = World::new(2, 1);
    world.chain.with(|state| state.away = true);
    let (running, stop) = start(world.validator());
    world.chain.looked(1).await;
    world.chain.head(101);
    world.chain.looked(2).await;
    assert_eq!(world.dendrite.sent(), []);
    world.chain.with(|state| state.away = false);
    world.chain.head(102);
    world.dendrite.until(Happened::Released(2)).await;
    stop.send_replace(true);
    running.await.unwrap().unwrap();
    assert!(world.passed(1) && world.passed(2));
}

#[tokio::test]
async fn a_round_and_an_epoch_end_in_confirmed_weights() {
    let world = World::new(2, 1);
    world.plugins.swap("stake", points(|_| 1));
    let (running, stop) = start(world.validator());
    world.dendrite.until(Happened::Released(2)).await;
    // Due, scored, sent and read back within one step, which stop waits for.
    let looks = *world.chain.looks.borrow();
    world.chain.head(108);
    world.chain.looked(looks + 4).await;
    stop.send_replace(true);
    running.await.unwrap().unwrap();
    let weights = world.store.last_weights().unwrap().unwrap();
    assert_eq!(weights.state, WeightsState::Confirmed(108));
}

#[tokio::test]
async fn a_stop_waits_for_the_sessions_under_way() {
    let world = World::new(2, 1);
    let gate = world.dendrite.hold();
    let (running, stop) = start(world.validator());
    world.dendrite.until(Happened::Sent(2, 0)).await;
    stop.send_replace(true);
    gate.add_permits(2);
    running.await.unwrap().unwrap();
    assert!(world.passed(1) && world.passed(2));
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_drain_time() {
    let world = World::new(2, 1);
    let _never = world.dendrite.hold();
    let mut validator = world.validator();
    validator.drain = Duration::ZERO;
    let (running, stop) = start(validator);
    world.dendrite.until(Happened::Sent(2, 0)).await;
    stop.send_replace(true);
    running.await.unwrap().unwrap();
    let open = world.store.unfinished().unwrap();
    assert!(open.len() == 2 && open.iter().all(|session| session.asked));
}

#[tokio::test]
async fn a_validator_without_a_slot_ends_and_says_what_to_do() {
    let world = World::new(2, 1);
    world.chain.with(|state| state.metagraph.neurons.remove(0));
    let (running, _stop) = start(world.validator());
    let why = running.await.unwrap().unwrap_err();
    assert!(matches!(why, NoSlot::NotRegistered { .. }), "{why}");
    assert!(why.to_string().contains("--register"), "{why}");
}
