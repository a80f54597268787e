//! A newcomer is tried on what is on record before it takes over.

use std::sync::Arc;

use host::plugin::{AdmissionError, Approval, Package};
use host::store::{Retention, SqliteStore};
use host::subnet::evidence::{EpochRecord, EvidenceStore, StoreOwner};
use host::subnet::plugin::{PluginError, Plugins, Rehearsal};
use host::subnet::scoring::Outcome;

use super::support::{GENERATOR, Node, account, evidence};
use super::trust::other;

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

/// Two epochs on record, scored by the policy that is active.
fn record(node: &Node) {
    let owner = StoreOwner {
        genesis: [1; 32],
        netuid: 1,
        hotkey: account(9),
    };
    let folder = node.folder.path().join("evidence");
    let store = SqliteStore::open(&folder, &owner, Retention::default()).unwrap();
    for number in [7, 8] {
        let mut evidence = evidence(3);
        evidence.epoch.number = number;
        let outcome = Ok(Outcome {
            scores: vec![],
            memory: vec![4],
        });
        let policy = node.policy().id().clone();
        let record = EpochRecord {
            policy,
            evidence,
            outcome,
            fuel: 1,
        };
        store.record_epoch(&record).unwrap();
    }
    node.registry.rehearse_on(Arc::new(store));
}

#[tokio::test]
async fn a_policy_that_fails_on_the_last_epochs_stays_out_unless_it_is_waived() {
    let node = Node::misbehaving("error");
    record(&node);
    let before = node.policy().id().clone();
    let refused = node.registry.swap("policy", other(1), pin()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, AdmissionError::Rehearsal { on, error: PluginError::Failed(why) }
            if on.contains("epoch 7") && why.contains("told to fail")),
        "{refused}"
    );
    assert!(refused.remedy().contains("--unrehearsed"));
    assert_eq!(node.policy().id(), &before);
    let package = Package::open("x".into(), other(1), None).unwrap();
    let waived = Rehearsal::Waived;
    let taken = node
        .registry
        .offer_with("policy", package, pin(), waived)
        .await;
    assert_eq!(taken.unwrap().to, *node.policy().id());
}

#[tokio::test]
async fn a_policy_that_scores_the_last_epochs_comes_in_and_nothing_of_it_is_counted() {
    let node = Node::misbehaving("memory");
    record(&node);
    node.registry.swap("policy", other(1), pin()).await.unwrap();
    let used = node.registry.inspect("policy").unwrap().used;
    assert_eq!(used.ended, 0);
}

#[tokio::test]
async fn where_nothing_is_on_record_a_refusal_to_score_passes_and_a_crash_does_not() {
    let said_no = Node::misbehaving("error");
    said_no
        .registry
        .swap("policy", other(1), pin())
        .await
        .unwrap();
    let crashes = Node::misbehaving("trap");
    let refused = crashes.registry.swap("policy", other(1), pin()).await;
    assert!(matches!(
        refused,
        Err(AdmissionError::Rehearsal {
            error: PluginError::Trapped(_),
            ..
        })
    ));
}

#[tokio::test]
async fn a_generator_that_sets_no_task_as_the_contract_says_stays_out() {
    let node = Node::misbehaving("leak-seed");
    let before = node.registry.generators()[0].id().clone();
    let mut bytes = GENERATOR.to_vec();
    bytes.extend([0, 3, 1, b'n', 1]);
    let refused = node
        .registry
        .swap("misbehave-generator", bytes, pin())
        .await;
    assert!(matches!(
        refused,
        Err(AdmissionError::Rehearsal {
            error: PluginError::BrokeContract(_),
            ..
        })
    ));
    assert_eq!(node.registry.generators()[0].id(), &before);
}
