//! Who pays sees everybody's rentals and may end them.

use super::*;
use crate::subnet::rental::Landlord as _;

#[tokio::test]
async fn the_validators_operator_sees_and_ends_what_renters_have() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let lines = world.api.rentals().await.unwrap();
    assert_eq!(lines[0].renter, Renter::Hotkey(operator()));
    let key = &lines[0].order_key;
    let shown = world.api.inspect(&Renter::Operator, key).await.unwrap();
    assert_eq!((&shown.key, shown.state.as_str()), (key, "running"));
    let ended = world.api.end(&Renter::Operator, key).await.unwrap();
    assert_eq!(ended.state, "ended");
    let renters = world.ask("show", json!({"key": "k"})).await.unwrap();
    assert_eq!(renters["rental"]["state"], "ended");
}

#[tokio::test]
async fn nobody_else_comes_in_by_that_way() {
    let world = World::new();
    world.rent("k").await.unwrap();
    let key = world.api.rentals().await.unwrap().remove(0).order_key;
    let renter = Renter::Hotkey(operator());
    let refused = world.api.end(&renter, &key).await;
    assert_eq!(refused, Err(RentError::NoSuchRental));
    assert_eq!(
        world.api.leases(&renter).await,
        Err(RentError::NoSuchRental)
    );
    // The key that a miner knows is no renter's key.
    let asked = world.ask("end", json!({"key": key})).await;
    assert_eq!(asked, Err(RentError::NoSuchRental));
}
