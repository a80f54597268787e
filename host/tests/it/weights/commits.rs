//! The chain client's part of commit-reveal.

use std::sync::Arc;

use host::devchain;
use host::subnet::chain::{Chain as _, ChainError};
use host::subnet::commit::{CommitFate, Commits, DropReason, Hiding, Plan};
use host::subnet::events::Unobserved;
use host::subnet::weights::Weights;

use super::support::{NETUID, VALIDATOR, chain, client, committing, ending, on_the_miner};

#[tokio::test(flavor = "multi_thread")]
async fn committed_weights_count_once_the_chain_has_revealed_them() {
    let chain = chain(committing()).await;
    let alice = client(&chain, "//Alice", Arc::new(Unobserved)).await;
    let weights = on_the_miner();
    let sent = alice.set_weights(NETUID, &weights, 0).await.unwrap();
    let commit = sent.commit.unwrap();
    assert!(matches!(commit.hiding, Hiding::Timelocked { .. }));
    assert!(commit.reveal_block > commit.planned_at);
    let before = alice.weights(NETUID, VALIDATOR).await.unwrap();
    assert_eq!(before, Weights::default());

    let fate = ending(&alice, &weights, &commit, sent.included.block).await;
    let CommitFate::Revealed(block) = fate else {
        panic!("{fate:?}");
    };
    assert!(block >= sent.included.block);
    assert_eq!(alice.weights(NETUID, VALIDATOR).await.unwrap(), weights);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reveal_the_chain_drops_is_found_out() {
    let chain = chain(committing()).await;
    let alice = client(&chain, "//Alice", Arc::new(Unobserved)).await;
    let weights = on_the_miner();
    // The same weights are there already: storage alone would not tell.
    let sent = alice.set_weights(NETUID, &weights, 0).await.unwrap();
    ending(&alice, &weights, &sent.commit.unwrap(), sent.included.block).await;

    chain.faults().drop_reveals();
    let sent = alice.set_weights(NETUID, &weights, 0).await.unwrap();
    let fate = ending(&alice, &weights, &sent.commit.unwrap(), sent.included.block).await;
    assert!(
        matches!(
            fate,
            CommitFate::Dropped {
                why: DropReason::Refused,
                ..
            }
        ),
        "{fate:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn salted_weights_count_once_their_salt_is_told_in_time() {
    let chain = chain(committing()).await;
    let alice = client(&chain, "//Alice", Arc::new(Unobserved)).await;
    let alice = alice.with_commits(Commits::Salted);
    let weights = on_the_miner();
    let sent = alice.set_weights(NETUID, &weights, 0).await.unwrap();
    let (commit, included) = (sent.commit.unwrap(), sent.included.block);
    let early = alice.reveal_weights(NETUID, &weights, &commit).await;
    assert!(
        matches!(&early, Err(ChainError::Refused { .. })),
        "{early:?}"
    );

    let due = ending(&alice, &weights, &commit, included).await;
    assert!(
        matches!(due, CommitFate::Waiting { due: true, .. }),
        "{due:?}"
    );
    alice
        .reveal_weights(NETUID, &weights, &commit)
        .await
        .unwrap();
    let fate = alice.commit_fate(NETUID, &weights, &commit, Some(included));
    let fate = fate.await.unwrap();
    assert!(matches!(fate, CommitFate::Revealed(_)), "{fate:?}");
    assert_eq!(alice.weights(NETUID, VALIDATOR).await.unwrap(), weights);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_never_sent_is_absent() {
    let chain = chain(committing()).await;
    let alice = client(&chain, "//Alice", Arc::new(Unobserved)).await;
    let weights = on_the_miner();
    let plan = alice.plan_weights(NETUID, &weights, 0).await.unwrap();
    let Plan::Commit { commit, .. } = plan else {
        panic!("{plan:?}");
    };
    let fate = alice.commit_fate(NETUID, &weights, &commit, None).await;
    assert_eq!(fate.unwrap(), CommitFate::Absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_too_soon_is_told_when_it_is_allowed() {
    let options = devchain::Options {
        weights_rate_limit: 1000,
        ..committing()
    };
    let chain = chain(options).await;
    let alice = client(&chain, "//Alice", Arc::new(Unobserved)).await;
    let sent = alice.set_weights(NETUID, &on_the_miner(), 0).await.unwrap();
    let soon = alice.set_weights(NETUID, &on_the_miner(), 0).await;
    let Err(ChainError::Refused { name, remedy }) = soon else {
        panic!("{soon:?}");
    };
    let allowed = format!("from block {} on", sent.included.block + 1000);
    assert!(remedy.contains(&allowed), "{name}: {remedy}");
}
