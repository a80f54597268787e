//! Subnets with several mechanisms.

use scale_decode::DecodeAsType;
use subxt::dynamic::Value;

use super::client::Client;
use super::{chain, chain_and_client, refused, with_neurons};

#[derive(DecodeAsType)]
struct Mechagraph {
    incentives: Vec<u16>,
    emission: Vec<u64>,
}

#[tokio::test]
async fn each_mechanism_is_weighed_by_itself_and_has_its_part_of_the_emission() {
    let chain = chain(|options| options.max_uids = 64).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0)]).await;
    let admin = |call, args: Vec<Value>| {
        let args = Value::unnamed_composite(args);
        client.run_in(&chain, "Alice", "AdminUtils", call, args)
    };
    let two = vec![Value::u128(1), Value::u128(2)];
    admin("sudo_set_mechanism_count", two).await.unwrap();
    let split = Value::unnamed_composite([Value::u128(13_107), Value::u128(52_428)]);
    let split = vec![Value::u128(1), Value::unnamed_variant("Some", [split])];
    admin("sudo_set_mechanism_emission_split", split)
        .await
        .unwrap();
    for (mecid, uid) in [(0_u8, 1_u16), (1, 2)] {
        let args = (1_u16, mecid, vec![uid], vec![1_u16], 0_u64);
        let set = client.run(&chain, "Alice", "set_mechanism_weights", args);
        set.await.unwrap();
    }
    let stored: Vec<(u16, u16)> = client.get("Weights", (4097_u16, 0_u16)).await;
    assert_eq!(stored, [(2, 65_535)]);
    chain.advance(20 - chain.head().number).unwrap();
    let graph = |mecid: u8| {
        let args = (1_u16, mecid);
        client.ask::<Option<Mechagraph>, _>("SubnetInfoRuntimeApi", "get_mechagraph", args)
    };
    let (main, second) = (graph(0).await.unwrap(), graph(1).await.unwrap());
    assert_eq!(main.incentives, [0, 65_535, 0]);
    assert_eq!(second.incentives, [0, 0, 65_535]);
    // A fifth and four fifths.
    let (bob, charlie) = (main.emission[1], main.emission[2]);
    assert!((4 * bob).abs_diff(charlie) < 10_000, "{bob} {charlie}");
    assert!(graph(2).await.is_none());
    let three = vec![Value::u128(1), Value::u128(3)];
    refused(
        admin("sudo_set_mechanism_count", three).await,
        "InvalidValue",
    );
}

#[tokio::test]
async fn a_mechanism_that_goes_takes_its_weights_with_it() {
    let chain = chain(|options| options.max_uids = 64).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let count = |count: u8| {
        let args = (1_u16, count);
        client.run_in(
            &chain,
            "Alice",
            "AdminUtils",
            "sudo_set_mechanism_count",
            args,
        )
    };
    count(2).await.unwrap();
    let args = (1_u16, 1_u8, vec![1_u16], vec![1_u16], 0_u64);
    let set = client.run(&chain, "Alice", "set_mechanism_weights", args);
    set.await.unwrap();
    count(1).await.unwrap();
    let left: Vec<(u16, u16)> = client.get("Weights", (4097_u16, 0_u16)).await;
    assert!(left.is_empty());
}

#[tokio::test]
async fn mechanisms_and_slots_together_are_bounded() {
    let (chain, client) = chain_and_client().await;
    let args = (1_u16, 2_u8);
    let outcome = client.run_in(
        &chain,
        "Alice",
        "AdminUtils",
        "sudo_set_mechanism_count",
        args,
    );
    refused(outcome.await, "TooManyUIDsPerMechanism");
}
