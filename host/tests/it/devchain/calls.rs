//! Every call that is covered, and every refusal by its name.

use scale_decode::DecodeAsType;
use subxt::dynamic;

use super::client::{Client, key};
use super::{chain, chain_and_client, refused, with_neurons};

/// One TAO in rao.
const TAO: u64 = 1_000_000_000;

#[derive(Debug, PartialEq, DecodeAsType)]
struct Axon {
    block: u64,
    ip: u128,
    port: u16,
}

/// `serve_axon`'s arguments.
fn axon(ip: [u8; 4], port: u16) -> (u16, u32, u128, u16, u8, u8, u8, u8) {
    (1, 1, u128::from(u32::from_be_bytes(ip)), port, 4, 4, 0, 0)
}

/// `set_weights`' arguments.
fn weights(dests: &[u16], values: &[u16]) -> (u16, Vec<u16>, Vec<u16>, u64) {
    (1, dests.to_vec(), values.to_vec(), 0)
}

#[tokio::test]
async fn a_registration_takes_the_next_uid_and_costs_the_burn() {
    let (chain, client) = chain_and_client().await;
    let bob = key("Bob").public();
    let before = client.free(bob).await;
    let events = client
        .run(&chain, "Bob", "burned_register", (1_u16, bob))
        .await
        .unwrap();
    assert!(
        events.contains(&"SubtensorModule.NeuronRegistered".to_owned()),
        "{events:?}"
    );
    assert!(
        events.contains(&"System.ExtrinsicSuccess".to_owned()),
        "{events:?}"
    );
    assert_eq!(client.get::<u16, _>("Uids", (1_u16, bob)).await, 1);
    assert_eq!(client.get::<[u8; 32], _>("Keys", (1_u16, 1_u16)).await, bob);
    let paid = before - client.free(bob).await;
    assert!(
        (99_000_000..=100_000_000).contains(&paid),
        "0.1 TAO, a block's decay off: {paid}"
    );
    let price: u64 = client.get("Burn", (1_u16,)).await;
    assert!(price > paid, "the next pays more: {price}");
    refused(
        client
            .run(&chain, "Bob", "burned_register", (1_u16, bob))
            .await,
        "HotKeyAlreadyRegisteredInSubNet",
    );
}

#[tokio::test]
async fn a_registration_is_refused_by_name() {
    let (chain, client) = chain_and_client().await;
    let bob = key("Bob").public();
    let register = |netuid: u16| client.run(&chain, "Bob", "burned_register", (netuid, bob));
    refused(register(0).await, "RegistrationNotPermittedOnRootSubnet");
    refused(register(7).await, "SubnetNotExists");
    let limited = client
        .run(&chain, "Bob", "register_limit", (1_u16, bob, 1000_u64))
        .await;
    refused(limited, "RegistrationPriceLimitExceeded");
    let alice = key("Alice").public();
    refused(
        client
            .run(&chain, "Bob", "burned_register", (1_u16, alice))
            .await,
        "HotKeyAlreadyRegisteredInSubNet",
    );
    let limited = client
        .run(&chain, "Bob", "register_limit", (1_u16, bob, TAO))
        .await;
    limited.unwrap();
    let poor = key("Poor").public();
    refused(
        client
            .run(&chain, "Poor", "burned_register", (1_u16, poor))
            .await,
        "NotEnoughBalanceToStake",
    );
}

#[tokio::test]
async fn an_axon_is_announced_and_changed_only_so_often() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let serve = |port| client.run(&chain, "Bob", "serve_axon", axon([127, 0, 0, 2], port));
    let events = serve(8091).await.unwrap();
    assert!(
        events.contains(&"SubtensorModule.AxonServed".to_owned()),
        "{events:?}"
    );
    let stored: Axon = client.get("Axons", (1_u16, key("Bob").public())).await;
    assert_eq!((stored.ip, stored.port), (0x7f00_0002, 8091));
    assert_eq!(stored.block, chain.head().number);
    refused(serve(8092).await, "Custom error: 12");
    chain.advance(4).unwrap();
    serve(8092).await.unwrap();
}

