//! One plugin takes another's place, under load and across a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host::plugin::{AdmissionError, Approval, Source};
use host::subnet::plugin::{PluginId, Plugins, World};

use super::support::{GENERATOR, Node, POLICY, SOLVER, evidence, session, solver_session};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

/// The same component under another digest.
fn other(bytes: &[u8], note: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend([0, 3, 1, b'n', note]);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_plugins_are_swapped() {
    let node = Arc::new(Node::misbehaving("ok"));
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (node, done) = (node.clone(), done.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while !done.load(Ordering::Relaxed) {
                    node.policy().evaluate(&evidence(4)).await.unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for note in 0..3 {
        node.registry
            .swap("policy", other(POLICY, note), pin())
            .await
            .unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn what_was_begun_ends_on_the_old_one() {
    let node = Node::misbehaving("count");
    let policy = node.policy();
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut open = solver.open(solver_session()).await.unwrap();
    open.answer(vec![]).await.unwrap();
    for (slot, bytes) in [("policy", POLICY), ("misbehave-solver", SOLVER)] {
        node.registry
            .swap(slot, other(bytes, 1), pin())
            .await
            .unwrap();
    }
    assert_ne!(node.policy().id(), policy.id());
    assert!(policy.evaluate(&evidence(1)).await.is_ok());
    assert_eq!(open.answer(vec![]).await.unwrap().value, [2]);
}

#[tokio::test]
async fn a_swap_outlives_a_restart() {
    let node = Node::misbehaving("ok");
    let report = node
        .registry
        .swap("misbehave", other(POLICY, 1), pin())
        .await
        .unwrap();
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &report.to);
    let listed = node.registry.list();
    let policy = listed.iter().find(|l| l.slot == "policy").unwrap();
    assert_eq!(policy.source, Source::Pinned { by: "root".into() });
    let history = node.registry.history();
    assert_eq!(history[0].to, report.to.digest);
    assert_eq!(history[0].from, report.from.map(|id| id.digest));
}

#[tokio::test]
async fn a_swapped_in_file_that_was_changed_gives_way_to_the_built_in_loudly() {
    let node = Node::misbehaving("ok");
    let built_in = node.policy().id().clone();
    let report = node
        .registry
        .swap("policy", other(POLICY, 1), pin())
        .await
        .unwrap();
    let hex = report.to.digest.to_string().replace("sha256:", "");
    let kept = node.folder.path().join(format!("state/plugins/{hex}.wasm"));
    std::fs::write(kept, other(POLICY, 2)).unwrap();
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &built_in);
    let refusals = node.registry.refusals();
    assert!(refusals[0].reason.contains("was changed"), "{refusals:?}");
}

#[tokio::test]
async fn an_approval_that_was_taken_back_does_not_start_again() {
    let node = Node::misbehaving("ok");
    let built_in = node.policy().id().clone();
    node.registry
        .swap("policy", other(POLICY, 1), pin())
        .await
        .unwrap();
    std::fs::remove_file(node.folder.path().join("state/pins.json")).unwrap();
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &built_in);
}

#[tokio::test]
async fn an_old_session_finds_its_generator_after_a_restart() {
    let node = Node::misbehaving("ok");
    let old: PluginId = node.registry.generators().remove(0).id().clone();
    node.registry
        .swap("misbehave-generator", other(GENERATOR, 1), pin())
        .await
        .unwrap();
    assert_eq!(node.registry.generator(&old).unwrap().id(), &old);
    let newer = node.registry.generators().remove(0).id().clone();
    // And with settings that changed since: it has those it began under.
    let node = node.restart("escapes");
    for id in [old, newer] {
        let generator = node.registry.generator(&id).unwrap();
        assert_eq!(generator.id(), &id);
        assert!(generator.advance(&session(), &[]).await.is_ok());
    }
}

#[tokio::test]
async fn a_generator_that_nobody_kept_is_not_there() {
    let node = Node::misbehaving("ok");
    let mut id = node.registry.generators().remove(0).id().clone();
    id.digest.0[0] ^= 1;
    assert!(node.registry.generator(&id).is_none());
}

#[tokio::test]
async fn a_name_that_is_not_its_own_is_refused() {
    let node = Node::misbehaving("ok");
    let refused = node
        .registry
        .swap("something-else", other(GENERATOR, 1), pin())
        .await;
    assert!(matches!(refused, Err(AdmissionError::WrongName { .. })));
}

#[tokio::test]
async fn every_slot_is_listed() {
    let node = Node::misbehaving("ok");
    let worlds: Vec<World> = node.registry.list().iter().map(|l| l.world).collect();
    assert_eq!(
        worlds,
        [
            World::ChallengeGenerator,
            World::ChallengeSolver,
            World::ScoringPolicy
        ]
    );
}
