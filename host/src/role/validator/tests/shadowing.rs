//! A policy on trial sees what it would have seen, and decides nothing.

use super::fakes::points;
use super::*;
use crate::subnet::plugin::PluginError;
use crate::subnet::scoring::Outcome;

async fn score(world: &World, epoch: u64) {
    let head = 10 * epoch + 8;
    world.chain.with(|state| {
        state.metagraph.epoch = epoch;
        state.metagraph.next_epoch_block = Some(10 * epoch + 10);
    });
    world.chain.head(head);
    let metagraph = world.chain.now();
    // Each time another process: what it knows is on disk.
    let mut validator = world.validator();
    validator.score_if_due(head, &metagraph).await.unwrap();
}

#[tokio::test]
async fn a_shadow_is_recorded_and_the_weights_are_the_active_policy_s() {
    let world = World::new(2, 1);
    world.plugins.swap("fair", points(|_| 1));
    world
        .plugins
        .beside("greedy", points(|uid| u64::from(uid == 1)));
    score(&world, 10).await;
    let weights = world.store.last_weights().unwrap().unwrap();
    assert_eq!(weights.weights.0, [(1, u16::MAX), (2, u16::MAX)]);
    let shadow = world.store.last_shadow().unwrap().unwrap();
    assert_eq!((shadow.number, shadow.policy.name.as_str()), (10, "greedy"));
    assert_eq!(shadow.change.zeroed, [2]);
    assert_eq!(shadow.change.moved_ppm, 500_000);
}

#[tokio::test]
async fn a_shadow_goes_on_from_its_own_points_and_memory() {
    let world = World::new(1, 1);
    world.plugins.swap("fair", points(|_| 1));
    let shadow = world.plugins.beside("trial", |evidence| {
        let scored = points(|_| 77)(evidence)?;
        Ok(Outcome {
            memory: vec![evidence.memory.len() as u8 + 1],
            ..scored
        })
    });
    score(&world, 10).await;
    score(&world, 11).await;
    let given = shadow.given.lock().unwrap();
    assert_eq!(given[1].memory, [1]);
    assert_eq!(given[1].miners[0].previous_points, 77);
}

#[tokio::test]
async fn a_shadow_that_fails_costs_nobody_the_epoch() {
    let world = World::new(1, 1);
    world.plugins.swap("fair", points(|_| 1));
    world
        .plugins
        .beside("bad", |_| Err(PluginError::Trapped("unreachable".into())));
    score(&world, 10).await;
    assert!(world.store.last_weights().unwrap().is_some());
    let shadow = world.store.last_shadow().unwrap().unwrap();
    assert!(shadow.outcome.is_err_and(|why| why.contains("crashed")));
}
