//! A Dendrite of bittensor 10.5.0 calls this node's axon.

use std::process::Stdio;
use std::sync::Arc;

use host::synapse::AxonOptions;

use super::super::python;
use super::support::{Axon, bob};
use super::synapses::Synapses;

#[tokio::test]
async fn a_python_dendrite_finds_what_it_expects() {
    let Some(mut command) = python::script(python::V10, "axon_calls.py") else {
        return;
    };
    let options = AxonOptions {
        requests_burst: 1000,
        pending_per_hotkey_max: 64,
        ..AxonOptions::default()
    };
    let open = Axon::serve(options.clone(), Arc::new(Synapses::default())).await;
    let closed = Axon::serve(options, Arc::new(Synapses::denying())).await;
    let home = tempfile::tempdir().unwrap();
    command
        .args([&open, &closed].map(|axon| axon.address.port().to_string()))
        .arg(open.peer().hotkey.to_ss58())
        .env("HOME", home.path())
        .stdin(Stdio::null());
    assert_eq!(
        closed.peer().hotkey,
        host::subnet::key::Signer::account(bob().as_ref())
    );
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
}
