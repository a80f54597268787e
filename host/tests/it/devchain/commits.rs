//! Weights committed to a hash, and revealed in the right epoch.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use parity_scale_codec::Encode as _;

use super::client::{Client, key};
use super::{chain, refused, told, with_neurons};
use host::devchain::DevChain;

const SALT: [u16; 2] = [7, 9];

/// What a commit of Alice's hides.
fn hash(index: u16, uids: &[u16], values: &[u16]) -> [u8; 32] {
    let hidden = (key("Alice").public(), index, uids, values, &SALT[..], 0_u64);
    Blake2b::<U32>::digest(hidden.encode()).into()
}

fn reveal(uids: &[u16], values: &[u16]) -> (u16, Vec<u16>, Vec<u16>, Vec<u16>, u64) {
    (1, uids.to_vec(), values.to_vec(), SALT.to_vec(), 0)
}

async fn committing() -> (DevChain, Client) {
    let chain = chain(|options| options.commit_reveal = true).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0)]).await;
    (chain, client)
}

#[tokio::test]
async fn a_hash_is_revealed_in_the_next_epoch_and_only_then() {
    let (chain, client) = committing().await;
    let commit = |hash: [u8; 32]| client.run(&chain, "Alice", "commit_weights", (1_u16, hash));
    let event = "SubtensorModule.WeightsCommitted";
    told(commit(hash(1, &[1, 2], &[1, 3])).await, event);
    let show = |values: &[u16]| {
        let args = reveal(&[1, 2], values);
        client.run(&chain, "Alice", "reveal_weights", args)
    };
    refused(show(&[1, 3]).await, "Custom error: 17");
    chain.advance(11 - chain.head().number).unwrap();
    refused(show(&[1, 2]).await, "Custom error: 16");
    told(show(&[1, 3]).await, "SubtensorModule.WeightsRevealed");
    let weights: Vec<(u16, u16)> = client.get("Weights", (1_u16, 0_u16)).await;
    assert_eq!(weights, [(1, 21_845), (2, 65_535)]);
    refused(show(&[1, 3]).await, "Custom error: 16");
    // One whose epoch went by stays hidden.
    commit(hash(1, &[1, 2], &[5, 5])).await.unwrap();
    chain.advance(30 - chain.head().number).unwrap();
    refused(show(&[5, 5]).await, "Custom error: 17");
}

#[tokio::test]
async fn ten_commits_may_wait_and_a_batch_reveals_several() {
    let (chain, client) = committing().await;
    for value in 1..=10_u16 {
        let args = (1_u16, hash(1, &[1], &[value]));
        let commit = client.run(&chain, "Alice", "commit_weights", args);
        commit.await.unwrap();
        if value == 6 {
            // Else the epoch would end among them.
            assert!(chain.head().number < 10);
        }
        if chain.head().number == 9 {
            chain.advance(1).unwrap();
        }
    }
    chain.advance(20 - chain.head().number).unwrap();
    let one = |value: u16| (vec![1_u16], vec![value], SALT.to_vec());
    let lists = |values: &[u16]| {
        let all: Vec<_> = values.iter().map(|value| one(*value)).collect();
        (
            1_u16,
            all.iter().map(|one| one.0.clone()).collect::<Vec<_>>(),
            all.iter().map(|one| one.1.clone()).collect::<Vec<_>>(),
            all.iter().map(|one| one.2.clone()).collect::<Vec<_>>(),
            vec![0_u64; values.len()],
        )
    };
    let batch = |values: &[u16]| {
        let args = lists(values);
        client.run(&chain, "Alice", "batch_reveal_weights", args)
    };
    let event = "SubtensorModule.WeightsBatchRevealed";
    told(batch(&[9, 10]).await, event);
    refused(batch(&[9]).await, "Custom error: 16");
}

#[tokio::test]
async fn commits_are_refused_by_name() {
    let (chain, client) = committing().await;
    let commit = |who, netuid: u16| {
        let args = (netuid, [0_u8; 32]);
        client.run(&chain, who, "commit_weights", args)
    };
    refused(commit("Bob", 1).await, "Custom error: 1\")");
    refused(commit("Alice", 7).await, "Custom error: 1\")");
    for _ in 0..10 {
        commit("Alice", 1).await.unwrap();
        if chain.head().number % 10 == 9 {
            break;
        }
    }
    let batch = (vec![1_u16, 1], vec![[0_u8; 32]]);
    let batch = client.run(&chain, "Alice", "batch_commit_weights", batch);
    refused(batch.await, "Custom error: 18");
    let off = (1_u16, false);
    let call = "sudo_set_commit_reveal_weights_enabled";
    while client
        .run_in(&chain, "Alice", "AdminUtils", call, off)
        .await
        .is_err()
    {}
    refused(commit("Alice", 1).await, "CommitRevealDisabled");
}

#[tokio::test]
async fn one_commit_too_many_is_refused() {
    let chain = chain(|options| {
        options.commit_reveal = true;
        options.tempo = 30;
    })
    .await;
    let client = Client::connect(&chain.url()).await;
    let commit = || client.run(&chain, "Alice", "commit_weights", (1_u16, [0_u8; 32]));
    for _ in 0..10 {
        commit().await.unwrap();
    }
    refused(commit().await, "TooManyUnrevealedCommits");
}

#[tokio::test]
async fn commits_made_too_soon_are_refused_by_the_pool() {
    let chain = chain(|options| {
        options.commit_reveal = true;
        options.weights_rate_limit = 5;
    })
    .await;
    let client = Client::connect(&chain.url()).await;
    let commit = || client.run(&chain, "Alice", "commit_weights", (1_u16, [0_u8; 32]));
    commit().await.unwrap();
    refused(commit().await, "Custom error: 6");
    chain.advance(4).unwrap();
    commit().await.unwrap();
}