#[tokio::test]
async fn an_axon_is_refused_by_the_pool_in_subtensors_codes() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let serve = |who, ip, port| client.run(&chain, who, "serve_axon", axon(ip, port));
    refused(serve("Eve", [127, 0, 0, 2], 1).await, "Custom error: 10");
    refused(serve("Bob", [127, 0, 0, 1], 1).await, "Custom error: 11");
    refused(
        serve("Bob", [255, 255, 255, 255], 1).await,
        "Custom error: 11",
    );
    refused(serve("Bob", [10, 0, 0, 1], 0).await, "Custom error: 13");
}

#[tokio::test]
async fn loopback_may_be_announced_where_it_is_allowed() {
    let chain = chain(|options| options.allow_loopback = true).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let served = client.run(&chain, "Bob", "serve_axon", axon([127, 0, 0, 1], 8091));
    served.await.unwrap();
}

#[tokio::test]
async fn stake_moves_from_the_coldkey_to_the_hotkeys_pool() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let bob = key("Bob").public();
    let before = client.free(bob).await;
    let stake =
        |amount: u64, netuid: u16| client.run(&chain, "Bob", "add_stake", (bob, netuid, amount));
    let events = stake(5 * TAO, 1).await.unwrap();
    assert!(
        events.contains(&"SubtensorModule.StakeAdded".to_owned()),
        "{events:?}"
    );
    assert_eq!(before - client.free(bob).await, 5 * TAO);
    assert_eq!(
        client.get::<u64, _>("TotalHotkeyAlpha", (bob, 1_u16)).await,
        5 * TAO
    );
    refused(stake(1, 1).await, "AmountTooLow");
    refused(stake(TAO, 9).await, "SubnetNotExists");
    refused(stake(10_000_000 * TAO, 1).await, "NotEnoughBalanceToStake");
    let nobody = client
        .run(&chain, "Bob", "add_stake", ([7_u8; 32], 1_u16, TAO))
        .await;
    refused(nobody, "HotKeyAccountNotExists");
    let limited = |price: u64| {
        let args = (bob, 1_u16, TAO, price, false);
        client.run(&chain, "Bob", "add_stake_limit", args)
    };
    refused(limited(TAO - 1).await, "SlippageTooHigh");
    limited(TAO).await.unwrap();
    let staked: u64 = client.get("TotalHotkeyAlpha", (bob, 1_u16)).await;
    assert!(staked >= 6 * TAO, "{staked}");
}

#[tokio::test]
async fn weights_are_stored_scaled_to_the_largest() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0)]).await;
    let events = client
        .run(&chain, "Alice", "set_weights", weights(&[1, 2], &[2, 1]))
        .await
        .unwrap();
    assert!(
        events.contains(&"SubtensorModule.WeightsSet".to_owned()),
        "{events:?}"
    );
    let stored: Vec<(u16, u16)> = client.get("Weights", (1_u16, 0_u16)).await;
    assert_eq!(stored, [(1, 65535), (2, 32767)]);
    let updates: Vec<u64> = client.get("LastUpdate", (1_u16,)).await;
    assert_eq!(updates[0], chain.head().number);
    let args = (1_u16, 0_u8, vec![1_u16], vec![9_u16], 0_u64);
    client
        .run(&chain, "Alice", "set_mechanism_weights", args)
        .await
        .unwrap();
    let stored: Vec<(u16, u16)> = client.get("Weights", (1_u16, 0_u16)).await;
    assert_eq!(stored, [(1, 65535)]);
    let args = (1_u16, 1_u8, vec![1_u16], vec![9_u16], 0_u64);
    refused(
        client
            .run(&chain, "Alice", "set_mechanism_weights", args)
            .await,
        "MechanismDoesNotExist",
    );
}

