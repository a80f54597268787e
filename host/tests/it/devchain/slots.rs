//! Who makes room when all slots are taken.

use super::client::{Client, key};
use super::{chain, refused, told, with_neurons};
use host::devchain::DevChain;

async fn register(chain: &DevChain, client: &Client, who: &str) -> Result<Vec<String>, String> {
    let hotkey = key(who).public();
    client
        .run(chain, who, "burned_register", (1_u16, hotkey))
        .await
}

async fn full(slots: u16) -> (DevChain, Client) {
    let chain = chain(|options| options.max_uids = slots).await;
    let client = Client::connect(&chain.url()).await;
    (chain, client)
}

async fn immunity(chain: &DevChain, client: &Client, blocks: u16) {
    let args = (1_u16, blocks);
    let set = client.run_in(
        chain,
        "Alice",
        "AdminUtils",
        "sudo_set_immunity_period",
        args,
    );
    set.await.unwrap();
}

#[tokio::test]
async fn the_owner_is_never_replaced() {
    let (chain, client) = full(1).await;
    let outcome = register(&chain, &client, "Bob").await;
    refused(outcome, "NoNeuronIdAvailable");
}

#[tokio::test]
async fn the_one_who_earned_least_makes_room_and_leaves_nothing_behind() {
    let (chain, client) = full(3).await;
    immunity(&chain, &client, 5).await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0)]).await;
    let (charlie, dave) = (key("Charlie").public(), key("Dave").public());
    let axon = (
        1_u16,
        1_u32,
        0x0a00_0001_u128,
        80_u16,
        4_u8,
        4_u8,
        0_u8,
        0_u8,
    );
    let served = client.run(&chain, "Charlie", "serve_axon", axon);
    served.await.unwrap();
    // Bob is older, but earns; Charlie does not.
    let weights = (1_u16, vec![1_u16, 2], vec![60_000_u16, 1], 0_u64);
    let set = client.run(&chain, "Alice", "set_weights", weights);
    set.await.unwrap();
    chain.advance(20 - chain.head().number).unwrap();
    let event = "SubtensorModule.NeuronRegistered";
    told(register(&chain, &client, "Dave").await, event);
    assert_eq!(client.get::<u16, _>("Uids", (1_u16, dave)).await, 2);
    assert!(
        client
            .text("SubtensorModule", "Uids", (1_u16, charlie))
            .await
            .is_empty()
    );
    assert!(
        client
            .text("SubtensorModule", "Axons", (1_u16, charlie))
            .await
            .is_empty()
    );
    let since: u64 = client.get("BlockAtRegistration", (1_u16, 2_u16)).await;
    assert_eq!(since, chain.head().number);
    let neurons: u16 = client.get("SubnetworkN", (1_u16,)).await;
    assert_eq!(neurons, 3);
    // What Alice gave Charlie is not Dave's.
    let weights: Vec<(u16, u16)> = client.get("Weights", (1_u16, 0_u16)).await;
    assert_eq!(weights, [(1, 65_535), (2, 0)]);
}

#[tokio::test]
async fn newcomers_are_immune_while_there_are_others() {
    let (chain, client) = full(3).await;
    immunity(&chain, &client, 6).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    chain.advance(6).unwrap();
    with_neurons(&chain, &client, &[("Charlie", 0)]).await;
    register(&chain, &client, "Dave").await.unwrap();
    let (charlie, dave) = (key("Charlie").public(), key("Dave").public());
    assert_eq!(client.get::<u16, _>("Uids", (1_u16, dave)).await, 1);
    assert_eq!(client.get::<u16, _>("Uids", (1_u16, charlie)).await, 2);
    // Both are new now: of the immune the older goes.
    register(&chain, &client, "Eve").await.unwrap();
    let eve = key("Eve").public();
    assert_eq!(client.get::<u16, _>("Uids", (1_u16, eve)).await, 2);
}
