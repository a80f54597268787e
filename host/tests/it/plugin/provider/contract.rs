//! What an adapter answers arrives as it was meant, or as a broken contract.

use host::plugin::manifest::{Manifest, Want};
use host::plugin::{AdmissionError, Approval, Outside, Package, RegistryError, TrustError};
use host::subnet::plugin::{PluginError, Plugins, World};
use host::subnet::provider::{Instance, InstanceState, ProviderError, Query};
use host::subnet::trust::Subject;
use serde_json::{Value, json};

use super::support::{Cloud, NAME, Node, ORIGIN, granting, order, plugin_error};

fn hardware() -> Value {
    json!({ "gpus": [{ "model": "H100", "count": 8, "memory_mib": 81_559, "uuids": [] }],
            "cpu_model": "x", "cpu_threads": 8, "memory_mib": 1_024, "disk_mib": 1_024,
            "labels": [] })
}

fn instance() -> Value {
    json!({ "id": "i-1", "order_key": "order-1", "state": "running", "hardware": hardware(),
            "price_micro_usd_per_hour": 1_500_000, "ends_at": 2_000_000_000, "labels": [],
            "ssh": { "host": "192.0.2.7", "port": 22, "user": "ubuntu", "host_key": null } })
}

/// A node whose adapter answers exactly this.
fn answering(answer: &Value) -> Node {
    Node::with(&[("answer", &answer.to_string())], Outside::default())
}

async fn provisioned(answer: Value) -> Result<Instance, ProviderError> {
    answering(&answer).adapter().provision(&order()).await
}

#[tokio::test]
async fn all_six_functions_reach_the_cloud_and_come_back() {
    let cloud = std::sync::Arc::new(Cloud {
        answers: [
            ("/offers", json!({ "Ok": [] })),
            ("/provision", json!({ "Ok": instance() })),
            ("/instances", json!({ "Ok": [instance()] })),
            ("/inspect", json!({ "Ok": instance() })),
            ("/extend", json!({ "Ok": instance() })),
            ("/terminate", json!({ "Ok": null })),
        ]
        .map(|(path, answer)| (path.to_owned(), answer))
        .into(),
        ..Cloud::default()
    });
    let node = Node::before(&cloud);
    let adapter = node.adapter();
    assert_eq!(adapter.id().name, NAME);
    let query = Query {
        gpu_model: Some("H100".into()),
        ..Query::default()
    };
    assert_eq!(adapter.offers(&query).await, Ok(vec![]));
    let rented = adapter.provision(&order()).await.unwrap();
    assert_eq!(rented.state, InstanceState::Running);
    assert_eq!(rented.ssh.clone().unwrap().host, "192.0.2.7");
    assert_eq!(adapter.instances().await, Ok(vec![rented.clone()]));
    assert_eq!(adapter.inspect("i-1").await, Ok(rented.clone()));
    assert_eq!(adapter.extend("i-1", 2_000_000_000).await, Ok(rented));
    assert_eq!(adapter.terminate("i-1").await, Ok(()));
    let asked = cloud.asked();
    assert_eq!(asked.len(), 6);
    let first: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(first, serde_json::to_value(&query).unwrap());
    let second: Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!(second, serde_json::to_value(order()).unwrap());
}

