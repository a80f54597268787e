//! What neurons say about themselves on chain.

use std::time::{SystemTime, UNIX_EPOCH};

use subxt::dynamic::Value;

use super::client::{Client, key};
use super::{chain_and_client, refused, told, with_neurons};
use host::devchain::DevChain;

async fn say(
    chain: &DevChain,
    client: &Client,
    who: &str,
    fields: Vec<Value>,
) -> Result<Vec<String>, String> {
    let info = Value::named_composite([("fields", Value::unnamed_composite(fields))]);
    let args = (Value::u128(1), info);
    client
        .run_in(chain, who, "Commitments", "set_commitment", args)
        .await
}

fn raw(text: &[u8]) -> Value {
    let name = format!("Raw{}", text.len());
    Value::unnamed_variant(name, [Value::from_bytes(text)])
}

#[tokio::test]
async fn a_neuron_commits_and_is_read() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let outcome = say(&chain, &client, "Bob", vec![raw(b"hello")]).await;
    told(outcome, "Commitments.Commitment");
    let keys = (1_u16, key("Bob").public());
    let stored = client.text("Commitments", "CommitmentOf", keys).await;
    assert!(stored.contains("Raw5"), "{stored}");
    let keys = (1_u16, key("Bob").public());
    let block = client.text("Commitments", "LastCommitment", keys).await;
    let now = chain.head().number.to_string();
    assert!(block.contains(&now), "{block}");
    let stranger = say(&chain, &client, "Eve", vec![raw(b"hello")]).await;
    refused(stranger, "AccountNotAllowedCommit");
}

#[tokio::test]
async fn space_is_limited_in_an_epoch_and_free_again_in_the_next() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let big = || {
        let text = Value::from_bytes([7; 512]);
        let field = Value::unnamed_variant("BigRaw", [text]);
        say(
            &chain,
            &client,
            "Bob",
            vec![field.clone(), field.clone(), field],
        )
    };
    big().await.unwrap();
    big().await.unwrap();
    refused(big().await, "SpaceLimitExceeded");
    chain.advance(11 - chain.head().number).unwrap();
    big().await.unwrap();
}

#[tokio::test]
async fn a_sealed_commitment_is_revealed_with_its_round() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(now.as_millis()).unwrap();
    let round = chain.beacon().newest_round(now_ms).unwrap() + 20;
    let sealed = chain.beacon().seal(b"later", round).unwrap();
    let fields = [
        ("encrypted", Value::from_bytes(sealed)),
        ("reveal_round", Value::u128(u128::from(round))),
    ];
    let field = Value::named_variant("TimelockEncrypted", fields);
    let outcome = say(&chain, &client, "Bob", vec![raw(b"now"), field]).await;
    told(outcome, "Commitments.TimelockCommitment");
    chain.sign_until(round);
    chain.advance(2).unwrap();
    assert!(client.events().await.contains("CommitmentRevealed"));
    let keys = || (1_u16, key("Bob").public());
    let revealed = client.text("Commitments", "RevealedCommitments", keys());
    assert!(revealed.await.contains("U128(108)"), "the l of later");
    let kept = client.text("Commitments", "CommitmentOf", keys()).await;
    assert!(
        kept.contains("Raw3") && !kept.contains("Timelock"),
        "{kept}"
    );
}
