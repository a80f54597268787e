//! An adapter that goes on and on, takes and takes, or waits for ever.

use std::sync::Arc;

use host::plugin::Outside;
use host::subnet::plugin::{PluginError, Plugins};
use host::subnet::provider::Query;

use super::support::{Cloud, Node, ORIGIN, engine, granting, order, plugin_error};
use crate::plugin::support::solver_session;

async fn offers(mode: &str) -> PluginError {
    let node = Node::misbehaving(mode);
    plugin_error(node.adapter().offers(&Query::default()).await)
}

#[tokio::test]
async fn an_adapter_that_behaves_has_an_offer() {
    let node = Node::misbehaving("ok");
    let offers = node.adapter().offers(&Query::default()).await.unwrap();
    assert_eq!(offers[0].id, "small");
}

#[tokio::test]
async fn each_limit_ends_a_call_as_its_own_error() {
    for (mode, expected) in [
        ("loop", PluginError::Deadline(1_000)),
        ("hoard", PluginError::OutOfMemory(48 << 20)),
        ("flood", PluginError::LogFlood(16 << 10)),
        ("huge-offer", PluginError::TooMuchData(8 << 20)),
    ] {
        assert_eq!(offers(mode).await, expected, "{mode}");
    }
    for mode in ["trap", "recurse"] {
        let error = offers(mode).await;
        assert!(matches!(error, PluginError::Trapped(_)), "{mode}: {error}");
    }
}

#[tokio::test]
async fn a_wait_for_the_cloud_ends_at_the_wall_clock_and_its_request_with_it() {
    let engine = engine(|limits| limits.provider.wall_ms_max = 400);
    let cloud = Arc::new(Cloud::default());
    let node = Node::try_on(&engine, &[("origin", ORIGIN)], granting(&cloud)).unwrap();
    let error = plugin_error(node.adapter().offers(&Query::default()).await);
    assert_eq!(error, PluginError::Deadline(400));
    let _given_up = cloud.given_up.0.acquire().await.unwrap();
    assert_eq!(cloud.asked().len(), 1);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_ends_and_its_request_with_it() {
    let cloud = Arc::new(Cloud::default());
    let node = Node::before(&cloud);
    let adapter = node.adapter();
    let calling = tokio::spawn(async move { adapter.offers(&Query::default()).await });
    while cloud.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    calling.abort();
    let _given_up = cloud.given_up.0.acquire().await.unwrap();
}

#[tokio::test]
async fn nothing_is_asked_of_the_cloud_after_the_deadline() {
    let cloud = Arc::new(Cloud::default());
    let settings = [
        ("mode", "spend-late"),
        ("late-ms", "600000"),
        ("origin", ORIGIN),
    ];
    let node = Node::with(&settings, granting(&cloud));
    let error = plugin_error(node.adapter().provision(&order()).await);
    assert_eq!(error, PluginError::Deadline(1_000));
    assert!(cloud.asked().is_empty());
}

#[tokio::test]
async fn solvers_answer_while_every_thread_of_the_adapters_waits_for_a_cloud() {
    let cloud = Arc::new(Cloud::default());
    let node = Node::before(&cloud);
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let adapter = node.adapter();
            tokio::spawn(async move { adapter.offers(&Query::default()).await })
        })
        .collect();
    // All threads but the one that is kept for other adapters.
    while cloud.asked().len() < 2 {
        tokio::task::yield_now().await;
    }
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut session = solver.open(solver_session()).await.unwrap();
    let answered = session.answer(vec![1, 2, 3]).await.unwrap();
    assert_eq!(answered.value, [1, 2, 3]);
    for call in waiting {
        call.abort();
    }
}

#[tokio::test]
async fn an_adapter_that_fails_again_and_again_gives_way_to_the_one_before_it() {
    let node = Node::with(&[("mode", "trap")], Outside::default());
    let first = node.adapter().id().digest;
    let bytes = [crate::plugin::support::PROVIDER, &[0, 2, 1, b'y']].concat();
    let pin = host::plugin::Approval::Pin { by: "me".into() };
    let name = super::support::NAME;
    node.registry.swap(name, bytes, pin).await.unwrap();
    assert_ne!(node.adapter().id().digest, first);
    for _ in 0..3 {
        plugin_error(node.adapter().instances().await);
    }
    assert_eq!(node.adapter().id().digest, first);
}
