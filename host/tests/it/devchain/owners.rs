//! What owners may change, and root through `Sudo`.

use scale_decode::DecodeAsType;
use subxt::dynamic::Value;

use super::client::{Client, key};
use super::{chain_and_client, refused, told, with_neurons};
use host::devchain::DevChain;

async fn admin<Args: super::client::dynamic_args::Args>(
    chain: &DevChain,
    client: &Client,
    who: &str,
    call: &str,
    args: Args,
) -> Result<Vec<String>, String> {
    client.run_in(chain, who, "AdminUtils", call, args).await
}

#[tokio::test]
async fn an_owner_changes_its_hyperparameters_and_nobody_else_does() {
    let (chain, client) = chain_and_client().await;
    let call = "sudo_set_immunity_period";
    let outcome = admin(&chain, &client, "Bob", call, (1_u16, 7_u16)).await;
    refused(outcome, "BadOrigin");
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 7_u16)).await;
    told(outcome, "SubtensorModule.ImmunityPeriodSet");
    assert_eq!(client.get::<u16, _>("ImmunityPeriod", (1_u16,)).await, 7);
    let call = "sudo_set_commit_reveal_weights_enabled";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, true)).await;
    told(outcome, "SubtensorModule.CommitRevealEnabled");
    let call = "sudo_set_burn_half_life";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 99_u16)).await;
    told(outcome, "AdminUtils.BurnHalfLifeSet");
    let call = "sudo_set_kappa";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 7_u16)).await;
    refused(outcome, "BadOrigin");
}

#[tokio::test]
async fn values_out_of_bounds_are_refused_by_name() {
    let (chain, client) = chain_and_client().await;
    for (call, value, name) in [
        ("sudo_set_min_burn", 1_000_000_000_u64, "ValueNotInBounds"),
        ("sudo_set_max_burn", 1, "ValueNotInBounds"),
        (
            "sudo_set_bonds_moving_average",
            975_001,
            "BondsMovingAverageMaxReached",
        ),
        (
            "sudo_set_commit_reveal_weights_interval",
            0,
            "RevealPeriodTooSmall",
        ),
        (
            "sudo_set_commit_reveal_weights_interval",
            101,
            "RevealPeriodTooLarge",
        ),
    ] {
        // Not in the freeze window.
        if chain.head().number % 10 > 5 {
            chain.advance(10 - chain.head().number % 10).unwrap();
        }
        let outcome = admin(&chain, &client, "Alice", call, (1_u16, value)).await;
        refused(outcome, name);
    }
    let call = "sudo_set_max_allowed_uids";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 257_u16)).await;
    refused(outcome, "MaxAllowedUidsGreaterThanDefaultMaxAllowedUids");
    let call = "sudo_set_yuma3_enabled";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, true)).await;
    refused(outcome, "CallFiltered");
}

#[tokio::test]
async fn nothing_changes_in_the_last_blocks_of_a_tempo() {
    let (chain, client) = chain_and_client().await;
    chain.advance(8).unwrap();
    let call = "sudo_set_serving_rate_limit";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 7_u64)).await;
    refused(outcome, "AdminActionProhibitedDuringWeightsWindow");
    chain.advance(1).unwrap();
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 7_u64)).await;
    outcome.unwrap();
}

#[tokio::test]
async fn an_owner_is_limited_and_root_is_not() {
    let (chain, client) = chain_and_client().await;
    let limit = vec![Value::u128(3)];
    let told = client.sudo(&chain, "sudo_set_owner_hparam_rate_limit", limit);
    assert!(told.await.contains("Ok"));
    let call = "sudo_set_rho";
    let set = |rho: u16| admin(&chain, &client, "Alice", call, (1_u16, rho));
    set(11).await.unwrap();
    refused(set(12).await, "TxRateLimitExceeded");
    let args = vec![Value::u128(1), Value::u128(13)];
    assert!(client.sudo(&chain, call, args).await.contains("Ok"));
    assert_eq!(client.get::<u16, _>("Rho", (1_u16,)).await, 13);
}

