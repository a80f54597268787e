//! What an epoch yields, as clients read it.

use scale_decode::DecodeAsType;

use super::client::key;
use super::{chain_and_client, with_neurons};

#[derive(Debug, DecodeAsType)]
struct Metagraph {
    netuid: u16,
    tempo: u16,
    last_step: u64,
    num_uids: u16,
    owner_hotkey: [u8; 32],
    hotkeys: Vec<[u8; 32]>,
    validator_permit: Vec<bool>,
    incentives: Vec<u16>,
    dividends: Vec<u16>,
    emission: Vec<u64>,
    total_stake: Vec<u64>,
}

#[derive(Debug, DecodeAsType)]
struct NeuronLite {
    uid: u16,
    hotkey: [u8; 32],
    incentive: u16,
    last_update: u64,
}

#[derive(Debug, DecodeAsType)]
struct Hyperparams {
    tempo: u16,
    min_allowed_weights: u16,
    commit_reveal_weights_enabled: bool,
    activity_cutoff: u64,
}

#[tokio::test]
async fn two_epochs_yield_incentive_and_dividends_by_weight() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0), ("Dave", 0)]).await;
    let args = (1_u16, vec![1_u16, 2], vec![30_000_u16, 10_000], 0_u64);
    client
        .run(&chain, "Alice", "set_weights", args)
        .await
        .unwrap();
    chain.advance(20 - chain.head().number).unwrap();

    let metagraph: Option<Metagraph> = client
        .ask("SubnetInfoRuntimeApi", "get_metagraph", (1_u16,))
        .await;
    let metagraph = metagraph.unwrap();
    assert_eq!(
        (metagraph.netuid, metagraph.tempo, metagraph.num_uids),
        (1, 10, 4)
    );
    assert_eq!(metagraph.last_step, 20);
    assert_eq!(metagraph.owner_hotkey, key("Alice").public());
    assert_eq!(metagraph.hotkeys[2], key("Charlie").public());
    assert_eq!(metagraph.validator_permit, [true, false, false, false]);
    assert_eq!(metagraph.incentives, [0, 49_151, 16_383, 0]);
    assert_eq!(metagraph.dividends, [65_535, 0, 0, 0]);
    // Ten blocks of one TAO, less the owner's 18 %; half to miners.
    let (bob, charlie) = (metagraph.emission[1], metagraph.emission[2]);
    let whole: u64 = metagraph.emission.iter().sum();
    assert!((8_199_000_000..=8_201_000_000).contains(&whole), "{whole}");
    assert!(
        bob.abs_diff(3 * charlie) < 10_000,
        "{bob} is not three times {charlie}"
    );
    assert!(metagraph.total_stake[1] > 0 && metagraph.total_stake[3] == 0);
}

#[tokio::test]
async fn a_validator_gets_its_permit_by_stake_at_the_epoch() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 200_000), ("Charlie", 0)]).await;
    chain.advance(10 - chain.head().number).unwrap();
    let permits: Vec<bool> = client.get("ValidatorPermit", (1_u16,)).await;
    assert_eq!(permits, [true, true, false]);
    let args = (1_u16, vec![2_u16], vec![1_u16], 0_u64);
    client
        .run(&chain, "Bob", "set_weights", args)
        .await
        .unwrap();
    chain.advance(10).unwrap();
    let dividends: Vec<u16> = client.get("Dividends", (1_u16,)).await;
    // Bob has the majority; Alice, who has set no weights, gives zero to all.
    assert_eq!(dividends[0], 0);
    assert!(dividends[1] > 0, "{dividends:?}");
}

#[tokio::test]
async fn neurons_and_rules_are_told_in_the_runtimes_types() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let api = "NeuronInfoRuntimeApi";
    let all: Vec<NeuronLite> = client.ask(api, "get_neurons_lite", (1_u16,)).await;
    assert_eq!(
        all.iter().map(|neuron| neuron.uid).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!((all[1].hotkey, all[1].incentive), (key("Bob").public(), 0));
    assert_eq!(all[1].last_update, 1);
    let one: Option<NeuronLite> = client.ask(api, "get_neuron", (1_u16, 1_u16)).await;
    assert_eq!(one.unwrap().hotkey, key("Bob").public());
    let none: Option<NeuronLite> = client.ask(api, "get_neuron_lite", (1_u16, 9_u16)).await;
    assert!(none.is_none());
    for method in ["get_subnet_hyperparams", "get_subnet_hyperparams_v2"] {
        let rules: Option<Hyperparams> = client.ask("SubnetInfoRuntimeApi", method, (1_u16,)).await;
        let rules = rules.unwrap();
        assert_eq!((rules.tempo, rules.min_allowed_weights), (10, 1));
        assert!(!rules.commit_reveal_weights_enabled);
        assert_eq!(rules.activity_cutoff, 138);
    }
    let nothing: Option<Hyperparams> = client
        .ask("SubnetInfoRuntimeApi", "get_subnet_hyperparams", (5_u16,))
        .await;
    assert!(nothing.is_none());
}

#[tokio::test]
async fn the_chain_counts_its_epochs() {
    let (chain, client) = chain_and_client().await;
    chain.advance(35).unwrap();
    assert_eq!(client.get::<u64, _>("SubnetEpochIndex", (1_u16,)).await, 3);
    assert_eq!(client.get::<u64, _>("LastEpochBlock", (1_u16,)).await, 30);
    assert_eq!(
        client.get::<u64, _>("BlocksSinceLastStep", (1_u16,)).await,
        5
    );
    let next: Option<u64> = client
        .ask(
            "SubnetInfoRuntimeApi",
            "get_next_epoch_start_block",
            (1_u16,),
        )
        .await;
    assert_eq!(next, Some(40));
}
