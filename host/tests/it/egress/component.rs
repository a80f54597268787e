//! The same with a component in between: an adapter from a stranger works with
//! each kind of credential, tries every way to read it back, and gets nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host::plugin::builtin::BuiltIn;
use host::plugin::{Config, Engine, Outside, Registry, RegistryError};
use host::subnet::events::Unobserved;
use host::subnet::plugin::{Plugins as _, World};
use host::subnet::provider::Query;
use serde_json::{Value, json};

use super::support::{CANARY, Case, Log, PLUGIN, Received, ok};
use super::theft::{ECHOES, echo, search};
use crate::plugin::support;

/// What the fixture describes itself as.
const NAME: &str = "misbehave-provider";

/// Each kind of credential, as the contract writes it, and what arrives with it.
fn kinds() -> Vec<(&'static str, Value, String)> {
    let basic = BASE64_STANDARD.encode(format!("{CANARY}:"));
    vec![
        (
            "bearer",
            json!({ "Bearer": "key" }),
            format!("Bearer {CANARY}"),
        ),
        ("basic", json!({ "Basic": "key" }), format!("Basic {basic}")),
        (
            "header:x-api-key",
            json!({ "Header": { "credential": "key", "header": "x-api-key" } }),
            CANARY.to_owned(),
        ),
        (
            "sigv4",
            json!({ "Sigv4": { "credential": "key", "region": "us-east-1", "service": "ec2" } }),
            "AWS4-HMAC-SHA256 Credential=AKIACANARY0123456/20150830/us-east-1/ec2/aws4_request"
                .to_owned(),
        ),
    ]
}

/// The case is the fixture's, and the secret of the kind.
async fn case(usage: &str) -> Case {
    let mut case = Case::with_key(usage, echo).await;
    let grant = case.grants.plugins.remove(PLUGIN).unwrap();
    case.grants.plugins.insert(NAME.to_owned(), grant);
    let key = case.grants.credentials.get_mut("key").unwrap();
    key.plugins = [NAME.to_owned()].into();
    if usage == "sigv4" {
        *case.secret.lock().unwrap() = format!("AKIACANARY0123456:{CANARY}");
    }
    case
}