#[tokio::test]
async fn sudo_is_alices_and_tells_how_its_call_ended() {
    let (chain, client) = chain_and_client().await;
    let args = vec![Value::u128(1), Value::u128(5)];
    assert!(
        client
            .sudo(&chain, "sudo_set_tempo", args)
            .await
            .contains("Ok")
    );
    assert_eq!(client.get::<u16, _>("Tempo", (1_u16,)).await, 5);
    let args = vec![Value::u128(9), Value::u128(5)];
    let told = client.sudo(&chain, "sudo_set_kappa", args).await;
    assert!(told.contains("Err"), "{told}");
    let inner = Value::unnamed_variant("sudo_set_tempo", [Value::u128(1), Value::u128(5)]);
    let inner = Value::unnamed_variant("AdminUtils", [inner]);
    let outcome = client.run_in(&chain, "Bob", "Sudo", "sudo", (inner,)).await;
    refused(outcome, "RequireSudo");
    let call = "sudo_set_tempo";
    let outcome = admin(&chain, &client, "Alice", call, (1_u16, 9_u16)).await;
    refused(outcome, "TempoOutOfBounds");
}

#[tokio::test]
async fn a_batch_stops_goes_on_or_is_undone_as_its_name_says() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let remark = || Value::unnamed_variant("remark", [Value::from_bytes([1])]);
    let remark = || Value::unnamed_variant("System", [remark()]);
    let stake = |netuid: u128| {
        let hotkey = Value::from_bytes(key("Bob").public());
        let rao = Value::u128(1_000_000_000);
        let call = [hotkey, Value::u128(netuid), rao];
        let call = Value::unnamed_variant("add_stake", call);
        Value::unnamed_variant("SubtensorModule", [call])
    };
    let batch = |name: &'static str| {
        let calls = Value::unnamed_composite([stake(1), stake(9), remark()]);
        client.run_in(&chain, "Bob", "Utility", name, (calls,))
    };
    told(batch("batch").await, "Utility.BatchInterrupted");
    refused(batch("batch_all").await, "SubnetNotExists");
    told(
        batch("force_batch").await,
        "Utility.BatchCompletedWithErrors",
    );
    let pool: u64 = client
        .get("TotalHotkeyAlpha", (key("Bob").public(), 1_u16))
        .await;
    assert_eq!(pool, 2_000_000_000);
    let calls = Value::unnamed_composite([remark()]);
    let inner = Value::unnamed_variant("batch", [calls]);
    let inner = Value::unnamed_variant("Utility", [inner]);
    let nested = (Value::unnamed_composite([inner]),);
    let nested = client.run_in(&chain, "Bob", "Utility", "batch", nested);
    refused(nested.await, "CallFiltered");
}

#[tokio::test]
async fn an_owner_triggers_an_epoch() {
    let (chain, client) = chain_and_client().await;
    let trigger = |who| client.run(&chain, who, "trigger_epoch", (1_u16,));
    refused(trigger("Bob").await, "BadOrigin");
    told(trigger("Alice").await, "SubtensorModule.EpochTriggered");
    refused(trigger("Alice").await, "EpochTriggerAlreadyPending");
    chain.advance(1).unwrap();
    let last: u64 = client.get("LastEpochBlock", (1_u16,)).await;
    assert_eq!(last, 4);
}

#[tokio::test]
async fn hyperparameters_are_listed_by_name() {
    #[derive(DecodeAsType)]
    struct Entry {
        name: Vec<u8>,
    }
    let (_chain, client) = chain_and_client().await;
    let all: Option<Vec<Entry>> = client
        .ask(
            "SubnetInfoRuntimeApi",
            "get_subnet_hyperparams_v3",
            (1_u16,),
        )
        .await;
    let names: Vec<Vec<u8>> = all.unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), 35);
    assert!(names.contains(&b"collateral_drain_ratio".to_vec()));
}

#[tokio::test]
async fn endpoints_with_certificates_and_for_prometheus_are_stored() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let bob = key("Bob").public();
    let ip = 0x0a00_0001_u128;
    let axon = (
        1_u16,
        1_u32,
        ip,
        80_u16,
        4_u8,
        4_u8,
        0_u8,
        0_u8,
        vec![1_u8, 2, 3],
    );
    let served = client.run(&chain, "Bob", "serve_axon_tls", axon);
    told(served.await, "SubtensorModule.AxonServed");
    let stored = client.text("SubtensorModule", "NeuronCertificates", (1_u16, bob));
    assert!(stored.await.contains("algorithm"));
    let prometheus = (1_u16, 1_u32, ip, 9090_u16, 4_u8);
    let served = client.run(&chain, "Bob", "serve_prometheus", prometheus);
    told(served.await, "SubtensorModule.PrometheusServed");
    let again = client.run(&chain, "Bob", "serve_prometheus", prometheus);
    refused(again.await, "Custom error: 12");
}
