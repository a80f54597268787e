//! The development chain, asked by subxt as any client would ask subtensor.

#![allow(unreachable_pub)]

mod calls;
mod client;
mod epochs;
mod faults;
mod kept;
mod python;
mod rpc;
mod upgrade;

use client::{Client, key};
use host::devchain::{DevChain, Options, Pace};

/// A chain whose blocks the test adds, on a port of its own.
async fn chain(change: impl FnOnce(&mut Options)) -> DevChain {
    let mut options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        pace: Pace::Manual,
        ..Options::default()
    };
    change(&mut options);
    host::devchain::start(options).await.unwrap()
}

/// A chain and a client of it.
async fn chain_and_client() -> (DevChain, Client) {
    let chain = chain(|_| {}).await;
    let client = Client::connect(&chain.url()).await;
    (chain, client)
}

/// Registers `names` and gives each as much stake as `stake_tao` says.
async fn with_neurons(chain: &DevChain, client: &Client, neurons: &[(&str, u64)]) {
    for (name, stake_tao) in neurons {
        let hotkey = key(name);
        client
            .run(chain, name, "burned_register", (1_u16, hotkey.public()))
            .await
            .unwrap();
        if *stake_tao > 0 {
            let rao = stake_tao * 1_000_000_000;
            client
                .run(chain, name, "add_stake", (hotkey.public(), 1_u16, rao))
                .await
                .unwrap();
        }
    }
}