#[tokio::test]
async fn what_a_provider_cannot_do_is_told_apart() {
    for (failure, expected) in [
        (json!("NoCapacity"), ProviderError::NoCapacity),
        (json!({ "PriceRose": 7 }), ProviderError::PriceRose(7)),
        (json!("NotFound"), ProviderError::NotFound),
        (
            json!({ "Account": "no \u{1b}[2Jfunds" }),
            ProviderError::Account("no \\u{1b}[2Jfunds".into()),
        ),
        (json!({ "Busy": 9 }), ProviderError::Busy(9)),
        (
            json!({ "Upstream": "x" }),
            ProviderError::Upstream("x".into()),
        ),
        (
            json!({ "Unsupported": "y" }),
            ProviderError::Unsupported("y".into()),
        ),
    ] {
        assert_eq!(provisioned(json!({ "Err": failure })).await, Err(expected));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_about_what_was_asked_breaks_the_contract() {
    let with = |field: &str, value: Value| {
        let mut instance = instance();
        instance[field] = value;
        json!({ "Ok": instance })
    };
    for (answer, expected) in [
        (with("order_key", json!("order-2")), "order-1"),
        (with("order_key", Value::Null), "order-1"),
        (
            with("price_micro_usd_per_hour", json!(2_000_001)),
            "2000001",
        ),
        (with("id", json!("")), "the id of an instance"),
        (
            with(
                "ssh",
                json!({ "host": "h", "port": 0, "user": "u", "host_key": null }),
            ),
            "port 0",
        ),
    ] {
        let error = plugin_error(provisioned(answer).await);
        assert!(matches!(error, PluginError::BrokeContract(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let other = answering(&json!({ "Ok": instance() }));
    let error = plugin_error(other.adapter().inspect("i-2").await);
    assert!(error.to_string().contains("`i-2` was asked for"), "{error}");
}

#[tokio::test]
async fn more_offers_than_there_may_be_break_the_contract() {
    let node = Node::misbehaving("many-offers");
    let error = plugin_error(node.adapter().offers(&Query::default()).await);
    assert!(error.to_string().contains("5000 offers"), "{error}");
}

#[tokio::test]
async fn what_went_wrong_last_is_remembered_for_the_operator() {
    let node = answering(&json!({ "Err": { "Account": "no funds" } }));
    assert!(node.registry.last_errors().is_empty());
    node.adapter().provision(&order()).await.unwrap_err();
    let errors = node.registry.last_errors();
    assert_eq!(errors[NAME].text, "the account: no funds");
    // A provider's no is no failure of the plugin: it stays where it is.
    let used = node.registry.inspect(NAME).unwrap().used;
    assert_eq!((used.ended, used.failed.len()), (1, 0));
}

fn not_granted(settings: &[(&str, &str)]) -> (String, String) {
    let cloud = Cloud::answering("/", Value::Null);
    let mut outside = granting(&cloud);
    outside.egress = Some(std::sync::Arc::new(super::support::Grants {
        cloud,
        everything: false,
    }));
    match Node::try_with(settings, outside) {
        Err(RegistryError::BuiltIn { error, .. }) => (error.to_string(), error.remedy()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("admitted"),
    }
}

#[tokio::test]
async fn an_adapter_is_refused_with_the_lines_that_would_grant_what_it_wants() {
    let (reason, remedy) = not_granted(&[("origin", ORIGIN), ("credential", "my-key")]);
    assert!(reason.contains(NAME), "{reason}");
    let lines: Vec<&str> = remedy.lines().collect();
    assert_eq!(lines[1], "[plugins.misbehave-provider.grant]");
    assert!(
        remedy.contains(ORIGIN) && remedy.contains("my-key"),
        "{remedy}"
    );
}

#[tokio::test]
async fn a_want_that_would_write_more_than_itself_is_refused() {
    let (reason, _) = not_granted(&[("mode", "greedy")]);
    assert!(reason.contains("breaks the contract"), "{reason}");
    assert!(!reason.contains('\n'), "{reason}");
}

#[tokio::test]
async fn an_adapter_takes_the_place_of_its_own_name_and_no_other() {
    let node = Node::misbehaving("ok");
    let pin = || Approval::Pin { by: "me".into() };
    let bytes = || [crate::plugin::support::PROVIDER, &[0, 2, 1, b'x']].concat();
    let before = node.adapter().id().digest;
    let report = node.registry.swap(NAME, bytes(), pin()).await.unwrap();
    assert_eq!(report.from.unwrap().digest, before);
    assert_eq!(node.adapter().id().digest, report.to.digest);
    assert_eq!(node.registry.providers().len(), 1);
    let wrong = node.registry.swap("misbehave-solver", bytes(), pin()).await;
    assert!(matches!(wrong, Err(AdmissionError::WrongWorld { .. })));
    let wrong = node.registry.swap("other", bytes(), pin()).await;
    assert!(matches!(wrong, Err(AdmissionError::WrongName { .. })));
}

/// A release whose publisher says that it wants this.
fn release(wants: Vec<Want>) -> Package {
    let bytes = [crate::plugin::support::PROVIDER, &[0, 2, 1, b'm']].concat();
    let manifest = Manifest {
        name: NAME.into(),
        version: "0.1.0".into(),
        subject: Subject::Plugin(World::ProviderAdapter),
        digest: host::plugin::admission::digest(&bytes),
        netuid: None,
        sequence: 1,
        expires: None,
        wants,
        settings: vec![],
        notes: vec![],
    };
    let beside = manifest.unsigned().unwrap().to_bytes();
    Package::open("a test".into(), bytes, Some(&beside)).unwrap()
}

#[tokio::test]
async fn an_adapter_that_asks_for_more_than_was_signed_is_refused() {
    let cloud = Cloud::answering("/offers", json!({ "Ok": [] }));
    let node = Node::before(&cloud);
    let pin = || Approval::Pin { by: "me".into() };
    let refused = node.registry.offer(NAME, release(vec![]), pin()).await;
    let unsaid = TrustError::Unsaid(format!("http {ORIGIN}"));
    assert_eq!(refused, Err(AdmissionError::Untrusted(unsaid)));
    let said = Want {
        kind: "http".into(),
        what: ORIGIN.into(),
    };
    let taken = node.registry.offer(NAME, release(vec![said]), pin()).await;
    assert!(taken.is_ok(), "{taken:?}");
}
