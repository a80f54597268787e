//! One key is one rental, whatever goes wrong in between.

use super::*;

fn state(held: &Value) -> &str {
    held["rental"]["state"].as_str().unwrap()
}

fn uid(held: &Value) -> u16 {
    uid_of(&held["miner"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn the_cheapest_that_does_not_refuse_is_rented_once() {
    let world = World::new();
    world.behaves(1, Manner::Says(RentError::Full("let".to_owned())));
    let held = world.rent("k").await.unwrap();
    assert_eq!((uid(&held), state(&held)), (2, "running"));
    assert_eq!(world.calls(), [(1, "order"), (2, "order")]);
    let again = world.rent("k").await.unwrap();
    assert_eq!(again, held);
    assert_eq!(world.calls(), [(2, "show")]);
}

#[tokio::test]
async fn an_order_that_nobody_takes_is_refused_and_stays_so() {
    let world = World::new();
    for uid in 1..=3 {
        world.behaves(uid, Manner::Says(RentError::PriceRose(99)));
    }
    let refused = world.rent("k").await.unwrap_err();
    assert!(matches!(refused, RentError::Full(_)), "{refused}");
    assert_eq!(world.calls().len(), 3);
    let again = world.rent("k").await.unwrap();
    assert_eq!(state(&again), "refused");
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_lost_buys_nothing_elsewhere_and_is_found_again() {
    let world = World::new();
    world.behaves(1, Manner::Vanishes);
    let held = world.rent("k").await.unwrap();
    assert_eq!((uid(&held), state(&held)), (1, "unknown"));
    assert_eq!(world.calls(), [(1, "order")]);
    world.behaves(1, Manner::Lets);
    world.passes(15);
    world.api.book.settle().await;
    let shown = world.ask("show", json!({"key": "k"})).await.unwrap();
    assert_eq!(state(&shown), "running");
}

#[tokio::test]
async fn an_order_that_never_arrived_is_given_up_after_two_looks() {
    let world = World::new();
    world.behaves(1, Manner::Deaf);
    assert_eq!(state(&world.rent("k").await.unwrap()), "unknown");
    world.behaves(1, Manner::Lets);
    let state_after = async |seconds: u64| {
        world.passes(seconds);
        world.api.book.settle().await;
        let lines = world.ledger.recent(None, 1).unwrap();
        lines[0].phase.as_str()
    };
    assert_eq!(state_after(14).await, "unknown");
    assert_eq!(state_after(1).await, "unknown");
    assert_eq!(state_after(14).await, "unknown");
    assert_eq!(state_after(1).await, "refused");
    let asked = world.calls();
    assert_eq!(asked, [(1, "order"), (1, "show"), (1, "show")]);
}

#[tokio::test]
async fn what_was_ordered_when_the_node_died_is_looked_up() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let mut line = world.ledger.recent(None, 1).unwrap().remove(0);
    (line.phase, line.instance) = (Phase::Ordered, None);
    world.ledger.update(&line).unwrap();
    world.api.book.settle().await;
    assert_eq!(world.calls(), [(1, "order"), (1, "show")]);
    assert_eq!(
        world.ledger.recent(None, 1).unwrap()[0].phase,
        Phase::Running
    );
}

#[tokio::test]
async fn an_end_reaches_its_miner_sooner_or_later() {
    let world = World::new();
    world.rent("k").await.unwrap();
    world.behaves(1, Manner::Deaf);
    let held = world.ask("end", json!({"key": "k"})).await.unwrap();
    assert_eq!(state(&held), "ending");
    assert!(held["note"].is_string());
    world.behaves(1, Manner::Lets);
    world.api.book.settle().await;
    let list = world.ask("list", json!({})).await.unwrap();
    assert_eq!(state(&list["rentals"][0]), "ended");
    let calls = world.calls();
    assert_eq!(calls, [(1, "order"), (1, "end"), (1, "end")]);
}

#[tokio::test]
async fn a_rental_whose_time_is_over_is_ended() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let longer = json!({"key": "k", "by_s": 100});
    let held = world.ask("extend", longer).await.unwrap();
    assert_eq!(held["rental"]["ends_at"], 1_700);
    world.passes(759);
    world.api.book.settle().await;
    assert_eq!(world.calls(), [(1, "order"), (1, "extend")]);
    world.passes(1);
    world.api.book.settle().await;
    assert_eq!(world.calls(), [(1, "end")]);
    assert!(world.ledger.live().unwrap().is_empty());
}

#[tokio::test]
async fn another_key_sees_nothing_of_it() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let other = AccountId([43; 32]);
    let body = br#"{"key":"k"}"#;
    for operation in ["show", "end"] {
        let answer = world.api.operate(&other, operation, body).await;
        assert_eq!(answer, Err(RentError::NoSuchRental));
    }
    let list = world.api.operate(&other, "list", b"").await.unwrap();
    assert_eq!(list, br#"{"rentals":[]}"#);
}
