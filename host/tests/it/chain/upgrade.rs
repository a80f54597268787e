//! The runtime changes under a client that was connected before: newtypes for
//! netuid and balances, other indices, other calls.

use host::devchain::Spec;
use host::subnet::chain::Chain as _;
use host::subnet::weights::Weights;

use super::*;

fn on_393(pace: Pace) -> devchain::Options {
    devchain::Options {
        spec: Spec::V393,
        ..blocks(pace)
    }
}

fn weights() -> Weights {
    Weights(vec![(0, u16::MAX)])
}

/// A busy machine needs seconds to read a runtime: what is proven here is no deadline.
async fn patient(chain: &DevChain, uri: &'static str) -> Subtensor {
    let mut timing = timing();
    timing.rpc_deadline = Duration::from_secs(20);
    timing.silence_limit = Duration::from_secs(60);
    timing.inclusion_deadline = Duration::from_secs(120);
    let options = chain::Options {
        endpoints: vec![chain.url()],
        expected_genesis: None,
        timing,
    };
    let client = node_with(options, uri);
    connected(&client).await;
    client
}

async fn spec(client: &Subtensor) -> u32 {
    client.network().await.unwrap().spec_version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_when_the_runtime_is_exchanged() {
    let chain = started(on_393(Pace::EveryMs(40))).await;
    let alice = patient(&chain, "//Alice").await;
    let bob = patient(&chain, "//Bob").await;
    let charlie = patient(&chain, "//Charlie").await;
    assert_eq!(spec(&alice).await, 393);
    let before = alice.metagraph(NETUID).await.unwrap();
    alice.set_weights(NETUID, &weights(), 0).await.unwrap();
    bob.register(NETUID, ENOUGH_RAO).await.unwrap();

    chain.upgrade(Spec::V461).unwrap();
    let seen = alice.heads().borrow().number;
    sees(&alice, seen + 3).await;
    assert_eq!(spec(&alice).await, 461);
    charlie.register(NETUID, ENOUGH_RAO).await.unwrap();
    alice.set_weights(NETUID, &weights(), 0).await.unwrap();
    bob.serve_axon(NETUID, axon("127.0.0.2:8091"))
        .await
        .unwrap();
    let after = alice.metagraph(NETUID).await.unwrap();
    assert_eq!(after.neurons.len(), before.neurons.len() + 2);
    assert_eq!(after.rules.tempo, before.rules.tempo);
    assert_eq!(alice.weights(NETUID, 0).await.unwrap(), weights());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_while_the_runtime_is_exchanged_is_signed_anew() {
    let chain = Arc::new(started(on_393(Pace::Manual)).await);
    let client = Arc::new(patient(&chain, "//Alice").await);
    let mut setting = tokio::spawn({
        let client = client.clone();
        async move { client.set_weights(NETUID, &weights(), 0).await }
    });
    while chain.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    chain.upgrade(Spec::V461).unwrap();
    // Blocks come until it is in one.
    let included = loop {
        chain.advance(1).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(200), &mut setting).await;
        if let Ok(done) = waited {
            break done.unwrap().unwrap();
        }
    };
    assert!(included.included.block > 0);
    assert_eq!(client.weights(NETUID, 0).await.unwrap(), weights());
}
