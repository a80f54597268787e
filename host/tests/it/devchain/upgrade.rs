//! A runtime exchanged while clients are connected.

use host::devchain::{Options, Spec};
use serde_json::json;
use subxt::dynamic::{self, Value};
use subxt::rpcs::{RpcClient, rpc_params};

use super::chain;
use super::client::{Client, key};
use super::with_neurons;

fn old(options: &mut Options) {
    options.spec = Spec::V393;
}

async fn spec_version(rpc: &RpcClient) -> serde_json::Value {
    let version: serde_json::Value = rpc
        .request("state_getRuntimeVersion", rpc_params![])
        .await
        .unwrap();
    version["specVersion"].clone()
}

#[tokio::test]
async fn storage_outlives_an_upgrade_and_the_new_runtime_answers() {
    let chain = chain(old).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 2000)]).await;
    let before: u16 = client.get("SubnetworkN", (1_u16,)).await;
    let rpc = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    assert_eq!(spec_version(&rpc).await, json!(393));
    chain.upgrade(Spec::V461).unwrap();
    let upgraded = chain.advance(1).unwrap();
    assert_eq!(
        (chain.spec(), spec_version(&rpc).await),
        (Spec::V461, json!(461))
    );
    // The block that brings it says so, and what was is as it was.
    let header: serde_json::Value = rpc.request("chain_getHeader", rpc_params![]).await.unwrap();
    assert_eq!(header["digest"]["logs"][1], "0x08");
    let hash = format!("0x{}", hex::encode(upgraded.hash));
    let parent = header["parentHash"].as_str().unwrap();
    for (at, spec) in [(hash.as_str(), 461), (parent, 393)] {
        let version: serde_json::Value = rpc
            .request("state_getRuntimeVersion", rpc_params![at])
            .await
            .unwrap();
        assert_eq!(version["specVersion"], json!(spec));
    }
    let client = Client::connect(&chain.url()).await;
    assert_eq!(client.get::<u16, _>("SubnetworkN", (1_u16,)).await, before);
    with_neurons(&chain, &client, &[("Charlie", 0)]).await;
    assert_eq!(
        client.get::<u16, _>("SubnetworkN", (1_u16,)).await,
        before + 1
    );
}

#[tokio::test]
async fn an_extrinsic_signed_for_the_old_runtime_is_refused_by_the_new() {
    let chain = chain(old).await;
    let client = Client::connect(&chain.url()).await;
    let payload = dynamic::transaction("System", "remark", (vec![1_u8],));
    let mut tx = client.api.tx().await.unwrap();
    let signed = tx
        .create_signed(&payload, &key("Bob"), Default::default())
        .await;
    let bytes = format!("0x{}", hex::encode(signed.unwrap().into_encoded()));
    chain.upgrade(Spec::V461).unwrap();
    chain.advance(1).unwrap();
    let rpc = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let refused: Result<serde_json::Value, _> = rpc
        .request("author_submitExtrinsic", rpc_params![bytes])
        .await;
    let refused = format!("{:?}", refused.unwrap_err());
    assert!(refused.contains("1010"), "{refused}");
}

#[tokio::test]
async fn subscribers_hear_of_an_upgrade_and_of_nothing_else() {
    let chain = chain(old).await;
    let rpc = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let mut versions = rpc
        .subscribe::<serde_json::Value>(
            "state_subscribeRuntimeVersion",
            rpc_params![],
            "state_unsubscribeRuntimeVersion",
        )
        .await
        .unwrap();
    let first = versions.next().await.unwrap().unwrap();
    chain.advance(3).unwrap();
    chain.upgrade(Spec::V461).unwrap();
    chain.advance(3).unwrap();
    let second = versions.next().await.unwrap().unwrap();
    let specs = [first, second].map(|version| version["specVersion"].clone());
    assert_eq!(specs, [json!(393), json!(461)]);
}

#[tokio::test]
async fn going_back_takes_an_upgrade_back() {
    let chain = chain(old).await;
    chain.advance(1).unwrap();
    chain.upgrade(Spec::V461).unwrap();
    chain.advance(2).unwrap();
    chain.go_back(1);
    assert_eq!(chain.spec(), Spec::V393);
}

#[tokio::test]
async fn the_old_runtime_answers_what_a_client_reads_of_a_subnet() {
    let chain = chain(old).await;
    let client = Client::connect(&chain.url()).await;
    with_neurons(&chain, &client, &[("Bob", 2000)]).await;
    for method in [
        "get_metagraph",
        "get_subnet_hyperparams",
        "get_subnet_hyperparams_v2",
        "get_dynamic_info",
        "get_subnet_info_v2",
        "get_subnet_state",
    ] {
        let answer: Value = client.ask("SubnetInfoRuntimeApi", method, (1_u16,)).await;
        assert!(answer.to_string().starts_with("Some"), "{method}");
    }
    client
        .run(
            &chain,
            "Alice",
            "set_weights",
            (1_u16, vec![1_u16], vec![1_u16], 0_u64),
        )
        .await
        .unwrap();
    chain.advance(12).unwrap();
    let incentive: Vec<u16> = client.get("Incentive", (1_u16,)).await;
    assert_eq!(incentive, [0, u16::MAX]);
}
