//! Faults on purpose, and their end.

use std::time::Duration;

use host::devchain::Pace;
use subxt::rpcs::{RpcClient, rpc_params};

use super::chain;

/// Long enough for a local answer, short enough for a test.
const SILENCE: Duration = Duration::from_millis(200);

async fn head(client: &RpcClient) -> Result<String, subxt::rpcs::Error> {
    client.request("chain_getHead", rpc_params![]).await
}

#[tokio::test]
async fn a_chain_that_hangs_answers_when_it_is_healed() {
    let chain = chain(|_| {}).await;
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    chain.faults().hang();
    let call = head(&client);
    tokio::pin!(call);
    assert!(tokio::time::timeout(SILENCE, &mut call).await.is_err());
    chain.faults().heal();
    assert!(call.await.is_ok());
}

#[tokio::test]
async fn a_chain_answers_nonsense_until_it_is_healed() {
    let chain = chain(|_| {}).await;
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    chain.faults().answer_nonsense();
    assert_eq!(head(&client).await.unwrap(), "0xnonsense");
    chain.faults().heal();
    assert_eq!(head(&client).await.unwrap().len(), 66);
}

#[tokio::test]
async fn cut_connections_are_gone_and_new_ones_are_taken() {
    let chain = chain(|_| {}).await;
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    assert!(head(&client).await.is_ok());
    chain.faults().cut_connections();
    assert!(head(&client).await.is_err());
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    assert!(head(&client).await.is_ok());
}

#[tokio::test]
async fn a_chain_that_goes_back_builds_other_blocks() {
    let chain = chain(|_| {}).await;
    let first = chain.advance(3).unwrap();
    let back = chain.go_back(1);
    assert_eq!((back.number, chain.head().number), (1, 1));
    let second = chain.advance(2).unwrap();
    assert_eq!(second.number, first.number);
    assert_ne!(second.hash, first.hash);
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let gone: Option<serde_json::Value> = client
        .request(
            "chain_getHeader",
            rpc_params![format!("0x{}", hex::encode(first.hash))],
        )
        .await
        .unwrap();
    assert!(gone.is_none());
}

#[tokio::test]
async fn blocks_come_by_themselves_until_they_are_stopped() {
    let chain = chain(|options| options.pace = Pace::EveryMs(1)).await;
    chain.wait_for_block(3).await;
    chain.faults().stop_blocks();
    // A block may be under way.
    let mut heads = chain.heads();
    while tokio::time::timeout(SILENCE, heads.changed()).await.is_ok() {}
    let stopped = heads.borrow().number;
    chain.faults().heal();
    chain.wait_for_block(stopped + 2).await;
}

#[tokio::test]
async fn a_stopped_chain_frees_its_port() {
    let chain = chain(|_| {}).await;
    let (address, url) = (chain.address(), chain.url());
    let client = RpcClient::from_insecure_url(&url).await.unwrap();
    chain.stop().await;
    assert!(head(&client).await.is_err());
    assert!(RpcClient::from_insecure_url(&url).await.is_err());
    tokio::net::TcpListener::bind(address).await.unwrap();
}
