//! The chain's runtime changes under a running validator.

use host::devchain::{self, Pace, Spec};
use host::subnet::chain::Chain as _;

use super::process::{Field, NETUID};

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_goes_on_without_a_restart_when_the_runtime_is_exchanged() {
    let options = devchain::Options {
        listen: ([127, 0, 0, 1], 0).into(),
        pace: Pace::EveryMs(250),
        tempo: 20,
        allow_loopback: true,
        spec: Spec::V393,
        ..devchain::Options::default()
    };
    let chain = devchain::start(options).await.unwrap();
    let field = Field::on(chain.url());
    let _miner = field.run("miner.toml", "miner", &["--axon.port", "0"]);
    let _validator = field.run("validator.toml", "validator", &[]);
    let onlooker = field.onlooker();
    let weighed_after =
        |block: u64| move |m: &host::subnet::chain::Metagraph| m.neurons[0].last_update > block;
    let before = field
        .until(&onlooker, "weights on the old runtime", weighed_after(0))
        .await;
    assert_eq!(onlooker.network().await.unwrap().spec_version, 393);

    chain.upgrade(Spec::V461).unwrap();
    // Two epochs on, whatever was under way is through.
    let later = chain.wait_for_block(before.block + 45).await.number;
    let after = field
        .until(
            &onlooker,
            "weights on the new runtime",
            weighed_after(later),
        )
        .await;
    assert_eq!(onlooker.network().await.unwrap().spec_version, 461);
    assert!(after.epoch > before.epoch);
    let weights = onlooker.weights(NETUID, 0).await.unwrap().0;
    assert!(!weights.is_empty(), "{}", field.log("validator"));
    let starts = field.log("validator").matches("starting").count();
    assert_eq!(starts, 1, "{}", field.log("validator"));
}
