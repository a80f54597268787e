//! A node that does not keep to the protocol, or to what it said of itself: the
//! client says so within a bounded time, and goes on when it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use host::subnet::chain::{Chain as _, ChainError};
use host::subnet::weights::Weights;
use serde_json::json;
use subxt::rpcs::{RpcClient, rpc_params};

use super::proxy::{Asked, Fate, Proxy, with_error, with_result};
use super::*;

/// Longer than every deadline of these tests together, on a busy machine.
const BOUND: Duration = Duration::from_secs(60);
const METAGRAPH: &str = "SubnetInfoRuntimeApi_get_metagraph";
const SUBMIT: &str = "author_submitAndWatchExtrinsic";

fn is_call_of(asked: &Asked, function: &str) -> bool {
    asked.method == "state_call" && asked.params[0] == function
}

fn weights() -> Weights {
    Weights(vec![(0, u16::MAX)])
}

/// Extrinsics of Alice that were ever accepted.
async fn accepted(chain: &DevChain) -> u64 {
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let alice = Hotkey::development("//Alice").unwrap().account().to_ss58();
    client
        .request("system_accountNextIndex", rpc_params![alice])
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_request_ends_the_connection_and_not_the_client() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    proxy.on_answer(|asked, answer| match is_call_of(asked, METAGRAPH) {
        true => {
            let mut other = answer.clone();
            other["id"] = json!(answer["id"].as_u64().unwrap_or_default() + 1_000_000);
            Fate::Replace(other)
        }
        false => Fate::Pass,
    });
    let asked = tokio::time::timeout(BOUND, client.metagraph(NETUID)).await;
    let error = asked.expect("it is bounded").unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    proxy.on_answer(|_, _| Fate::Pass);
    connected(&client).await;
    assert!(client.metagraph(NETUID).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_questions_and_never_answers_is_left_in_bounded_time() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    proxy.on_answer(|_, _| Fate::Drop);
    let asked = tokio::time::timeout(BOUND, client.metagraph(NETUID)).await;
    let error = asked.expect("it is bounded").unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    proxy.on_answer(|_, _| Fate::Pass);
    connected(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_keep_to_its_metadata_gives_way_to_one_that_does() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    proxy.on_answer(|asked, answer| match is_call_of(asked, METAGRAPH) {
        true => Fate::Replace(with_result(answer, json!("0x01ffffffffffff"))),
        false => Fate::Pass,
    });
    let lone = node(&[proxy.url()], "//Alice").await;
    let error = lone.metagraph(NETUID).await.unwrap_err();
    assert!(matches!(error, ChainError::Nonsense(_)), "{error}");

    let client = node(&[proxy.url(), chain.url()], "//Alice").await;
    let found = async {
        while client.metagraph(NETUID).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(BOUND, found).await;
    assert!(found.is_ok(), "it never tried the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_metadata_is_garbage_gives_way_to_one_that_has_some() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    proxy.on_answer(|asked, answer| {
        match is_call_of(asked, "Metadata_metadata_at_version") {
            // Says so many types and has none.
            true => Fate::Replace(with_result(answer, json!("0x01286d6574610ffeffffff00"))),
            false => Fate::Pass,
        }
    });
    let client = node(&[proxy.url(), chain.url()], "//Alice").await;
    assert!(client.metagraph(NETUID).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_faulty_chain_head_is_served_by_the_legacy_calls_alone() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    proxy.on_answer(|asked, answer| match asked.method.as_str() {
        "rpc_methods" => Fate::Replace(with_result(
            answer,
            json!({ "methods": ["chainHead_v1_follow", "archive_v1_body"] }),
        )),
        _ => Fate::Pass,
    });
    proxy.on_request(|asked| match asked.method.contains("_v1_") {
        true => Fate::Cut,
        false => Fate::Pass,
    });
    let client = node(&[proxy.url()], "//Alice").await;
    sees(&client, 2).await;
    client.metagraph(NETUID).await.unwrap();
    client.set_weights(NETUID, &weights(), 0).await.unwrap();
    client.subnets().await.unwrap();
    let (asked, _) = proxy.taken();
    let legacy = ["chain_", "state_", "author_", "system_", "account_"];
    for asked in asked {
        let method = &asked.method;
        assert!(legacy.iter().any(|l| method.starts_with(l)), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_acceptance_was_lost_with_the_connection_is_not_made_twice() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    let mut cut = false;
    proxy.on_request(move |asked| {
        match asked.method == SUBMIT && !std::mem::replace(&mut cut, true) {
            true => Fate::Cut,
            false => Fate::Pass,
        }
    });
    let set = tokio::time::timeout(BOUND, client.set_weights(NETUID, &weights(), 0)).await;
    let included = set.expect("it is bounded").unwrap();
    assert!(included.block > 0);
    assert_eq!(accepted(&chain).await, 1);
    assert_eq!(client.weights(NETUID, 0).await.unwrap(), weights());
}

/// What a submission comes to when the pool answers so.
async fn refused_by_pool(code: i32, data: &'static str) -> (String, String) {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    proxy.on_answer(move |asked, answer| match asked.method == SUBMIT {
        true => Fate::Replace(with_error(answer, code, data)),
        false => Fate::Pass,
    });
    let axon = axon("127.0.0.2:8091");
    refusal(client.serve_axon(NETUID, axon).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pool_says_no_with_has_a_name_and_a_remedy() {
    for (code, data, name) in [
        (1010, "Custom error: 12", "ServingRateLimitExceeded"),
        (1010, "Custom error: 10", "HotKeyNotRegisteredInNetwork"),
        (1010, "Inability to pay some fees", "Payment"),
        (1012, "", "TemporarilyBanned"),
        (1014, "", "PriorityTooLow"),
        (1016, "", "PoolFull"),
    ] {
        let (told, remedy) = refused_by_pool(code, data).await;
        assert_eq!(told, name);
        assert!(remedy.contains(' '), "{remedy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_somebody_else_took_is_replaced() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    proxy.on_answer(move |asked, answer| {
        if asked.method != SUBMIT {
            return Fate::Pass;
        }
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Fate::Replace(with_error(answer, 1014, "Priority is too low")),
            _ => Fate::Pass,
        }
    });
    // Whatever the first one became, the second tells.
    client.set_weights(NETUID, &weights(), 0).await.unwrap();
    assert!(tries.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_differ_in_nonce_though_the_node_offers_each_the_same() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    // As a node does that has not heard of what another node's pool holds.
    proxy.on_answer(
        |asked, answer| match asked.method == "system_accountNextIndex" {
            true => Fate::Replace(with_result(answer, json!(0))),
            false => Fate::Pass,
        },
    );
    let there = weights();
    let (one, two, three) = tokio::join!(
        client.set_weights(NETUID, &there, 0),
        client.serve_axon(NETUID, axon("127.0.0.2:8091")),
        client.set_weights(NETUID, &there, 0),
    );
    for result in [one, two, three] {
        result.unwrap();
    }
    assert_eq!(accepted(&chain).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_any_shape_are_nonsense_and_no_more() {
    let chain = started(quick()).await;
    let proxy = Proxy::to(&chain.url()).await;
    let client = node(&[proxy.url()], "//Alice").await;
    for odd in [
        json!(null),
        json!(7),
        json!(["0x00"]),
        json!({}),
        json!("0x0"),
        json!("0x01".to_owned() + &"ff".repeat(4096)),
    ] {
        proxy.on_answer(move |asked, answer| match is_call_of(asked, METAGRAPH) {
            true => Fate::Replace(with_result(answer, odd.clone())),
            false => Fate::Pass,
        });
        let error = client.metagraph(NETUID).await.unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}
