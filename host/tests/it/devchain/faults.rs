//! Faults on purpose, and their end.

use std::time::Duration;

use host::devchain::{Pace, Spec};
use serde_json::json;
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

#[tokio::test]
async fn a_hang_of_so_many_blocks_ends_by_itself_while_the_chain_goes_on() {
    let chain = chain(|_| {}).await;
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    chain.faults().hang_for_blocks(50);
    let call = head(&client);
    tokio::pin!(call);
    chain.advance(49).unwrap();
    assert!(tokio::time::timeout(SILENCE, &mut call).await.is_err());
    let last = chain.advance(1).unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer, format!("0x{}", hex::encode(last.hash)));
}

#[tokio::test]
async fn a_mute_chain_takes_a_connection_and_says_nothing() {
    let chain = chain(|_| {}).await;
    chain.faults().mute();
    let connect = RpcClient::from_insecure_url(chain.url());
    tokio::pin!(connect);
    assert!(tokio::time::timeout(SILENCE, &mut connect).await.is_err());
    chain.faults().heal();
    assert!(head(&connect.await.unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_connection_is_cut_while_a_transaction_waits_and_the_transaction_is_kept() {
    let (chain, client) = super::chain_and_client().await;
    chain.faults().cut_when_submitted();
    let payload = subxt::dynamic::transaction("System", "remark", (vec![1_u8],));
    let mut tx = client.api.tx().await.unwrap();
    let cut = tx
        .sign_and_submit_then_watch_default(&payload, &super::key("Bob"))
        .await;
    let lost = match cut {
        Err(_) => true,
        Ok(progress) => progress.wait_for_finalized().await.is_err(),
    };
    assert!(lost);
    assert_eq!(chain.waiting(), 1);
    chain.advance(1).unwrap();
    assert_eq!(chain.waiting(), 0);
}

#[tokio::test]
async fn metadata_is_served_that_the_chain_does_not_keep_to() {
    let chain = chain(|_| {}).await;
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let metadata = async || -> String {
        let answer = client.request("state_getMetadata", rpc_params![]).await;
        answer.unwrap()
    };
    let right = metadata().await;
    chain.faults().serve_metadata_of(Spec::V393).unwrap();
    assert_ne!(metadata().await, right);
    chain.faults().heal();
    assert_eq!(metadata().await, right);
}

/// What is said on a bare WebSocket: jsonrpsee's client keeps no answer to a
/// question it did not ask.
#[tokio::test]
async fn an_answer_bears_the_number_of_another_request() {
    let chain = chain(|_| {}).await;
    chain.faults().misaddress();
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let answer = tokio::time::timeout(SILENCE, head(&client)).await;
    assert!(!matches!(answer, Ok(Ok(_))));
}

#[tokio::test]
async fn faults_are_had_over_the_rpc_and_taken_back_while_all_else_hangs() {
    let chain = chain(|_| {}).await;
    let url = chain.url();
    let tell = async |method, params| host::devchain::tell(&url, method, params).await;
    tell("dev_fault", vec![json!("hang")]).await.unwrap();
    let client = RpcClient::from_insecure_url(&url).await.unwrap();
    let call = head(&client);
    tokio::pin!(call);
    assert!(tokio::time::timeout(SILENCE, &mut call).await.is_err());
    let made = tell("dev_newBlock", vec![json!(3)]).await.unwrap();
    assert_eq!(chain.head().number, 3);
    tell("dev_heal", vec![]).await.unwrap();
    assert_eq!(json!(call.await.unwrap()), made);
    tell("dev_setHead", vec![json!(1)]).await.unwrap();
    assert_eq!(chain.head().number, 1);
    tell("dev_upgradeRuntime", vec![json!(393)]).await.unwrap();
    chain.advance(1).unwrap();
    assert_eq!(chain.spec(), Spec::V393);
    for (method, params, why) in [
        ("dev_fault", vec![json!("flood")], "there are: hang"),
        ("dev_upgradeRuntime", vec![json!(1)], "393, 461"),
        ("dev_newBlock", vec![json!(1_000_000)], "at most"),
    ] {
        let refused = tell(method, params).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let nobody = host::devchain::tell("ws://127.0.0.1:1", "dev_heal", vec![]).await;
    assert!(nobody.unwrap_err().to_string().contains("host devchain"));
}
