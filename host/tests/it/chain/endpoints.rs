//! Several endpoints: the healthiest is used, and left when another is better.

use host::chain;
use host::subnet::chain::{Chain as _, ChainError};
use serde_json::json;

use super::proxy::{Fate, Proxy, with_result};
use super::*;

/// A node that stopped following the chain at this block and answers well.
async fn stuck_at(chain: &DevChain, hash: [u8; 32]) -> Proxy {
    let proxy = Proxy::to(&chain.url()).await;
    let hash = format!("0x{}", hex::encode(hash));
    proxy.on_answer(move |asked, answer| match asked.method.as_str() {
        "chain_getFinalizedHead" => Fate::Replace(with_result(answer, json!(hash))),
        "chain_finalizedHead" => Fate::Drop,
        _ => Fate::Pass,
    });
    proxy
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lags_behind_loses_to_one_that_does_not() {
    let chain = started(blocks(Pace::Manual)).await;
    let old = chain.head();
    let stuck = stuck_at(&chain, old.hash).await;
    let mut timing = timing();
    // Only the comparison may tell: the watchdog would find out, too.
    timing.silence_limit = Duration::from_secs(600);
    timing.scout_interval = Duration::from_millis(200);
    let options = chain::Options {
        endpoints: vec![stuck.url(), chain.url()],
        expected_genesis: None,
        timing,
    };
    let client = node_with(options, "//Alice");
    connected(&client).await;
    assert_eq!(client.metagraph(NETUID).await.unwrap().block, old.number);
    let head = chain.advance(30).unwrap();
    assert_eq!(sees(&client, head.number).await, head.number);
    assert_eq!(client.metagraph(NETUID).await.unwrap().block, head.number);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_endpoint_is_better_than_none() {
    let chain = started(blocks(Pace::Manual)).await;
    let old = chain.head();
    let stuck = stuck_at(&chain, old.hash).await;
    chain.advance(30).unwrap();
    let client = node(&["ws://127.0.0.1:1".to_owned(), stuck.url()], "//Alice").await;
    assert_eq!(client.metagraph(NETUID).await.unwrap().block, old.number);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_of_another_network_does_not_spoil_the_right_one() {
    let (right, other) = (started(quick()).await, started(quick()).await);
    let options = |endpoints| chain::Options {
        endpoints,
        expected_genesis: Some(right.genesis()),
        timing: timing(),
    };
    let client = node_with(options(vec![other.url(), right.url()]), "//Alice");
    connected(&client).await;
    let network = client.network().await.unwrap();
    assert_eq!(network.genesis, right.genesis());

    let lost = node_with(options(vec![other.url()]), "//Alice");
    let error = lost.metagraph(NETUID).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongNetwork(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_cut_off_gives_way_and_may_come_back() {
    let chain = started(quick()).await;
    let (one, two) = (Proxy::to(&chain.url()).await, Proxy::to(&chain.url()).await);
    let client = node(&[one.url(), two.url()], "//Alice").await;
    for down in [&one, &two, &one] {
        down.on_request(|_| Fate::Cut);
        let seen = client.heads().borrow().number;
        sees(&client, seen + 10).await;
        assert!(client.metagraph(NETUID).await.is_ok());
        down.on_request(|_| Fate::Pass);
    }
}