#[tokio::test]
async fn weights_are_refused_by_name() {
    let chain = chain(|options| {
        options.min_allowed_weights = 2;
        options.weights_version_key = 3;
    })
    .await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 5_000)]).await;
    let set = |who, netuid: u16, dests: &[u16], values: &[u16], version: u64| {
        let args = (netuid, dests.to_vec(), values.to_vec(), version);
        client.run(&chain, who, "set_weights", args)
    };
    refused(
        set("Alice", 1, &[1, 2], &[1], 3).await,
        "WeightVecNotEqualSize",
    );
    refused(
        set("Alice", 1, &[0, 1, 2, 3], &[1; 4], 3).await,
        "UidsLengthExceedUidsInSubNet",
    );
    refused(
        set("Alice", 1, &[1, 2], &[1, 1], 2).await,
        "IncorrectWeightVersionKey",
    );
    refused(
        set("Charlie", 1, &[0, 1], &[1, 1], 3).await,
        "NeuronNoValidatorPermit",
    );
    refused(set("Alice", 1, &[1, 1], &[1, 1], 3).await, "DuplicateUids");
    refused(
        set("Alice", 1, &[1, 9], &[1, 1], 3).await,
        "UidVecContainInvalidOne",
    );
    refused(set("Alice", 1, &[1], &[1], 3).await, "WeightVecLengthIsLow");
    refused(
        set("Bob", 1, &[0, 1], &[1, 1], 3).await,
        "Custom error: 1\")",
    );
    refused(
        set("Eve", 1, &[0, 1], &[1, 1], 3).await,
        "Custom error: 1\")",
    );
    set("Alice", 1, &[1, 2], &[1, 1], 3).await.unwrap();
}

#[tokio::test]
async fn weights_set_too_soon_are_refused_by_the_pool() {
    let chain = chain(|options| options.weights_rate_limit = 5).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let set = || client.run(&chain, "Alice", "set_weights", weights(&[1], &[1]));
    set().await.unwrap();
    refused(set().await, "Custom error: 6");
    chain.advance(4).unwrap();
    set().await.unwrap();
}

#[tokio::test]
async fn plain_weights_are_refused_where_they_must_be_committed() {
    let chain = chain(|options| options.commit_reveal = true).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let set = client.run(&chain, "Alice", "set_weights", weights(&[1], &[1]));
    refused(set.await, "CommitRevealEnabled");
}

#[tokio::test]
async fn a_transfer_moves_money_and_keeps_the_sender_alive() {
    let (chain, client) = chain_and_client().await;
    let (bob, eve) = (key("Bob").public(), key("Eve").public());
    let to = |account: [u8; 32]| {
        dynamic::Value::unnamed_variant("Id", [dynamic::Value::from_bytes(account)])
    };
    let transfer = |call, rao: u64| client.run_in(&chain, "Bob", "Balances", call, (to(eve), rao));
    let events = transfer("transfer_keep_alive", 3 * TAO).await.unwrap();
    assert!(
        events.contains(&"Balances.Transfer".to_owned()),
        "{events:?}"
    );
    assert_eq!(client.free(eve).await, 1_000_003 * TAO);
    assert_eq!(client.free(bob).await, 999_997 * TAO);
    refused(
        transfer("transfer_keep_alive", 999_997 * TAO).await,
        "Expendability",
    );
    refused(
        transfer("transfer_allow_death", 1_000_000 * TAO).await,
        "InsufficientBalance",
    );
    transfer("transfer_allow_death", 999_997 * TAO)
        .await
        .unwrap();
    assert_eq!(client.free(bob).await, 0);
}

#[tokio::test]
async fn a_call_that_is_not_covered_fails_and_changes_nothing() {
    let (chain, client) = chain_and_client().await;
    let hotkey = key("Bob").public();
    let before = client.free(hotkey).await;
    refused(
        client
            .run(&chain, "Bob", "recycle_alpha", (hotkey, 1_u64, 1_u16))
            .await,
        "CallFiltered",
    );
    assert_eq!(client.free(hotkey).await, before);
    let remark = client.run_in(&chain, "Bob", "System", "remark", (vec![1_u8, 2],));
    remark.await.unwrap();
}
