//! Runpod.

use host::plugin::builtin;
use host::subnet::provider::{InstanceState, ProviderAdapter, ProviderError, Query};
use std::sync::Arc;

use super::cloud::Fault;
use super::fake_runpod::{GPU, PLACE, Runpod};
use super::support::{RENTER, Server, order};

const SECRET: &str = "rpa_4KJ8PQ2T0Z7W3X5Y";

fn stage() -> (Server<Runpod>, Arc<dyn ProviderAdapter>) {
    let server = Server::start(Runpod {
        token: SECRET,
        ..Runpod::new()
    });
    let built_in = builtin::provider_runpod();
    let adapter = server.adapter(&built_in, "bearer", SECRET, &[("timeout-ms", "3000")]);
    (server, adapter)
}

fn offer_id() -> String {
    format!("{GPU}/1/{PLACE}")
}

#[tokio::test]
async fn a_pod_is_offered_ordered_inspected_and_ended() {
    let (server, adapter) = stage();
    let offers = adapter.offers(&Query::default()).await.unwrap();
    assert_eq!(offers[0].id, offer_id());
    let price = offers[0].price_micro_usd_per_hour;
    let order = order("k1", &offers[0].id, price);
    let pod = adapter.provision(&order).await.unwrap();
    assert_eq!(pod.state, InstanceState::Starting);
    assert_eq!(adapter.provision(&order).await.unwrap().id, pod.id);
    assert_eq!(server.cloud.lock().unwrap().cloud.bought, 1);

    server.cloud.lock().unwrap().cloud.boot();
    let pod = adapter.inspect(&pod.id).await.unwrap();
    assert_eq!(pod.state, InstanceState::Running);
    assert_eq!(pod.ssh.unwrap().host, "195.26.233.3");
    let key = server.cloud.lock().unwrap().cloud.pods[0]["env"]["PUBLIC_KEY"].clone();
    assert!(RENTER.starts_with(key.as_str().unwrap()));

    let extended = adapter.extend(&pod.id, 1_900_000_000).await;
    assert!(matches!(extended, Err(ProviderError::Unsupported(_))));
    adapter.terminate(&pod.id).await.unwrap();
    adapter.terminate(&pod.id).await.unwrap();
    assert_eq!(adapter.inspect(&pod.id).await, Err(ProviderError::NotFound));
    assert!(adapter.instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pod_whose_order_was_never_answered_is_found_again() {
    for fault in [
        Fault::FailedAfter,
        Fault::Silent,
        Fault::Empty,
        Fault::CutShort,
        Fault::Huge(17 << 20),
    ] {
        let (server, adapter) = stage();
        let order = order("k1", &offer_id(), 500_000);
        server.cloud.lock().unwrap().faults = vec![("POST /v2/pods", fault.clone())];
        let lost = adapter.provision(&order).await.unwrap_err();
        assert!(lost.effect_unknown(), "{fault:?}: {lost}");
        let found = adapter.instances().await.unwrap();
        assert_eq!(found[0].order_key.as_deref(), Some("k1"));
        assert_eq!(adapter.provision(&order).await.unwrap().id, found[0].id);
        assert_eq!(server.cloud.lock().unwrap().cloud.bought, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn runpod_says_how_long_to_wait_and_what_the_operator_must_do() {
    let (server, adapter) = stage();
    let order = order("k1", &offer_id(), 500_000);
    let fault = |fault| server.cloud.lock().unwrap().faults = vec![("POST /v2/pods", fault)];
    fault(Fault::TooMany(Some("12")));
    assert_eq!(
        adapter.provision(&order).await,
        Err(ProviderError::Busy(12_000))
    );
    fault(Fault::TooMany(None));
    assert_eq!(
        adapter.provision(&order).await,
        Err(ProviderError::Busy(10_000))
    );
    server.cloud.lock().unwrap().cloud.full = true;
    assert_eq!(
        adapter.provision(&order).await,
        Err(ProviderError::NoCapacity)
    );
    server.cloud.lock().unwrap().cloud.funded = false;
    let poor = adapter.provision(&order).await;
    assert!(
        matches!(poor, Err(ProviderError::Account(why)) if why.contains("insufficient balance"))
    );
    server.cloud.lock().unwrap().cloud.price = 0.9;
    assert_eq!(
        adapter.provision(&order).await,
        Err(ProviderError::PriceRose(906_850))
    );
    server.cloud.lock().unwrap().cloud.token = "another";
    let refused = adapter.offers(&Query::default()).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Account(_)) && !refused.to_string().contains(SECRET));
}
