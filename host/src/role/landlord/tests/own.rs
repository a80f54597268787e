//! The machine the node runs on: it costs its operator nothing.

use super::lives::{only, told};
use super::world::*;
use crate::subnet::letting::Rules;
use crate::subnet::rental::{Landlord as _, RentError, RentRequest};

const OWN: &str = "provider-local";

/// Nothing may be spent.
fn own_rules() -> Rules {
    Rules {
        own_price_micro_usd_per_hour: 1_000,
        call_timeout_s: 0,
        ..Rules::default()
    }
}

fn wanted(key: &str) -> RentRequest {
    RentRequest {
        machine: String::new(),
        ..request(key)
    }
}

/// A world with one machine, which is the node's own and costs nothing.
fn at_home(world: &World) {
    let mut state = world.state();
    (state.adapters, state.price, state.capacity) = (vec![OWN], 0, 1);
}

#[test]
fn the_own_machine_is_let_at_its_price_though_nothing_may_be_spent() {
    let (_world, folder) = told(&own_rules(), |lettings, world| async move {
        at_home(&world);
        let lease = lettings.rent(&RENTER, wanted("a")).await.unwrap();
        assert_eq!(lease.price_micro_usd_per_hour, 1_000);
        pass_time(&lettings, &world, 100, 5).await;
        lettings.end(&RENTER, "a").await.unwrap();
        let mut cheap = wanted("b");
        cheap.price_micro_usd_per_hour_max = 999;
        let refused = lettings.rent(&RENTER, cheap).await;
        assert_eq!(refused, Err(RentError::PriceRose(1_000)));
    });
    let rental = only(folder.path());
    assert_eq!(
        (rental.spend_micro_usd_max, rental.cost_micro_usd()),
        (0, 0)
    );
}

#[test]
fn a_cloud_is_held_to_the_caps_whatever_it_says_it_costs() {
    for price in [0, 1] {
        told(&own_rules(), |lettings, world| async move {
            world.state().price = price;
            assert!(lettings.listings().await.is_empty());
            let refused = lettings.rent(&RENTER, request("a")).await;
            assert!(
                matches!(refused, Err(RentError::NoSuchMachine(_))),
                "{refused:?}"
            );
        });
    }
}

#[test]
fn a_machine_that_somebody_has_is_let_and_one_that_is_not_there_is_not() {
    told(&own_rules(), |lettings, world| async move {
        let none = lettings.rent(&RENTER, wanted("a")).await;
        assert!(matches!(none, Err(RentError::NoSuchMachine(_))), "{none:?}");
        at_home(&world);
        world.state().now += 1;
        lettings.rent(&RENTER, wanted("b")).await.unwrap();
        assert!(lettings.listings().await.is_empty());
        let full = lettings.rent(&RENTER, wanted("c")).await;
        assert!(matches!(full, Err(RentError::Full(_))), "{full:?}");
        lettings.end(&RENTER, "b").await.unwrap();
        assert_eq!(lettings.listings().await.len(), 1);
    });
}
