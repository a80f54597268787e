//! `kill -9` in the middle of an epoch.

use host::store::StoreReader;
use host::subnet::chain::Metagraph;

use super::process::Field;

/// When uid 0, the validator, last set weights.
fn last_update(metagraph: &Metagraph) -> u64 {
    metagraph
        .neurons
        .first()
        .map_or(0, |neuron| neuron.last_update)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_validator_goes_on_sets_weights_once_and_loses_no_evidence() {
    let field = Field::new("300", "30");
    let _miner = field.run("miner.toml", "miner", &["--axon.port", "0"]);
    let mut validator = field.run(
        "validator.toml",
        "validator",
        &["--set", "validator.lead-blocks=12"],
    );
    let chain = field.onlooker();
    let set = field
        .until(&chain, "the first weights", |m| last_update(m) > 0)
        .await;
    validator.kill();

    let state = field.state("validator");
    let before = StoreReader::open(&state).unwrap().verdict_counts().unwrap();
    assert!(before.passed > 0, "{before:?}");
    let _validator = field.run(
        "validator.toml",
        "validator",
        &["--set", "validator.lead-blocks=12"],
    );

    let still = field
        .until(&chain, "the end of the epoch", |m| {
            m.epoch > set.epoch || last_update(m) != last_update(&set)
        })
        .await;
    assert_eq!(
        last_update(&still),
        last_update(&set),
        "the weights of one epoch are set once"
    );
    let next = field
        .until(&chain, "the next weights", |m| {
            last_update(m) > last_update(&set)
        })
        .await;
    assert!(next.epoch > set.epoch);
    let after = StoreReader::open(&state).unwrap().verdict_counts().unwrap();
    assert!(
        after.passed >= before.passed && after.failed >= before.failed,
        "{before:?} {after:?}"
    );
}