fn open(engine: &Engine, case: &Case, probes: &Value) -> Result<Registry, RegistryError> {
    let origins =
        ["api.test", "other.test"].map(|name| format!("https://{name}:{}", case.server.port));
    let settings = [
        ("probes", probes.to_string()),
        ("origins", origins[0].clone()),
        ("credential", "key".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let folder = tempfile::tempdir().unwrap();
    Registry::open(
        engine.clone(),
        Config {
            state_folder: folder.path().join("state"),
            worlds: vec![World::ProviderAdapter],
            builtins: vec![BuiltIn {
                name: NAME.into(),
                world: World::ProviderAdapter,
                bytes: support::PROVIDER.into(),
            }],
            settings: BTreeMap::from([(NAME.to_owned(), settings.into())]),
            data: Default::default(),
            limits: Default::default(),
            trust: Default::default(),
            accelerator: None,
            outside: Outside {
                egress: Some(Arc::new(case.egress())),
                workloads: None,
            },
            observer: Arc::new(Unobserved),
        },
    )
}

/// What the component was told by each probe, and at last what it sees by itself.
async fn told(engine: &Engine, case: &Case, probes: &Value) -> Vec<String> {
    let registry = open(engine, case, probes).unwrap();
    let adapter = registry.providers().remove(0);
    let offers = adapter.offers(&Query::default()).await.unwrap();
    let pieces = offers.iter().map(|offer| offer.labels.iter());
    let told: Vec<String> = pieces
        .map(|labels| labels.map(|label| &*label.value).collect())
        .collect();
    assert_eq!(told.len(), probes.as_array().unwrap().len() + 1);
    told
}

#[tokio::test]
async fn an_adapter_from_a_stranger_works_with_every_credential_and_reads_none() {
    let engine = Engine::new(support::limits()).unwrap();
    // Held, so that the fixture is compiled once.
    let mut held = Vec::new();
    for (usage, auth, arrives) in kinds() {
        let case = case(usage).await;
        let url = |path: &str| case.url(path);
        let errors = ["/truncated", "/nonsense", "/gzip", "/upgrade", "/cookie"];
        let mut probes: Vec<Value> = ECHOES
            .into_iter()
            .chain(errors)
            .map(|path| json!({ "url": url(path), "auth": auth }))
            .collect();
        let sent = probes.len();
        let stolen = url("/body").replace("api.test", "other.test");
        probes.extend([
            // Elsewhere, in the open, by another name, beside it, and to nobody.
            json!({ "url": stolen, "auth": auth }),
            json!({ "url": url("/body").replace("https", "http"), "auth": auth }),
            json!({ "url": url("/body").replace("api.test", "127.0.0.1"), "auth": auth }),
            json!({ "url": url("/body").replace("//", "//api.test@evil.test/"), "auth": auth }),
            json!({ "url": url("/body"), "auth": { "Bearer": "env:KEY" } }),
            json!({ "url": url("/body"), "auth": auth, "headers": [["authorization", "mine"]] }),
            json!({ "url": url("/body"), "auth": auth, "headers": [["x", "a\r\nhost: evil.test"]] }),
            json!({ "url": "file:///proc/self/environ", "auth": auth }),
            json!({ "url": "", "auth": auth }),
        ]);
        let log = Log::default();
        let kept = log.keep();
        let told = told(&engine, &case, &json!(probes)).await;
        drop(kept);
        for (what, text) in probes.iter().chain([&Value::Null]).zip(&told) {
            println!(
                "{usage}: {what}: {}",
                text.chars().take(160).collect::<String>()
            );
            search(text);
        }
        search(&log.text());
        for refused in &told[sent..told.len() - 1] {
            assert!(refused.starts_with("error "), "{refused}");
        }
        let received = case.server.received();
        assert_eq!(received.len(), sent);
        for request in &received {
            let header = usage.strip_prefix("header:").unwrap_or("authorization");
            let arrived = request.header(header).unwrap();
            assert!(arrived.starts_with(&arrives), "{arrived}");
        }
        held.push(open(&engine, &case, &json!([])).unwrap());
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_gives_an_adapter_nothing() {
    let case = case("bearer").await;
    let address = |text: &str| vec![text.parse::<IpAddr>().unwrap()];
    let answers = [address("127.0.0.1"), address("169.254.169.254")];
    case.resolver.answers.lock().unwrap().extend(answers);
    let probe = json!({ "url": case.url("/body"), "auth": { "Bearer": "key" } });
    let engine = Engine::new(support::limits()).unwrap();
    let told = told(&engine, &case, &json!([probe, probe])).await;
    assert!(told[0].starts_with("200 "), "{}", told[0]);
    assert!(told[1].contains("Denied"), "{}", told[1]);
    assert_eq!(case.server.received().len(), 1);
    told.iter().for_each(|text| search(text));
}

#[tokio::test]
async fn what_was_not_granted_is_printed_as_configuration() {
    let mut case = Case::new(|_: &Received| ok("", "")).await;
    case.grants.plugins.clear();
    let engine = Engine::new(support::limits()).unwrap();
    let Err(RegistryError::BuiltIn { error, .. }) = open(&engine, &case, &json!([])) else {
        panic!("admitted");
    };
    let remedy = error.remedy();
    assert!(
        remedy.contains("plugins.misbehave-provider.grant"),
        "{remedy}"
    );
    assert!(remedy.contains("credentials.key"), "{remedy}");
    let lines = remedy.lines().skip(1).collect::<Vec<_>>().join("\n");
    let parsed: Result<toml::Table, _> = toml::from_str(&lines);
    assert!(parsed.is_ok(), "{remedy}");
}
