//! The chain client against the development chain: what works, what is refused,
//! and what happens when the chain misbehaves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cli;
mod endpoints;
mod faults;
mod proxy;
mod reads;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use host::chain::{self, Keys, Subtensor, Timing};
use host::devchain::{self, DevChain, Pace};
use host::subnet::chain::{AxonInfo, Chain as _, ChainError};
use host::subnet::events::{Event, Observer, Unobserved};
use host::subnet::key::Signer;
use host::subnet::weights::Weights;
use host::wallet::{Coldkey, Hotkey};
use tokio::sync::watch;

/// The subnet of every development chain.
const NETUID: u16 = devchain::Options::NETUID;
/// More than any slot costs here.
const ENOUGH_RAO: u64 = 1_000_000_000_000;

/// Short enough for a test to see each of them pass.
fn timing() -> Timing {
    Timing {
        rpc_deadline: Duration::from_secs(2),
        silence_limit: Duration::from_secs(2),
        poll_interval: Duration::from_millis(100),
        inclusion_deadline: Duration::from_secs(30),
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(100),
        scout_interval: Duration::from_secs(2),
    }
}

fn blocks(pace: Pace) -> devchain::Options {
    devchain::Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        pace,
        ..devchain::Options::default()
    }
}

fn quick() -> devchain::Options {
    blocks(Pace::EveryMs(40))
}

async fn started(options: devchain::Options) -> DevChain {
    devchain::start(options).await.unwrap()
}

/// A connected node of the hotkey and coldkey at `uri`.
async fn node(urls: &[String], uri: &'static str) -> Subtensor {
    let client = lone_node(urls, uri);
    connected(&client).await;
    client
}

/// A node that may not be connected yet.
fn lone_node(urls: &[String], uri: &'static str) -> Subtensor {
    node_with(
        chain::Options {
            endpoints: urls.to_vec(),
            expected_genesis: None,
            timing: timing(),
        },
        uri,
    )
}

fn node_with(options: chain::Options, uri: &'static str) -> Subtensor {
    let hotkey: Arc<dyn Signer> = Arc::new(Hotkey::development(uri).unwrap());
    let keys = Keys {
        hotkey: Some(hotkey),
        coldkey: Some(Arc::new(move || {
            let coldkey = Coldkey::development(uri).map_err(|error| error.to_string())?;
            Ok(Arc::new(coldkey) as Arc<dyn Signer>)
        })),
    };
    chain::connect(options, keys, Arc::new(Unobserved)).unwrap()
}

/// Counts connections and calls that failed.
#[derive(Default)]
struct Failures(watch::Sender<u64>);

impl Observer for Failures {
    fn observe(&self, event: Event) {
        if event == Event::RpcFailed {
            self.0.send_modify(|count| *count += 1);
        }
    }
}

fn axon(address: &str) -> AxonInfo {
    AxonInfo {
        address: address.parse().unwrap(),
        protocol: 4,
        version: 1,
    }
}

fn refusal(error: ChainError) -> (String, String) {
    match error {
        ChainError::Refused { name, remedy } => (name, remedy),
        other => panic!("{other}"),
    }
}

/// Waits for the connection: a busy machine needs some seconds for metadata.
async fn connected(client: &Subtensor) {
    for _ in 0..30 {
        if client.network().await.is_ok() {
            return;
        }
    }
    panic!("no connection");
}

