//! Each way to misbehave ends as its own error, and the others go on.

use host::subnet::challenge::Step;
use host::subnet::plugin::{PluginError, Plugins};

use super::support::{Node, evidence, session};

async fn evaluate(mode: &str) -> Result<host::subnet::scoring::Outcome, PluginError> {
    let node = Node::misbehaving(mode);
    let called = node.policy().evaluate(&evidence(2)).await;
    called.map(|called| called.value)
}

async fn advance(mode: &str) -> Result<Step, PluginError> {
    let node = Node::misbehaving(mode);
    let generator = node.registry.generators().remove(0);
    let called = generator.advance(&session(), &[]).await;
    called.map(|called| called.value)
}

#[tokio::test]
async fn a_policy_that_behaves_scores_everybody() {
    let outcome = evaluate("ok").await.unwrap();
    assert_eq!(outcome.scores.len(), 2);
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_fuel() {
    assert_eq!(
        evaluate("loop").await,
        Err(PluginError::OutOfFuel(200_000_000))
    );
}

#[tokio::test]
async fn a_hoarder_ends_at_its_memory_limit() {
    assert_eq!(
        evaluate("hoard").await,
        Err(PluginError::OutOfMemory(48 << 20))
    );
}

#[tokio::test]
async fn endless_recursion_ends_as_a_crash_that_says_so() {
    let Err(PluginError::Trapped(text)) = evaluate("recurse").await else {
        panic!("it did not crash");
    };
    assert!(text.contains("call stack exhausted"), "{text}");
}

#[tokio::test]
async fn a_crash_says_what_it_was() {
    let Err(PluginError::Trapped(text)) = evaluate("trap").await else {
        panic!("it did not crash");
    };
    assert!(text.contains("unreachable"), "{text}");
}

#[tokio::test]
async fn a_flood_of_lines_ends_at_the_log_limit() {
    assert_eq!(
        evaluate("flood").await,
        Err(PluginError::LogFlood(16 << 10))
    );
}

#[tokio::test]
async fn one_huge_line_is_more_than_may_be_handed_over() {
    assert_eq!(
        evaluate("big-log").await,
        Err(PluginError::TooMuchData(8 << 20))
    );
}

#[tokio::test]
async fn too_large_a_result_is_not_taken() {
    for mode in ["too-much", "many-scores", "error-huge"] {
        assert_eq!(
            evaluate(mode).await,
            Err(PluginError::TooMuchData(8 << 20)),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn a_lie_about_uids_fails_the_epoch() {
    for mode in ["unknown-uid", "duplicate-uid"] {
        let Err(PluginError::BrokeContract(how)) = evaluate(mode).await else {
            panic!("{mode} was taken");
        };
        assert!(how.contains("uid"), "{how}");
    }
}

#[tokio::test]
async fn a_huge_reason_is_cut_and_the_epoch_counts() {
    let outcome = evaluate("huge-reason").await.unwrap();
    assert_eq!(outcome.scores[0].reason.len(), 1 << 10);
}

#[tokio::test]
async fn a_policys_own_error_reaches_the_operator_escaped() {
    let error = evaluate("error").await.unwrap_err();
    assert_eq!(error.kind(), "failed");
}

#[tokio::test]
async fn a_generator_is_held_to_the_contract() {
    for mode in ["leak-seed", "no-time", "all-the-time"] {
        let stepped = advance(mode).await;
        assert!(
            matches!(stepped, Err(PluginError::BrokeContract(_))),
            "{mode}: {stepped:?}"
        );
    }
    assert_eq!(
        advance("too-much").await,
        Err(PluginError::TooMuchData(8 << 20))
    );
}

#[tokio::test]
async fn the_others_go_on_while_one_runs_to_its_limits() {
    let node = std::sync::Arc::new(Node::misbehaving("loop"));
    let hogs: Vec<_> = (0..8)
        .map(|_| {
            let policy = node.policy();
            tokio::spawn(async move { policy.evaluate(&evidence(1)).await })
        })
        .collect();
    let calm = Node::misbehaving("ok");
    assert!(calm.policy().evaluate(&evidence(1)).await.is_ok());
    // On the same engine too: the generator has a thread that the policy never gets.
    let generator = node.registry.generators().remove(0);
    assert!(matches!(
        generator.advance(&session(), &[]).await,
        Err(PluginError::OutOfFuel(_))
    ));
    for hog in hogs {
        assert!(matches!(hog.await.unwrap(), Err(PluginError::OutOfFuel(_))));
    }
}

#[tokio::test]
async fn failures_are_counted_by_their_kind() {
    let node = Node::misbehaving("unknown-uid");
    let _ = node.policy().evaluate(&evidence(1)).await;
    let stats = node.registry.stats();
    let policy = stats.iter().find(|s| s.id.name == "misbehave").unwrap();
    assert_eq!(policy.calls.ended, 1);
    assert_eq!(policy.calls.failed["broke-contract"], 1);
}

#[tokio::test]
async fn a_call_past_the_wall_clock_is_void_whatever_stops_its_guest() {
    let mut limits = super::support::limits();
    limits.policy.wall_ms_max = 20;
    // Seconds of fuel: on a busy machine the clock must still be first.
    limits.policy.fuel_max = 20_000_000_000;
    let engine = host::plugin::Engine::new(limits).unwrap();
    let node = Node::on(engine, "loop").unwrap();
    assert_eq!(
        node.policy().evaluate(&evidence(1)).await,
        Err(PluginError::Deadline(20))
    );
}
