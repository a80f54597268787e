//! The development chain, asked by subxt as any client would ask subtensor.

#![allow(unreachable_pub)]

mod calls;
mod client;
mod commitments;
mod commits;
mod epochs;
mod faults;
mod kept;
mod mechanisms;
mod networks;
mod owners;
mod python;
mod rpc;
mod slots;
mod stake;
mod timelock;
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

/// A call must have been refused, and why.
#[track_caller]
fn refused(outcome: Result<Vec<String>, String>, with: &str) {
    let error = outcome.unwrap_err();
    assert!(error.contains(with), "not {with}: {error}");
}

/// A call must have succeeded with this event.
#[track_caller]
fn told(outcome: Result<Vec<String>, String>, event: &str) {
    let events = outcome.unwrap();
    assert!(events.iter().any(|told| told == event), "{events:?}");
}
