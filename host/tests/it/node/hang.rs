//! The chain's node falls silent under a running validator.

use host::devchain::{self, Pace};
use host::subnet::chain::Metagraph;
use host::subnet::key::Signer as _;
use host::wallet::Hotkey;
use subxt::rpcs::{RpcClient, rpc_params};

use super::process::Field;

/// Ten minutes on mainnet, whose blocks take 12 s.
const TEN_MINUTES_BLOCKS: u64 = 50;
/// So that the silence outlasts a call's deadline of 20 s.
const BLOCK_MS: u64 = 500;

/// How many extrinsics of the validator the chain has carried out.
async fn carried_out(client: &RpcClient) -> u64 {
    let alice = Hotkey::development("//Alice").unwrap().account().to_ss58();
    let asked = client.request("system_accountNextIndex", rpc_params![alice]);
    asked.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_whose_node_hangs_for_ten_minutes_sets_its_weights_after_that_once() {
    let options = devchain::Options {
        listen: ([127, 0, 0, 1], 0).into(),
        pace: Pace::EveryMs(BLOCK_MS),
        tempo: 20,
        allow_loopback: true,
        ..devchain::Options::default()
    };
    let chain = devchain::start(options).await.unwrap();
    let client = RpcClient::from_insecure_url(chain.url()).await.unwrap();
    let field = Field::on(chain.url());
    let _miner = field.run("miner.toml", "miner", &["--axon.port", "0"]);
    let _validator = field.run("validator.toml", "validator", &[]);
    let onlooker = field.onlooker();
    let weighed_after = |block: u64| move |m: &Metagraph| m.neurons[0].last_update > block;
    field
        .until(&onlooker, "weights before the silence", weighed_after(0))
        .await;

    chain.faults().hang();
    let silent_at = chain.head().number;
    chain.wait_for_block(silent_at + TEN_MINUTES_BLOCKS).await;
    chain.faults().heal();
    let healed = chain.head().number;
    let before = carried_out(&client).await;
    let first = field.until(&onlooker, "an answer", |_| true).await;
    let after = field
        .until(
            &onlooker,
            "weights after the silence",
            weighed_after(healed),
        )
        .await;
    let sent = carried_out(&client).await - before;
    // An epoch's weights are sent once; a slow machine may see two epochs pass.
    let epochs = after.epoch - first.epoch + 1;
    assert!((1..=epochs).contains(&sent), "{sent} in {epochs} epochs");
}
