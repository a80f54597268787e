//! What is spent is within the caps, whatever miners say.

use super::*;

/// What ten minutes at a dollar an hour cost.
const TEN_MINUTES: u64 = 166_667;

fn purse() -> Purse {
    Purse {
        spend_per_day_micro_usd_max: 1_000_000,
        ..Purse::default()
    }
}

/// Miners 1 to 3 let for a dollar an hour.
fn world(purse: Purse) -> World {
    let world = World::with(purse);
    for uid in 1..=3 {
        world.describes(uid, vec![machine("", 1_000_000)]);
    }
    world
}

fn refused(result: Result<Value, RentError>, key: &str) {
    match result {
        Err(RentError::Forbidden(why)) => {
            assert!(why.contains(&format!("`operator.{key}`")), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_rented_until_a_day_s_sum_is_set() {
    let world = world(Purse::default());
    refused(world.rent("k").await, "spend-per-day-micro-usd-max");
    assert!(world.calls().is_empty());
    assert!(world.ledger.recent(None, 1).unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_asks_no_miner_and_names_the_key() {
    for (capped, key) in [
        (
            Purse {
                price_micro_usd_per_hour_max: 999_999,
                ..purse()
            },
            "price-micro-usd-per-hour-max",
        ),
        (
            Purse {
                spend_per_rental_micro_usd_max: Some(TEN_MINUTES - 1),
                ..purse()
            },
            "spend-per-rental-micro-usd-max",
        ),
        (
            Purse {
                spend_per_renter_day_micro_usd_max: Some(TEN_MINUTES - 1),
                ..purse()
            },
            "spend-per-renter-day-micro-usd-max",
        ),
    ] {
        let world = world(capped);
        refused(world.rent("k").await, key);
        assert!(world.calls().is_empty(), "{key}");
    }
}

#[tokio::test]
async fn two_orders_at_once_do_not_spend_the_same_sum() {
    let world = world(Purse {
        spend_per_day_micro_usd_max: TEN_MINUTES,
        ..purse()
    });
    let (first, second) = tokio::join!(world.rent("a"), world.rent("b"));
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn what_was_refused_costs_nothing_and_what_ended_what_it_took() {
    let world = world(Purse {
        spend_per_day_micro_usd_max: TEN_MINUTES,
        ..purse()
    });
    for uid in 1..=3 {
        world.behaves(uid, Manner::Says(RentError::Full("let".to_owned())));
    }
    assert!(world.rent("a").await.is_err());
    world.behaves(1, Manner::Lets);
    let held = world.rent("b").await.unwrap();
    assert_eq!(held["cost_micro_usd"], TEN_MINUTES);
    refused(world.rent("c").await, "spend-per-day-micro-usd-max");
    world.passes(60);
    let ended = world.ask("end", json!({"key": "b"})).await.unwrap();
    assert_eq!(ended["cost_micro_usd"], 16_667);
}

#[tokio::test]
async fn a_machine_that_became_dearer_waits_for_its_turn() {
    let world = World::new();
    world.behaves(1, Manner::Costs(25));
    world.behaves(2, Manner::Says(RentError::Full("let".to_owned())));
    let max = json!({"price_micro_usd_per_hour_max": 30});
    let held = world.rent_for("k", max).await.unwrap();
    assert_eq!(held["rental"]["price_micro_usd_per_hour"], 25);
    assert_eq!(world.calls(), [(1, "order"), (2, "order"), (1, "order")]);
}

#[tokio::test]
async fn a_price_above_what_the_renter_agreed_to_is_not_paid() {
    let world = World::new();
    for uid in 1..=3 {
        world.behaves(uid, Manner::Costs(31));
    }
    let max = json!({"price_micro_usd_per_hour_max": 30});
    assert!(world.rent_for("k", max).await.is_err());
    assert_eq!(world.calls().len(), 3);
}

#[tokio::test]
async fn a_miner_that_asks_for_more_than_was_agreed_to_is_not_believed() {
    let world = world(purse());
    let before = world.rent("k").await.unwrap();
    world.behaves(1, Manner::Greedy);
    let after = world.ask("show", json!({"key": "k"})).await.unwrap();
    assert_eq!(after["rental"], before["rental"]);
    assert_eq!(after["cost_micro_usd"], before["cost_micro_usd"]);
    let note = after["note"].as_str().unwrap();
    assert!(
        note.contains("10000000 micro-USD an hour for 6000 s"),
        "{note}"
    );
}

#[tokio::test]
async fn more_time_is_within_the_caps_too() {
    let world = world(Purse {
        spend_per_rental_micro_usd_max: Some(2 * TEN_MINUTES),
        ..purse()
    });
    world.rent("k").await.unwrap();
    world.calls();
    let longer = |by_s: u64| json!({"key": "k", "by_s": by_s});
    let refusal = world.ask("extend", longer(601)).await;
    refused(refusal, "spend-per-rental-micro-usd-max");
    assert!(world.calls().is_empty());
    let held = world.ask("extend", longer(600)).await.unwrap();
    assert_eq!(held["cost_micro_usd"], 333_334);
}

#[tokio::test]
async fn an_extension_that_was_refused_is_not_paid_for() {
    let world = world(purse());
    let before = world.rent("k").await.unwrap();
    let why = RentError::Forbidden("no".to_owned());
    world.behaves(1, Manner::Says(why.clone()));
    let longer = json!({"key": "k", "by_s": 600});
    assert_eq!(world.ask("extend", longer).await, Err(why));
    world.behaves(1, Manner::Lets);
    let list = world.ask("list", json!({})).await.unwrap();
    assert_eq!(list["rentals"][0], before);
}

#[tokio::test]
async fn an_extension_whose_answer_is_lost_is_reserved_and_found_again() {
    let world = world(purse());
    world.rent("k").await.unwrap();
    world.behaves(1, Manner::Vanishes);
    let longer = json!({"key": "k", "by_s": 600});
    let lost = world.ask("extend", longer.clone()).await.unwrap_err();
    assert!(matches!(lost, RentError::Upstream(_)), "{lost}");
    let list = world.ask("list", json!({})).await.unwrap();
    assert_eq!(list["rentals"][0]["cost_micro_usd"], 2 * TEN_MINUTES);
    let again = world.ask("extend", longer).await.unwrap_err();
    assert!(matches!(again, RentError::Full(_)), "{again}");
    world.behaves(1, Manner::Lets);
    world.passes(660);
    world.calls();
    world.api.book.settle().await;
    assert_eq!(
        world.calls(),
        [(1, "show")],
        "it is not ended at its old end"
    );
    let list = world.ask("list", json!({})).await.unwrap();
    assert_eq!(list["rentals"][0]["rental"]["ends_at"], 2_200);
}

#[tokio::test]
async fn so_many_are_rented_at_once_and_no_more() {
    let world = World::with(Purse {
        rentals_max: 1,
        ..purse()
    });
    world.rent("a").await.unwrap();
    refused(world.rent("b").await, "rentals-max");
    world.ask("end", json!({"key": "a"})).await.unwrap();
    world.rent("b").await.unwrap();
}
