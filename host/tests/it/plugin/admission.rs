//! What is offered and refused, and that the running plugin stays.

use host::plugin::{AdmissionError, Approval, TrustError};
use host::subnet::plugin::World;

use super::support::{GENERATOR, Node, POLICY, evidence};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

/// `bytes` with every `from` overwritten by `to`, which is as long.
fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    while let Some(at) = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
    {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        found += 1;
    }
    assert!(found > 0, "`{from}` does not occur");
    bytes
}

/// Offers `bytes` for the policy's place: it must stay, and say why it did.
async fn refusal(bytes: Vec<u8>) -> AdmissionError {
    let node = Node::misbehaving("ok");
    let before = node.policy().id().clone();
    let error = node
        .registry
        .swap("policy", bytes, pin())
        .await
        .unwrap_err();
    assert_eq!(node.policy().id(), &before);
    assert!(node.policy().evaluate(&evidence(1)).await.is_ok());
    let listed = node.registry.list();
    let policy = listed.iter().find(|l| l.slot == "policy").unwrap();
    let refused = policy.refused.as_ref().unwrap();
    assert!(refused.reason.contains(&error.to_string()));
    assert_eq!(refused.remedy, error.remedy());
    error
}

#[tokio::test]
async fn hostile_bytes_are_refused_each_for_its_reason() {
    assert_eq!(
        refusal(b"#!/bin/sh".to_vec()).await,
        AdmissionError::NotWasm
    );
    assert_eq!(refusal(vec![]).await, AdmissionError::NotWasm);
    let module = refusal(b"\0asm\x01\0\0\0".to_vec()).await;
    assert_eq!(module, AdmissionError::CoreModule);
    assert!(module.remedy().contains("wasm32-wasip2"));
    assert!(module.remedy().contains("wasm-tools component new"));
    assert!(matches!(
        refusal(POLICY[..POLICY.len() / 2].to_vec()).await,
        AdmissionError::Malformed(_)
    ));
    assert!(matches!(
        refusal(vec![0; 33 << 20]).await,
        AdmissionError::TooLarge { .. }
    ));
}

#[tokio::test]
async fn a_generator_does_not_take_the_policys_place() {
    assert_eq!(
        refusal(GENERATOR.to_vec()).await,
        AdmissionError::WrongWorld {
            slot: "policy".into(),
            wanted: World::ScoringPolicy,
            found: World::ChallengeGenerator,
        }
    );
}

#[tokio::test]
async fn an_older_generation_is_told_the_nearest() {
    let older = patched(
        POLICY,
        "compute:subnet/scoring@0.1.0",
        "compute:subnet/scoring@0.0.9",
    );
    let text = refusal(older).await.to_string();
    assert!(text.contains("compute:subnet/scoring@0.0.9"), "{text}");
    assert!(text.contains("compute:subnet/scoring@0.1.0"), "{text}");
}

#[tokio::test]
async fn an_import_outside_the_world_is_named_in_full() {
    let foreign = patched(
        POLICY,
        "compute:subnet/settings@0.1.0",
        "compute:subnet/secretss@0.1.0",
    );
    let text = refusal(foreign).await.to_string();
    assert!(text.contains("compute:subnet/secretss@0.1.0"), "{text}");
}

#[tokio::test]
async fn a_record_with_another_field_names_interface_and_field() {
    let other = patched(POLICY, "availability-permille", "availability-permillx");
    let error = refusal(other).await;
    let text = error.to_string();
    assert!(matches!(error, AdmissionError::Export { .. }), "{text}");
    assert!(text.contains("compute:subnet/scoring"), "{text}");
    assert!(text.contains("availability-permille"), "{text}");
}

#[tokio::test]
async fn nothing_unapproved_comes_in() {
    let node = Node::misbehaving("ok");
    // A custom section changes the digest and nothing else.
    let mut stranger = POLICY.to_vec();
    stranger.extend(b"\0\x05\x04note");
    let refused = node
        .registry
        .swap("policy", stranger.clone(), Approval::Recorded)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        AdmissionError::Untrusted(TrustError::Unsigned { .. })
    ));
    assert!(refused.remedy().contains("--pin"));
    node.registry
        .swap("policy", stranger.clone(), pin())
        .await
        .unwrap();
    node.registry
        .swap("policy", stranger, Approval::Recorded)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plugin_that_misbehaves_while_it_is_admitted_is_refused() {
    for mode in [
        "describe-loop",
        "describe-hoard",
        "describe-trap",
        "describe-huge",
        "describe-escapes",
        "describe-nameless",
        "settings-loop",
        "settings-flood",
        "settings-error",
    ] {
        let Err(error) = Node::try_misbehaving(mode) else {
            panic!("{mode} was admitted");
        };
        let text = error.to_string();
        assert!(!text.contains('\u{1b}'), "{mode}: {text:?}");
    }
}
