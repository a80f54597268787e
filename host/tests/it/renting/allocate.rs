//! A Dendrite of bittensor 10.5.0 sends `Allocate` in each of its uses.

use std::process::Stdio;
use std::sync::Arc;

use host::subnet::key::Signer as _;
use host::subnet::rental::Act;

use super::super::python;
use super::super::synapse::support::alice;
use super::support::{Paper, miner};

#[tokio::test]
async fn a_python_validator_allocates_as_it_would_of_the_original() {
    let Some(mut command) = python::script(python::V10, "allocate.py") else {
        return;
    };
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account()]).await;
    let home = tempfile::tempdir().unwrap();
    command
        .arg(axon.address.port().to_string())
        .arg(axon.peer().hotkey.to_ss58())
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
        ssh_public_key: "ssh-ed25519 BBBB me".to_owned(),
    };
    let acts = paper.acts.lock().unwrap();
    assert_eq!(
        *acts,
        [
            exchanged,
            Act::Restart,
            Act::Pause,
            Act::Resume,
            Act::Resume
        ]
    );
    assert_eq!(paper.orders(), 1);
}
