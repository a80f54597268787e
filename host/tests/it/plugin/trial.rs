//! A policy on trial, its promotion, and the way back.

use host::plugin::{AdmissionError, Approval};
use host::subnet::plugin::{Moment, Plugins};

use super::support::{GENERATOR, Node, POLICY};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

/// The same component under another digest.
fn other(note: u8) -> Vec<u8> {
    let mut bytes = POLICY.to_vec();
    bytes.extend([0, 3, 1, b'n', note]);
    bytes
}

#[tokio::test]
async fn a_shadow_stands_beside_the_policy_also_after_a_restart() {
    let node = Node::misbehaving("ok");
    let active = node.policy().id().clone();
    let report = node.registry.swap("shadow", other(1), pin()).await.unwrap();
    assert_eq!((report.slot.as_str(), report.from), ("shadow", None));
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &active);
    assert_eq!(node.registry.shadow().unwrap().id(), &report.to);
    node.registry.end_trial().unwrap();
    assert!(node.registry.shadow().is_none());
    let node = node.restart("ok");
    assert!(node.registry.shadow().is_none());
    assert_eq!(node.registry.end_trial(), Err(AdmissionError::NoShadow));
}

#[tokio::test]
async fn a_shadow_needs_an_approval_like_any_other() {
    let node = Node::misbehaving("ok");
    let refused = node
        .registry
        .swap("shadow", other(1), Approval::Recorded)
        .await;
    assert!(matches!(refused, Err(AdmissionError::Untrusted(_))));
    let generator = node
        .registry
        .swap("shadow", GENERATOR.to_vec(), pin())
        .await;
    assert!(generator.is_err());
    assert!(node.registry.shadow().is_none());
}

#[tokio::test]
async fn a_promoted_shadow_is_active_and_the_old_policy_comes_back() {
    let node = Node::misbehaving("ok");
    let before = node.policy().id().clone();
    assert_eq!(node.registry.promote(), Err(AdmissionError::NoShadow));
    let tried = node.registry.swap("shadow", other(1), pin()).await.unwrap();
    let promoted = node.registry.promote().unwrap();
    assert_eq!(
        (promoted.from, &promoted.to),
        (Some(before.clone()), &tried.to)
    );
    assert!(node.registry.shadow().is_none());

    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &tried.to);
    let back = node.registry.roll_back("policy").unwrap();
    assert_eq!(back.to, before);
    assert_eq!(node.registry.roll_back("policy").unwrap().to, tried.to);
    let by: Vec<String> = node
        .registry
        .history()
        .into_iter()
        .map(|swap| swap.by)
        .collect();
    assert!(
        by[0].contains("rolled back") && by[2].contains("promoted"),
        "{by:?}"
    );
}

#[tokio::test]
async fn there_is_no_way_back_from_the_first() {
    let node = Node::misbehaving("ok");
    let refused = node.registry.roll_back("policy");
    assert_eq!(refused, Err(AdmissionError::NothingBefore("policy".into())));
    assert!(node.registry.roll_back("nobody").is_err());
}

#[tokio::test]
async fn a_policy_waits_for_its_moment_also_across_a_restart() {
    let node = Node::misbehaving("ok");
    let before = node.policy().id().clone();
    let refused = node.registry.await_moment("policy", Moment::Block(9));
    assert_eq!(refused, Err(AdmissionError::NoShadow));
    let waits = node
        .registry
        .swap("upcoming", other(1), pin())
        .await
        .unwrap();
    node.registry
        .await_moment("upcoming", Moment::Epoch(7))
        .unwrap();
    node.registry.act(1_000, None);
    node.registry.act(1_000, Some(6));
    assert_eq!(node.policy().id(), &before);
    let node = node.restart("ok");
    node.registry.act(1_001, Some(7));
    assert_eq!(node.policy().id(), &waits.to);
    assert!(node.registry.moments().is_empty());
}

#[tokio::test]
async fn a_trial_ends_with_a_block() {
    let node = Node::misbehaving("ok");
    let tried = node.registry.swap("shadow", other(1), pin()).await.unwrap();
    node.registry
        .await_moment("shadow", Moment::Block(20))
        .unwrap();
    node.registry.act(19, None);
    assert_ne!(node.policy().id(), &tried.to);
    node.registry.act(21, None);
    assert_eq!(node.policy().id(), &tried.to);
    assert!(node.registry.shadow().is_none());
}