/// Waits until the client has seen a block of at least this height.
async fn sees(client: &Subtensor, height: u64) -> u64 {
    let mut heads = client.heads();
    let seen = heads.wait_for(|head| head.number >= height);
    let seen = tokio::time::timeout(Duration::from_secs(20), seen).await;
    seen.unwrap().unwrap().number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neuron_registers_serves_and_is_weighed() {
    let chain = started(quick()).await;
    let urls = [chain.url()];
    let (miner, validator) = (node(&urls, "//Bob").await, node(&urls, "//Alice").await);
    let network = miner.network().await.unwrap();
    assert!(network.development);
    assert_eq!(
        (network.genesis, network.spec_version),
        (chain.genesis(), 461)
    );

    let included = miner.register(NETUID, ENOUGH_RAO).await.unwrap();
    miner
        .serve_axon(NETUID, axon("127.0.0.2:8091"))
        .await
        .unwrap();
    let bob = Hotkey::development("//Bob").unwrap().account();
    let metagraph = miner.metagraph(NETUID).await.unwrap();
    let neuron = metagraph.neuron(&bob).unwrap();
    assert_eq!(neuron.registered_at, included.block);
    assert_eq!(neuron.axon, Some(axon("127.0.0.2:8091")));
    assert_eq!(metagraph.burn_uid(), Some(0));
    assert!(metagraph.next_epoch_block.unwrap() > metagraph.block);

    let weights = Weights(vec![(neuron.uid, u16::MAX)]);
    validator.set_weights(NETUID, &weights, 0).await.unwrap();
    assert_eq!(validator.weights(NETUID, 0).await.unwrap(), weights);
    let miner_s = validator.weights(NETUID, neuron.uid).await.unwrap();
    assert_eq!(miner_s, Weights::default());
    assert_eq!(
        validator.weights(NETUID, 7).await.unwrap_err(),
        ChainError::NoSuchUid {
            netuid: NETUID,
            uid: 7,
            neurons: 2
        }
    );

    // The epoch that it is counted in pays the miner.
    let metagraph = validator.metagraph(NETUID).await.unwrap();
    sees(&validator, metagraph.next_epoch_block.unwrap() + 1).await;
    let later = validator.metagraph(NETUID).await.unwrap();
    assert!(later.epoch > metagraph.epoch);
    assert_eq!(later.neuron(&bob).unwrap().incentive, u16::MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_ends_at_the_block_that_was_foretold() {
    let chain = started(blocks(Pace::Manual)).await;
    let client = node(&[chain.url()], "//Alice").await;
    let first = client.metagraph(NETUID).await.unwrap();
    let end = first.next_epoch_block.unwrap();
    chain.advance(end - first.block - 1).unwrap();
    let before = client.metagraph(NETUID).await.unwrap();
    assert_eq!(
        (before.epoch, before.next_epoch_block),
        (first.epoch, Some(end))
    );
    chain.advance(1).unwrap();
    let after = client.metagraph(NETUID).await.unwrap();
    assert_eq!((after.block, after.epoch), (end, first.epoch + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_chain_s_own_names_and_a_remedy() {
    let chain = started(devchain::Options {
        weights_rate_limit: 1000,
        serving_rate_limit: 1000,
        ..quick()
    })
    .await;
    let urls = [chain.url()];
    let (miner, validator) = (node(&urls, "//Bob").await, node(&urls, "//Alice").await);
    let weights = Weights(vec![(0, u16::MAX)]);

    let stranger = miner.set_weights(NETUID, &weights, 0).await.unwrap_err();
    assert_eq!(refusal(stranger).0, "StakeAmountTooLow");
    miner.register(NETUID, ENOUGH_RAO).await.unwrap();
    let twice = miner.register(NETUID, ENOUGH_RAO).await.unwrap_err();
    assert_eq!(refusal(twice).0, "HotKeyAlreadyRegisteredInSubNet");

    let loopback = miner.serve_axon(NETUID, axon("127.0.0.1:8091")).await;
    let (name, remedy) = refusal(loopback.unwrap_err());
    assert_eq!(name, "InvalidIpAddress");
    assert!(remedy.contains("--axon.external_ip"));
    let there = axon("127.0.0.2:8091");
    miner.serve_axon(NETUID, there).await.unwrap();
    let again = miner.serve_axon(NETUID, there).await.unwrap_err();
    let (name, remedy) = refusal(again);
    assert_eq!(name, "ServingRateLimitExceeded");
    assert!(remedy.contains("allowed from block "), "{remedy}");

    let sent = validator.set_weights(NETUID, &weights, 0).await.unwrap();
    assert_eq!(sent.commit, None);
    let included = sent.included;
    let soon = validator.set_weights(NETUID, &weights, 0).await;
    let (_, remedy) = refusal(soon.unwrap_err());
    let allowed = format!("from block {} on", included.block + 1000);
    assert!(remedy.contains(&allowed), "{remedy}");

    let elsewhere = miner.metagraph(9).await.unwrap_err();
    assert_eq!(elsewhere, ChainError::NoSuchSubnet(9));
    let elsewhere = miner.register(9, ENOUGH_RAO).await.unwrap_err();
    assert_eq!(elsewhere, ChainError::NoSuchSubnet(9));
    let elsewhere = miner.weights(9, 0).await.unwrap_err();
    assert_eq!(elsewhere, ChainError::NoSuchSubnet(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_above_the_limit_is_not_bought() {
    // The price falls with every block: this chain makes none.
    let chain = started(blocks(Pace::Manual)).await;
    let miner = node(&[chain.url()], "//Bob").await;
    let price_rao = miner.metagraph(NETUID).await.unwrap().rules.burn_rao;
    let error = miner.register(NETUID, price_rao - 1).await.unwrap_err();
    assert_eq!(
        error,
        ChainError::TooDear {
            price_rao,
            limit_rao: price_rao - 1
        }
    );
    assert_eq!(miner.metagraph(NETUID).await.unwrap().neurons.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_made_at_once_do_not_take_each_other_s_nonce() {
    let chain = started(quick()).await;
    let alice = node(&[chain.url()], "//Alice").await;
    let weights = Weights(vec![(0, u16::MAX)]);
    let (one, two, three, four) = tokio::join!(
        alice.set_weights(NETUID, &weights, 0),
        alice.serve_axon(NETUID, axon("127.0.0.2:8091")),
        alice.set_weights(NETUID, &weights, 0),
        alice.set_weights(NETUID, &weights, 0),
    );
    two.unwrap();
    for sent in [one, three, four] {
        sent.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_before_its_chain() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let client = lone_node(&[format!("ws://{address}")], "//Alice");
    assert!(matches!(
        client.network().await,
        Err(ChainError::Unreachable(_))
    ));
    let _chain = started(devchain::Options {
        listen: address,
        ..quick()
    })
    .await;
    sees(&client, 1).await;
    assert!(client.metagraph(NETUID).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_hangs_is_given_up_and_found_again() {
    let chain = started(quick()).await;
    let client = node(&[chain.url()], "//Alice").await;
    let before = sees(&client, 1).await;
    chain.faults().hang();
    let error = client.metagraph(NETUID).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    chain.faults().heal();
    sees(&client, before + 20).await;
    assert!(client.metagraph(NETUID).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_stops_is_given_up_and_found_again() {
    let chain = started(quick()).await;
    let failures = Arc::new(Failures::default());
    let options = chain::Options {
        endpoints: vec![chain.url()],
        expected_genesis: None,
        timing: timing(),
    };
    let client = chain::connect(options, Keys::default(), failures.clone()).unwrap();
    let before = sees(&client, 1).await;
    chain.faults().stop_blocks();
    let mut count = failures.0.subscribe();
    let now = *count.borrow_and_update();
    count.wait_for(|count| *count > now).await.unwrap();
    chain.faults().heal();
    sees(&client, before + 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_makes_no_sense_is_said_to_make_none() {
    let chain = started(quick()).await;
    let client = node(&[chain.url()], "//Alice").await;
    let before = sees(&client, 1).await;
    chain.faults().answer_nonsense();
    let error = client.metagraph(NETUID).await.unwrap_err();
    assert!(matches!(error, ChainError::Nonsense(_)), "{error}");
    chain.faults().heal();
    sees(&client, before + 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_comes_back() {
    let chain = started(quick()).await;
    let client = node(&[chain.url()], "//Alice").await;
    for _ in 0..3 {
        let seen = client.heads().borrow().number;
        chain.faults().cut_connections();
        sees(&client, seen + 5).await;
        assert!(client.metagraph(NETUID).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_connection_is_cut_is_found_in_its_block() {
    let chain = Arc::new(started(blocks(Pace::Manual)).await);
    let client = Arc::new(node(&[chain.url()], "//Alice").await);
    client.network().await.unwrap();
    let setting = tokio::spawn({
        let client = client.clone();
        async move {
            let weights = Weights(vec![(0, u16::MAX)]);
            client.set_weights(NETUID, &weights, 0).await
        }
    });
    while chain.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    chain.faults().cut_connections();
    let head = chain.advance(1).unwrap();
    let included = setting.await.unwrap().unwrap().included;
    assert_eq!((included.block, included.hash), (head.number, head.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_never_included_is_unknown() {
    let chain = started(blocks(Pace::Manual)).await;
    let mut timing = timing();
    timing.inclusion_deadline = Duration::from_secs(1);
    let client = node_with(
        chain::Options {
            endpoints: vec![chain.url()],
            expected_genesis: Some(chain.genesis()),
            timing,
        },
        "//Alice",
    );
    connected(&client).await;
    let weights = Weights(vec![(0, u16::MAX)]);
    let error = client.set_weights(NETUID, &weights, 0).await.unwrap_err();
    assert_eq!(error, ChainError::Unknown(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_goes_back_does_not_take_the_head_along() {
    let chain = started(blocks(Pace::Manual)).await;
    let client = node(&[chain.url()], "//Alice").await;
    chain.advance(20).unwrap();
    assert_eq!(sees(&client, 20).await, 20);
    chain.go_back(15);
    assert_eq!(client.metagraph(NETUID).await.unwrap().block, 15);
    assert_eq!(client.heads().borrow().number, 20);
    let head = chain.advance(6).unwrap();
    assert_eq!(sees(&client, 21).await, 21);
    assert_eq!(client.heads().borrow().hash, head.hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_under_the_same_address_is_refused() {
    let chain = started(quick()).await;
    let address = chain.address();
    let client = node(&[chain.url()], "//Alice").await;
    sees(&client, 1).await;
    chain.stop().await;
    let _another = started(devchain::Options {
        listen: address,
        ..quick()
    })
    .await;
    let error = loop {
        match client.network().await {
            Err(error @ ChainError::WrongNetwork(_)) => break error,
            Err(ChainError::Unreachable(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(error.to_string().contains("genesis"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_not_the_configured_one_is_refused() {
    let chain = started(quick()).await;
    let client = node_with(
        chain::Options {
            endpoints: vec![chain.url()],
            expected_genesis: Some(chain::networks::FINNEY_GENESIS),
            timing: timing(),
        },
        "//Alice",
    );
    let error = client.metagraph(NETUID).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongNetwork(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_gives_way_to_the_next() {
    let chain = started(quick()).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Takes connections and says nothing.
    let silent = format!("ws://{}", port.local_addr().unwrap());
    // Not TLS behind it: fails as a handshake, not as a whole.
    let plain = chain.url().replace("ws://", "wss://");
    let urls = ["ws://127.0.0.1:1".to_owned(), silent, plain, chain.url()];
    let client = node(&urls, "//Alice").await;
    sees(&client, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_connect_is_refused_at_once() {
    for endpoints in [vec![], vec!["http://127.0.0.1:9944".to_owned()]] {
        let options = chain::Options {
            endpoints,
            ..chain::Options::default()
        };
        assert!(chain::connect(options, Keys::default(), Arc::new(Unobserved)).is_err());
    }
}
