//! What the upkeep says to the chain, and when.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;

use super::*;
use crate::role::miner::GateOptions;
use crate::role::testing::{FakeChain, me};
use crate::subnet::chain::testing::neuron;
use crate::subnet::events::Unobserved;

const HERE: ([u8; 4], u16) = ([192, 0, 2, 1], 8091);

fn upkeep(chain: &Arc<FakeChain>, register_limit_rao: Option<u64>) -> Upkeep {
    let gate = Arc::new(Gate::new(GateOptions::default()));
    let options = MinerOptions {
        netuid: 1,
        register_limit_rao,
        announce: SocketAddr::from(HERE),
        sync_blocks: 2,
    };
    Upkeep::new(me(), chain.clone(), gate, Arc::new(Unobserved), options)
}

fn announced(chain: &FakeChain) -> Vec<SocketAddr> {
    chain.with(|state| state.announced.iter().map(|axon| axon.address).collect())
}

#[tokio::test]
async fn an_axon_is_announced_once_and_again_only_when_it_changes() {
    let chain = Arc::new(FakeChain::new(1));
    let mut first = upkeep(&chain, None);
    for block in [100, 110, 120] {
        chain.head(block);
        first.tend().await.unwrap();
    }
    assert_eq!(announced(&chain), [SocketAddr::from(HERE)]);
    upkeep(&chain, None).tend().await.unwrap();
    assert_eq!(announced(&chain).len(), 1);
    let mut moved = upkeep(&chain, None);
    moved.options.announce.set_port(9);
    moved.tend().await.unwrap();
    assert_eq!(announced(&chain).len(), 2);
}

#[tokio::test]
async fn a_refused_announcement_is_tried_again_after_some_blocks() {
    let chain = Arc::new(FakeChain::new(1));
    chain.with(|state| state.refuses_axons = true);
    let mut upkeep = upkeep(&chain, None);
    for (block, tries) in [(100, 1), (101, 1), (104, 1), (105, 2), (106, 2)] {
        chain.head(block);
        upkeep.tend().await.unwrap();
        assert_eq!(announced(&chain).len(), tries, "at {block}");
    }
    chain.with(|state| state.refuses_axons = false);
    for block in [110, 111, 120] {
        chain.head(block);
        upkeep.tend().await.unwrap();
    }
    assert_eq!(announced(&chain).len(), 3);
}

#[tokio::test]
async fn without_a_slot_and_without_leave_mining_ends() {
    let chain = Arc::new(FakeChain::new(1));
    chain.with(|state| {
        state.metagraph.neurons.remove(0);
        state.metagraph.rules.burn_rao = 77;
    });
    let why = upkeep(&chain, None).run().await.unwrap_err();
    assert!(
        matches!(why, NoSlot::NotRegistered { price_rao: 77, .. }),
        "{why}"
    );
    assert!(chain.with(|state| state.registered.is_empty()));
}

#[tokio::test]
async fn with_leave_a_slot_is_taken_and_announced() {
    let chain = Arc::new(FakeChain::new(1));
    chain.with(|state| state.metagraph.neurons.remove(0));
    let mut upkeep = upkeep(&chain, Some(500));
    upkeep.tend().await.unwrap();
    upkeep.tend().await.unwrap();
    assert_eq!(chain.with(|state| state.registered.clone()), [500]);
    assert_eq!(announced(&chain).len(), 1);
}

#[tokio::test]
async fn an_upkeep_goes_on_when_the_chain_is_away() {
    let chain = Arc::new(FakeChain::new(1));
    chain.with(|state| state.away = true);
    let upkeep = upkeep(&chain, None);
    let gate = upkeep.gate.clone();
    let running = tokio::spawn(upkeep.run());
    chain.looked(1).await;
    assert!(gate.admit(&neuron(1).hotkey).is_err());
    chain.with(|state| state.away = false);
    chain.head(101);
    chain.looked(2).await;
    // It looks again two blocks later, so by then it has learnt from this look.
    chain.head(103);
    chain.looked(3).await;
    assert_eq!(gate.admit(&neuron(1).hotkey), Ok(()));
    running.abort();
}
