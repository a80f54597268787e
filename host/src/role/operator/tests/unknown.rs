//! Nothing stays unknown for ever, and a wish to end is not forgotten.

use super::*;

fn newest(world: &World) -> Rental {
    world.ledger.recent(None, 1).unwrap().remove(0)
}

async fn settled_after(world: &World, seconds: u64) -> &'static str {
    world.passes(seconds);
    world.api.book.settle().await;
    newest(world).phase.as_str()
}

#[tokio::test]
async fn what_is_ended_before_anybody_knows_of_it_is_ended_once_it_is_found() {
    let world = World::new();
    world.behaves(1, Manner::Vanishes);
    world.rent("k").await.unwrap();
    world.behaves(1, Manner::Deaf);
    let held = world.ask("end", json!({"key": "k"})).await.unwrap();
    assert_eq!(held["rental"]["state"], "unknown");
    assert!(held["note"].is_string());
    world.behaves(1, Manner::Lets);
    world.calls();
    assert_eq!(settled_after(&world, 15).await, "ended");
    assert_eq!(world.calls(), [(1, "end")]);
}

#[tokio::test]
async fn what_is_ended_and_never_began_was_never_taken() {
    let world = World::new();
    world.behaves(1, Manner::Deaf);
    world.rent("k").await.unwrap();
    world.ask("end", json!({"key": "k"})).await.unwrap();
    world.behaves(1, Manner::Lets);
    assert_eq!(settled_after(&world, 15).await, "unknown");
    assert_eq!(settled_after(&world, 15).await, "refused");
    assert_eq!(newest(&world).cost_micro_usd(), 0);
}

#[tokio::test]
async fn a_wish_to_end_outlives_a_restart_between() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let mut line = newest(&world);
    (line.phase, line.instance) = (Phase::Ordered, None);
    line.labels = vec![Label {
        name: "end-wanted".to_owned(),
        value: String::new(),
    }];
    world.ledger.update(&line).unwrap();
    world.calls();
    assert_eq!(settled_after(&world, 0).await, "ended");
    assert_eq!(world.calls(), [(1, "end")]);
}

#[tokio::test]
async fn an_order_whose_miner_never_comes_back_is_over_an_hour_after_its_time() {
    let world = World::new();
    world.behaves(1, Manner::Deaf);
    world.rent("k").await.unwrap();
    assert_eq!(settled_after(&world, 600 + 3_599).await, "unknown");
    world.calls();
    assert_eq!(settled_after(&world, 1).await, "ended");
    assert_eq!(world.calls(), [(1, "show")], "it is looked at before");
    let line = newest(&world);
    assert_eq!(line.cost_micro_usd(), 2, "it may have run: it counts");
    assert_eq!(line.over_at, Some(1_600));
}

#[tokio::test]
async fn a_miner_that_ends_nothing_is_not_listened_to_for_ever() {
    let world = World::new();
    world.rent("k").await.unwrap();
    world.behaves(1, Manner::Clings);
    let held = world.ask("end", json!({"key": "k"})).await.unwrap();
    assert_eq!(held["rental"]["state"], "ending");
    assert_eq!(settled_after(&world, 600 + 3_599).await, "ending");
    assert_eq!(settled_after(&world, 1).await, "ended");
    assert_eq!(newest(&world).cost_micro_usd(), 2);
}

#[tokio::test]
async fn a_miner_with_another_clock_is_held_to_ours() {
    let world = World::new();
    world.passes(100_000);
    let held = world.rent("k").await.unwrap();
    assert_eq!(held["rental"]["began_at"], 101_000);
    assert_eq!(held["rental"]["ends_at"], 101_600);
}
