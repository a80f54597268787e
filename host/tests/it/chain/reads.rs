//! What is read, in how many calls, and from runtimes that have less.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use host::subnet::chain::{Chain as _, ChainError};
use parity_scale_codec::{Decode as _, Encode as _};
use serde_json::{Value, json};

use super::proxy::{Fate, Proxy, with_result};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_metagraph_takes_one_runtime_call_and_one_for_what_it_lacks() {
    let chain = started(blocks(Pace::Manual)).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    client.metagraph(NETUID).await.unwrap();
    let about_heads = |method: &str| method.starts_with("chain_");
    proxy.taken();
    client.metagraph(NETUID).await.unwrap();
    let (asked, _) = proxy.taken();
    let mut methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
    methods.retain(|method| !about_heads(method));
    methods.sort_unstable();
    assert_eq!(methods, ["state_call", "state_queryStorageAt"]);
    // All of it at one block.
    let hash = format!("0x{}", hex::encode(chain.head().hash));
    for asked in asked.iter().filter(|asked| !about_heads(&asked.method)) {
        let params = asked.params.as_array().unwrap();
        assert_eq!(params.last().unwrap(), &json!(hash));
    }
}

/// The same metadata without the newest function for subnets.
fn without_get_metagraph(answer: &Value) -> Value {
    let bytes = hex::decode(answer["result"].as_str().unwrap().trim_start_matches("0x")).unwrap();
    let inner = Option::<Vec<u8>>::decode(&mut &*bytes).unwrap().unwrap();
    let mut metadata = RuntimeMetadataPrefixed::decode(&mut &*inner).unwrap();
    let RuntimeMetadata::V15(described) = &mut metadata.1 else {
        panic!("version 15 was asked for");
    };
    for api in &mut described.apis {
        api.methods.retain(|method| method.name != "get_metagraph");
    }
    let older = Some(metadata.encode()).encode();
    with_result(answer, json!(format!("0x{}", hex::encode(older))))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_runtime_s_subnet_reads_the_same_in_a_few_calls_more() {
    let chain = started(blocks(Pace::EveryMs(40))).await;
    let miner = node(&[chain.url()], "//Bob").await;
    miner.register(NETUID, ENOUGH_RAO).await.unwrap();
    let axon = axon("127.0.0.2:8091");
    miner.serve_axon(NETUID, axon).await.unwrap();
    chain.faults().stop_blocks();

    let proxy = Proxy::to(&chain.url()).await;
    proxy.on_answer(
        |asked, answer| match asked.params[0] == "Metadata_metadata_at_version" {
            true => Fate::Replace(without_get_metagraph(answer)),
            false => Fate::Pass,
        },
    );
    let older = node(&[proxy.url()], "//Bob").await;
    // A block may have been under way.
    let (new, mut old) = loop {
        let new = miner.metagraph(NETUID).await.unwrap();
        let old = older.metagraph(NETUID).await.unwrap();
        if new.block == old.block {
            break (new, old);
        }
    };
    for (new, old) in new.neurons.iter().zip(&mut old.neurons) {
        // Counted otherwise: with TAO from the root, and without.
        old.stake_rao = new.stake_rao;
    }
    assert_eq!(old, new);
    let error = older.metagraph(9).await.unwrap_err();
    assert_eq!(error, ChainError::NoSuchSubnet(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_answers_one_value_at_a_time_will_do() {
    let chain = started(blocks(Pace::Manual)).await;
    let proxy = Proxy::to(&chain.url()).await;
    proxy.on_answer(
        |asked, answer| match asked.method == "state_queryStorageAt" {
            true => Fate::Replace(json!({
                "jsonrpc": "2.0",
                "id": answer["id"],
                "error": { "code": -32601, "message": "Method not found" },
            })),
            false => Fate::Pass,
        },
    );
    let (plain, poor) = (
        node(&[chain.url()], "//Alice").await,
        node(&[proxy.url()], "//Alice").await,
    );
    assert_eq!(
        poor.metagraph(NETUID).await.unwrap(),
        plain.metagraph(NETUID).await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_subnets_are_listed_with_their_price() {
    let chain = started(blocks(Pace::Manual)).await;
    let client = node(&[chain.url()], "//Alice").await;
    let subnets = client.subnets().await.unwrap();
    let own = subnets.iter().find(|s| s.netuid == NETUID).unwrap();
    let metagraph = client.metagraph(NETUID).await.unwrap();
    assert_eq!(own.burn_rao, metagraph.rules.burn_rao);
    assert_eq!(own.max_uids, metagraph.rules.max_uids);
    assert_eq!(usize::from(own.neurons), metagraph.neurons.len());
    assert_eq!(client.slot_price_rao(NETUID).await.unwrap(), own.burn_rao);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axon_that_was_withdrawn_is_announced_no_more() {
    let chain = started(devchain::Options {
        serving_rate_limit: 0,
        ..quick()
    })
    .await;
    let client = node(&[chain.url()], "//Alice").await;
    let there = axon("127.0.0.2:8091");
    client.serve_axon(NETUID, there).await.unwrap();
    let own = |metagraph: host::subnet::chain::Metagraph| metagraph.neurons[0].axon;
    assert_eq!(own(client.metagraph(NETUID).await.unwrap()), Some(there));
    client.withdraw_axon(NETUID).await.unwrap();
    assert_eq!(own(client.metagraph(NETUID).await.unwrap()), None);
    let short = client.serve_axon_tls(NETUID, there, &[1]).await;
    assert_eq!(refusal(short.unwrap_err()).0, "InvalidCertificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hotkey_publishes_everybody_can_read() {
    let chain = started(quick()).await;
    let (client, other) = (
        node(&[chain.url()], "//Alice").await,
        node(&[chain.url()], "//Bob").await,
    );
    let alice = Hotkey::development("//Alice").unwrap().account();
    assert_eq!(other.commitment(NETUID, alice).await.unwrap(), None);
    for text in [&b"https://example.com"[..], &[b'x'; 300]] {
        let included = client.set_commitment(NETUID, text).await.unwrap();
        let found = other.commitment(NETUID, alice).await.unwrap().unwrap();
        assert_eq!(found.block, included.block);
        assert_eq!(found.fields[0].bytes, text);
    }
    let long = client.set_commitment(NETUID, &[b'x'; 513]).await;
    assert_eq!(refusal(long.unwrap_err()).0, "TooLong");
    let stranger = other.set_commitment(NETUID, b"x").await.unwrap_err();
    assert_eq!(refusal(stranger).0, "AccountNotAllowedCommit");
}
