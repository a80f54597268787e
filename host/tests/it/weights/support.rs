//! A development chain with a validator, //Alice, and a miner, //Bob.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use host::chain::{self, Keys, Subtensor, Timing};
use host::devchain::{self, DevChain, Pace};
use host::subnet::chain::{Chain as _, ChainError};
use host::subnet::commit::{Commit, CommitFate};
use host::subnet::events::{Observer, Unobserved};
use host::subnet::key::Signer;
use host::subnet::weights::Weights;
use host::wallet::{Coldkey, Hotkey};

/// The subnet of every development chain.
pub(crate) const NETUID: u16 = devchain::Options::NETUID;
/// //Alice's slot.
pub(super) const VALIDATOR: u16 = 0;
/// //Bob's.
pub(super) const MINER: u16 = 1;
/// Sealing and opening take half a second each in a test build.
pub(super) const BLOCK_MS: u64 = 250;
/// More than any slot costs here.
const ENOUGH_RAO: u64 = 1_000_000_000_000;

/// A chain of short blocks on which //Bob has a slot.
pub(crate) async fn chain(options: devchain::Options) -> DevChain {
    let chain = devchain::start(devchain::Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        pace: Pace::EveryMs(BLOCK_MS),
        ..options
    })
    .await
    .unwrap();
    let miner = client(&chain, "//Bob", Arc::new(Unobserved)).await;
    miner.register(NETUID, ENOUGH_RAO).await.unwrap();
    chain
}

/// A subnet that takes committed weights only.
pub(super) fn committing() -> devchain::Options {
    devchain::Options {
        commit_reveal: true,
        tempo: 12,
        ..devchain::Options::default()
    }
}

/// A connected node of the hotkey at `uri`; everything takes a hundredth of the
/// time it may take on a public network.
pub(crate) async fn client(
    chain: &DevChain,
    uri: &'static str,
    observer: Arc<dyn Observer>,
) -> Subtensor {
    let timing = Timing {
        rpc_deadline: Duration::from_secs(2),
        silence_limit: Duration::from_secs(3),
        poll_interval: Duration::from_millis(200),
        inclusion_deadline: Duration::from_secs(4),
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(200),
        ..Timing::default()
    };
    let options = chain::Options {
        endpoints: vec![chain.url()],
        expected_genesis: Some(chain.genesis()),
        timing,
    };
    let hotkey: Arc<dyn Signer> = Arc::new(Hotkey::development(uri).unwrap());
    let keys = Keys {
        hotkey: Some(hotkey),
        coldkey: Some(Arc::new(move || {
            let coldkey = Coldkey::development(uri).map_err(|error| error.to_string())?;
            Ok(Arc::new(coldkey) as Arc<dyn Signer>)
        })),
    };
    let client = chain::connect(options, keys, observer).unwrap();
    for _ in 0..10 {
        if client.network().await.is_ok() {
            return client;
        }
    }
    panic!("no connection");
}

/// All weight on //Bob.
pub(super) fn on_the_miner() -> Weights {
    Weights(vec![(MINER, u16::MAX)])
}

/// Asks at each head until the commit waits no longer.
pub(super) async fn ending(
    client: &Subtensor,
    weights: &Weights,
    commit: &Commit,
    included: u64,
) -> CommitFate {
    let mut heads = client.heads();
    loop {
        match client
            .commit_fate(NETUID, weights, commit, Some(included))
            .await
        {
            Ok(CommitFate::Waiting { due: false, .. }) => heads.changed().await.unwrap(),
            Ok(fate) => return fate,
            Err(ChainError::Unreachable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
