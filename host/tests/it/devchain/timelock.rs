//! Weights sealed until the beacon speaks, which the chain reveals itself.

use std::time::{SystemTime, UNIX_EPOCH};

use host::devchain::{DevChain, Options};
use host::subnet::timelock::Beacon;
use parity_scale_codec::Encode as _;

use super::client::{Client, key};
use super::{chain, refused, told, with_neurons};

const REVEALED: &str = "TimelockedWeightsRevealed";

/// What a validator seals: uid 1 gets all.
fn payload(hotkey: &str) -> Vec<u8> {
    let hotkey = key(hotkey).public().to_vec();
    (hotkey, vec![1_u16], vec![9_u16], 0_u64).encode()
}

/// A round that is some minutes away by the beacon's clock.
fn round_to_come(beacon: &Beacon) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(now.as_millis()).unwrap();
    beacon.newest_round(now_ms).unwrap() + 30
}

async fn sealed_chain() -> (DevChain, Client) {
    let chain = chain(|options: &mut Options| options.commit_reveal = true).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    (chain, client)
}

async fn commit(
    chain: &DevChain,
    client: &Client,
    sealed: Vec<u8>,
    round: u64,
) -> Result<Vec<String>, String> {
    let args = (1_u16, sealed, round, 4_u16);
    client
        .run(chain, "Alice", "commit_timelocked_weights", args)
        .await
}

/// How many commits of an epoch wait.
async fn waiting(client: &Client, epoch: u64) -> usize {
    type Commit = ([u8; 32], u64, Vec<u8>, u64);
    let commits: Vec<Commit> = client.get("TimelockedWeightCommits", (1_u16, epoch)).await;
    commits.len()
}

async fn weights(client: &Client) -> Vec<(u16, u16)> {
    client.get("Weights", (1_u16, 0_u16)).await
}

#[tokio::test]
async fn a_sealed_commit_is_revealed_when_its_epoch_and_its_round_have_come() {
    let (chain, client) = sealed_chain().await;
    let round = round_to_come(&chain.beacon());
    let sealed = chain.beacon().seal(&payload("Alice"), round).unwrap();
    let outcome = commit(&chain, &client, sealed, round).await;
    told(outcome, "SubtensorModule.TimelockedWeightsCommitted");
    assert_eq!(waiting(&client, 0).await, 1);
    chain.advance(11 - chain.head().number).unwrap();
    assert!(weights(&client).await.is_empty(), "its round is to come");
    chain.sign_until(round);
    chain.advance(2).unwrap();
    assert!(client.events().await.contains(REVEALED));
    assert_eq!(weights(&client).await, [(1, 65_535)]);
    assert_eq!(waiting(&client, 0).await, 0);
}

#[tokio::test]
async fn a_reveal_counts_before_the_epoch_it_is_due_in_runs() {
    let (chain, client) = sealed_chain().await;
    let round = round_to_come(&chain.beacon());
    let sealed = chain.beacon().seal(&payload("Alice"), round).unwrap();
    commit(&chain, &client, sealed, round).await.unwrap();
    chain.sign_until(round);
    chain.advance(9 - chain.head().number).unwrap();
    assert!(weights(&client).await.is_empty(), "its epoch is to come");
    chain.advance(1).unwrap();
    assert!(client.events().await.contains(REVEALED));
    let incentive: Vec<u16> = client.get("Incentive", (1_u16,)).await;
    assert_eq!(incentive, [0, 65_535]);
}

#[tokio::test]
async fn what_the_chain_cannot_open_or_may_not_set_is_dropped_without_a_word() {
    let (chain, client) = sealed_chain().await;
    let round = round_to_come(&chain.beacon());
    let quicknet = Beacon::quicknet().seal(&payload("Alice"), round).unwrap();
    let another = chain.beacon().seal(&payload("Bob"), round).unwrap();
    let unknown = (
        key("Alice").public().to_vec(),
        vec![77_u16],
        vec![1_u16],
        0_u64,
    );
    let unknown = chain.beacon().seal(&unknown.encode(), round).unwrap();
    for sealed in [quicknet, another, unknown, b"nonsense".to_vec()] {
        commit(&chain, &client, sealed, round).await.unwrap();
    }
    chain.sign_until(round);
    chain.advance(10 - chain.head().number).unwrap();
    assert!(!client.events().await.contains(REVEALED));
    assert!(weights(&client).await.is_empty());
    assert_eq!(waiting(&client, 0).await, 0);
}

#[tokio::test]
async fn a_test_can_have_reveals_dropped() {
    let (chain, client) = sealed_chain().await;
    let round = round_to_come(&chain.beacon());
    let sealed = chain.beacon().seal(&payload("Alice"), round).unwrap();
    commit(&chain, &client, sealed, round).await.unwrap();
    chain.faults().drop_reveals();
    chain.sign_until(round);
    chain.advance(15 - chain.head().number).unwrap();
    assert!(weights(&client).await.is_empty());
}

#[tokio::test]
async fn a_commit_whose_epoch_went_by_is_forgotten() {
    let (chain, client) = sealed_chain().await;
    let round = round_to_come(&chain.beacon());
    let sealed = chain.beacon().seal(&payload("Alice"), round).unwrap();
    commit(&chain, &client, sealed, round).await.unwrap();
    chain.advance(20 - chain.head().number).unwrap();
    chain.sign_until(round);
    chain.advance(5).unwrap();
    assert!(weights(&client).await.is_empty());
    assert_eq!(waiting(&client, 0).await, 0);
}

#[tokio::test]
async fn sealed_commits_are_refused_by_name() {
    let (chain, client) = sealed_chain().await;
    refused(
        commit(&chain, &client, vec![1], 1000).await,
        "Custom error: 15",
    );
    let far = round_to_come(&chain.beacon());
    let old = (1_u16, vec![1_u8], far, 3_u16);
    let old = client.run(&chain, "Alice", "commit_timelocked_weights", old);
    refused(old.await, "IncorrectCommitRevealVersion");
    let other = (1_u16, 1_u8, vec![1_u8], far, 4_u16);
    let call = "commit_timelocked_mechanism_weights";
    let other = client.run(&chain, "Alice", call, other);
    refused(other.await, "MechanismDoesNotExist");
    let plain = (1_u16, vec![1_u16], vec![1_u16], 0_u64);
    let plain = client.run(&chain, "Alice", "set_weights", plain);
    refused(plain.await, "CommitRevealEnabled");
    let last = client.text("Drand", "LastStoredRound", ()).await;
    assert!(last.contains("U128"), "{last}");
}

#[tokio::test]
async fn the_chain_names_its_beacon() {
    let (_chain, client) = sealed_chain().await;
    let config = client.text("Drand", "BeaconConfig", ()).await;
    assert!(config.contains("public_key"), "{config}");
}
