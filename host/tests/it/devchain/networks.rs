//! New subnets: what they cost, when they start, and what they earn.

use super::client::key;
use super::{chain_and_client, refused, told};

/// One TAO in rao.
const TAO: u64 = 1_000_000_000;

#[tokio::test]
async fn a_new_subnet_costs_its_lock_and_the_next_costs_twice_as_much() {
    let (chain, client) = chain_and_client().await;
    let (bob, eve) = (key("Bob").public(), key("Eve").public());
    let found = client.run(&chain, "Bob", "register_network", (bob,));
    told(found.await, "SubtensorModule.NetworkAdded");
    assert_eq!(client.free(bob).await, 999_000 * TAO);
    let cost: u64 = client
        .ask(
            "SubnetRegistrationRuntimeApi",
            "get_network_registration_cost",
            (),
        )
        .await;
    assert!((1_990 * TAO..=2_000 * TAO).contains(&cost), "{cost}");
    let again = client.run(&chain, "Eve", "register_network", (eve,));
    again.await.unwrap();
    assert_eq!(client.get::<u16, _>("TotalNetworks", ()).await, 4);
    let owner: [u8; 32] = client.get("SubnetOwner", (3_u16,)).await;
    assert_eq!(owner, eve);
    assert_eq!(client.get::<u16, _>("Uids", (2_u16, bob)).await, 0);
    let symbol: Vec<u8> = client.get("TokenSymbol", (2_u16,)).await;
    assert_eq!(symbol, "β".as_bytes());
    let stolen = client.run(&chain, "Dave", "register_network", (bob,));
    refused(stolen.await, "NonAssociatedColdKey");
    let poor = key("Poor").public();
    let poor = client.run(&chain, "Poor", "register_network", (poor,));
    refused(poor.await, "CannotAffordLockCost");
}

#[tokio::test]
async fn a_subnet_earns_and_takes_stake_only_after_its_owner_has_started_it() {
    let (chain, client) = chain_and_client().await;
    let bob = key("Bob").public();
    let found = client.run(&chain, "Bob", "register_network", (bob,));
    found.await.unwrap();
    chain.advance(3).unwrap();
    let pending = || client.get::<u64, _>("PendingServerEmission", (2_u16,));
    assert_eq!(pending().await, 0);
    let stake = || client.run(&chain, "Bob", "add_stake", (bob, 2_u16, TAO));
    refused(stake().await, "SubtokenDisabled");
    let start = |who| client.run(&chain, who, "start_call", (2_u16,));
    refused(start("Eve").await, "BadOrigin");
    let event = "SubtensorModule.FirstEmissionBlockNumberSet";
    told(start("Bob").await, event);
    chain.advance(1).unwrap();
    // Two subnets share a block's TAO; the owner's cut is 18 %, miners' half.
    let earned = pending().await;
    assert!((204_000_000..=206_000_000).contains(&earned), "{earned}");
    stake().await.unwrap();
    refused(start("Bob").await, "FirstEmissionBlockNumberAlreadySet");
    let nothing = client.run(&chain, "Bob", "start_call", (9_u16,));
    refused(nothing.await, "SubnetNotExists");
}

#[tokio::test]
async fn the_time_between_two_new_subnets_is_checked_by_the_pool() {
    let (chain, client) = chain_and_client().await;
    let limit = vec![subxt::dynamic::Value::u128(100)];
    let told = client.sudo(&chain, "sudo_set_network_rate_limit", limit);
    assert!(told.await.contains("Ok"));
    let found = |who: &'static str| {
        let hotkey = key(who).public();
        client.run(&chain, who, "register_network", (hotkey,))
    };
    found("Bob").await.unwrap();
    refused(found("Eve").await, "Custom error: 6");
}

#[tokio::test]
async fn an_identity_is_read_back_as_the_subnets_name() {
    #[derive(scale_decode::DecodeAsType)]
    struct Named {
        name: Vec<u8>,
    }
    let (chain, client) = chain_and_client().await;
    let name = |name: &[u8]| {
        let empty = Vec::<u8>::new;
        let name = name.to_vec();
        let args = (
            1_u16,
            name,
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
            empty(),
        );
        client.run(&chain, "Alice", "set_subnet_identity", args)
    };
    told(name(b"Mine").await, "SubtensorModule.SubnetIdentitySet");
    let found: Option<Named> = client
        .ask("SubnetInfoRuntimeApi", "get_metagraph", (1_u16,))
        .await;
    assert_eq!(found.unwrap().name, b"Mine");
    refused(name(&[b'x'; 257]).await, "InvalidIdentity");
}
