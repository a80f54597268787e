//! Lambda.

use std::sync::Arc;

use host::plugin::builtin;
use host::subnet::provider::{InstanceState, ProviderAdapter, ProviderError, Query};

use super::cloud::Fault;
use super::fake_lambda::{KIND, LambdaCloud, REGION};
use super::support::{Server, order};

const SECRET: &str = "secret_4KJ8PQ2T0Z7W3X5Y";
const LAUNCH: &str = "POST /api/v1/instance-operations/launch";

fn stage() -> (Server<LambdaCloud>, Arc<dyn ProviderAdapter>) {
    let server = Server::start(LambdaCloud {
        token: SECRET,
        ..LambdaCloud::new()
    });
    let built_in = builtin::provider_lambda();
    let adapter = server.adapter(&built_in, "bearer", SECRET, &[("timeout-ms", "3000")]);
    (server, adapter)
}

fn offer_id() -> String {
    format!("{REGION}/{KIND}")
}

#[tokio::test]
async fn a_machine_is_offered_ordered_inspected_and_ended() {
    let (server, adapter) = stage();
    let offers = adapter.offers(&Query::default()).await.unwrap();
    assert_eq!(
        (&*offers[0].id, offers[0].price_micro_usd_per_hour),
        (&*offer_id(), 750_000)
    );
    let order = order("k1", &offers[0].id, 750_000);
    let machine = adapter.provision(&order).await.unwrap();
    assert_eq!(adapter.provision(&order).await.unwrap().id, machine.id);
    server.cloud.lock().unwrap().cloud.boot();
    let machine = adapter.inspect(&machine.id).await.unwrap();
    assert_eq!(machine.state, InstanceState::Running);
    // Made by chance, in the sandbox.
    let host_key = machine.ssh.unwrap().host_key.unwrap();
    assert!(host_key.starts_with("ssh-ed25519 AAAA"));
    adapter.terminate(&machine.id).await.unwrap();
    adapter.terminate(&machine.id).await.unwrap();
    assert_eq!(
        adapter.inspect(&machine.id).await,
        Err(ProviderError::NotFound)
    );
    let cloud = &server.cloud.lock().unwrap().cloud;
    assert_eq!((cloud.bought, cloud.keys.len()), (1, 0));
}

#[tokio::test]
async fn a_machine_whose_order_was_never_answered_is_found_again() {
    let (server, adapter) = stage();
    let order = order("k1", &offer_id(), 750_000);
    server.cloud.lock().unwrap().faults = vec![(LAUNCH, Fault::Silent)];
    let lost = adapter.provision(&order).await.unwrap_err();
    assert!(lost.effect_unknown(), "{lost}");
    let found = adapter.instances().await.unwrap();
    assert_eq!(found[0].order_key.as_deref(), Some("k1"));
    assert_eq!(adapter.provision(&order).await.unwrap().id, found[0].id);
    server.cloud.lock().unwrap().faults = vec![(LAUNCH, Fault::TooMany(Some("12")))];
    let other = super::support::order("k2", &offer_id(), 750_000);
    assert_eq!(
        adapter.provision(&other).await,
        Err(ProviderError::Busy(12_000))
    );
    assert_eq!(server.cloud.lock().unwrap().cloud.bought, 1);
}
