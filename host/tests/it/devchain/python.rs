//! Python's own clients drive the development chain: bittensor 10.5.0, 11.3.0
//! and btcli 11.

use std::path::Path;
use std::process::{Command, Output};

use host::devchain::{DevChain, Options, Pace};
use serde_json::Value as Json;

use super::chain;
use crate::python::{V10, V11, program, script};

/// //Alice's seed.
const ALICE_SEED: &str = "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a";
/// //Bob's seed.
const BOB_SEED: &str = "0x398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89";

/// A chain with a clock, as Python's clients need: they wait for blocks.
async fn paced(change: impl FnOnce(&mut Options)) -> DevChain {
    chain(|options| {
        options.pace = Pace::EveryMs(250);
        options.serving_rate_limit = 0;
        change(options);
    })
    .await
}

/// Runs `command` in a home of its own; fails with all that it said.
async fn run(mut command: Command, home: &Path) -> Output {
    command.env("HOME", home).env_remove("PYTHONPATH");
    command.stdin(std::process::Stdio::null());
    let said = tokio::task::spawn_blocking(move || command.output());
    let output = said.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

async fn run_script(environment: &str, name: &str, change: impl FnOnce(&mut Options)) {
    let Some(mut command) = script(environment, name) else {
        return;
    };
    let (chain, home) = (paced(change).await, tempfile::tempdir().unwrap());
    command.arg(chain.url());
    let output = run(command, home.path()).await;
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("ok\n"));
}

#[tokio::test]
async fn bittensor_11_reads_and_writes_all_that_a_subnet_needs() {
    run_script(V11, "devchain_v11.py", |_| {}).await;
}

#[tokio::test]
async fn bittensor_10_reads_and_writes_all_that_a_subnet_needs() {
    run_script(V10, "devchain_v10.py", |_| {}).await;
}

/// An epoch of ten seconds: a beacon speaks every three.
fn timelocked(options: &mut Options) {
    options.commit_reveal = true;
    options.tempo = 40;
}

#[tokio::test]
async fn weights_that_bittensor_11_commits_by_timelock_are_revealed() {
    run_script(V11, "devchain_timelock_v11.py", timelocked).await;
}

#[tokio::test]
async fn weights_that_bittensor_10_commits_by_timelock_are_revealed() {
    run_script(V10, "devchain_timelock_v10.py", timelocked).await;
}

/// btcli with a home of its own.
struct Btcli {
    url: String,
    home: tempfile::TempDir,
}

impl Btcli {
    /// Runs a command of `wallet`; what it printed as JSON.
    async fn ask(&self, wallet: &str, arguments: &str) -> Option<Json> {
        let mut command = program(V11, "btcli")?;
        command.args(["--network", &self.url, "--json", "--yes", "-w", wallet]);
        command.args([
            "--fallback-endpoints",
            "none",
            "--archive-endpoints",
            "none",
        ]);
        command.args(arguments.split(' '));
        let output = run(command, self.home.path()).await;
        let text = String::from_utf8_lossy(&output.stdout);
        Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments}: {text}")))
    }
}

#[tokio::test]
async fn btcli_lists_stakes_registers_and_sets_weights() {
    let chain = paced(|_| {}).await;
    let btcli = Btcli {
        url: chain.url(),
        home: tempfile::tempdir().unwrap(),
    };
    for (wallet, seed) in [("alice", ALICE_SEED), ("bob", BOB_SEED)] {
        let coldkey = format!("wallet regen-coldkey --seed {seed} --no-password");
        if btcli.ask(wallet, &coldkey).await.is_none() {
            return;
        }
        let hotkey = format!("wallet regen-hotkey --seed {seed}");
        btcli.ask(wallet, &hotkey).await.unwrap();
    }
    let ask = async |wallet, arguments| btcli.ask(wallet, arguments).await.unwrap();
    let balance = ask("alice", "wallet balance").await;
    assert!(
        balance
            .to_string()
            .contains("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
    );
    let list = ask("alice", "subnets list").await;
    assert!(list.to_string().contains("\"netuid\":1"), "{list}");
    let metagraph = ask("alice", "subnets metagraph 1").await;
    assert_eq!(metagraph["netuid"], 1);
    ask("alice", "subnets hyperparameters 1").await;
    for (wallet, write) in [
        ("bob", "subnets register --netuid 1"),
        ("bob", "stake add --netuid 1 --amount 5"),
        ("bob", "stake remove --netuid 1 --amount 1"),
        ("bob", "axon set --netuid 1 --ip 127.0.0.2 --port 8091"),
        ("alice", "weights set --netuid 1 --uids 1 --weights 1"),
        (
            "alice",
            "wallet transfer --dest 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --amount 3",
        ),
    ] {
        let done = ask(wallet, write).await;
        assert_eq!(done["success"], true, "{write}: {done}");
    }
    let metagraph = ask("alice", "subnets metagraph 1").await;
    assert_eq!(metagraph["num_uids"], 2, "{metagraph}");
}
