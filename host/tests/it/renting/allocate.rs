//! A Dendrite of bittensor 10.5.0 sends `Allocate` in each of its uses, to a miner
//! whose landlord is the real one.

use std::process::Stdio;

use host::subnet::key::Signer as _;
use host::subnet::rental::{Act, Landlord as _, Renter};

use super::super::python;
use super::super::synapse::support::{alice, bob};
use super::local::{Own, lettings};
use super::support::{SSH_KEYS, miner};

#[tokio::test]
async fn a_python_validator_allocates_as_it_would_of_the_original() {
    let Some(mut command) = python::script(python::V10, "allocate.py") else {
        return;
    };
    let own = Own::new();
    let home = tempfile::tempdir().unwrap();
    let landlord = lettings(&own, bob().account(), &home.path().join("state"));
    let axon = miner(&landlord, &[alice().account()]).await;
    command
        .arg(axon.address.port().to_string())
        .arg(axon.peer().hotkey.to_ss58())
        .args(SSH_KEYS)
        .env("HOME", home.path())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    let exchanged = Act::ExchangeKey {
        ssh_public_key: SSH_KEYS[1].to_owned(),
    };
    let acts = own.acts.lock().unwrap().clone();
    assert_eq!(
        acts,
        [
            exchanged,
            Act::Restart,
            Act::Pause,
            Act::Resume,
            Act::Resume
        ]
    );
    let leases = landlord.leases(&Renter::Hotkey(alice().account())).await;
    let states: Vec<_> = leases.unwrap().into_iter().map(|it| it.state).collect();
    assert_eq!(states, ["ended"]);
}
