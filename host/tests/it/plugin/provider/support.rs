//! A miner's registry with the fixture in it, and a world outside that a test plays.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use host::plugin::{Config, Engine, Limits, Outside, Registry, RegistryError, Settings};
use host::subnet::events::Unobserved;
use host::subnet::outbound::{Egress, Outbound, OutboundError, Request, Response};
use host::subnet::plugin::{Plugins, World};
use host::subnet::provider::{Order, ProviderAdapter, ProviderError, Want};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::plugin::support;

pub(super) const NAME: &str = "misbehave-provider";
pub(super) const ORIGIN: &str = "https://cloud.example";

/// One engine for most tests, so that the fixture is compiled once.
static SHARED: LazyLock<Engine> = LazyLock::new(|| Engine::new(support::limits()).unwrap());

pub(super) fn engine(change: impl FnOnce(&mut Limits)) -> Engine {
    let mut limits = support::limits();
    change(&mut limits);
    Engine::new(limits).unwrap()
}

/// What a test's cloud answers, by path; what it has not is for ever under way.
#[derive(Default)]
pub(super) struct Cloud {
    pub(super) answers: BTreeMap<String, Value>,
    pub(super) asked: Mutex<Vec<Request>>,
    /// Grows by one with each request that was given up before it was answered.
    pub(super) given_up: Arc<GivenUp>,
}

pub(super) struct GivenUp(pub(super) Semaphore);

impl Default for GivenUp {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

struct Answering(Arc<GivenUp>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.add_permits(1);
    }
}

impl Cloud {
    pub(super) fn answering(path: &str, answer: Value) -> Arc<Self> {
        let answers = BTreeMap::from([(path.to_owned(), answer)]);
        Arc::new(Self {
            answers,
            ..Self::default()
        })
    }

    pub(super) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Outbound for Cloud {
    async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let answering = Answering(self.given_up.clone());
        let path = request.url.strip_prefix(ORIGIN).unwrap_or("").to_owned();
        self.asked.lock().unwrap().push(request);
        let Some(answer) = self.answers.get(&path) else {
            return std::future::pending().await;
        };
        std::mem::forget(answering);
        Ok(Response {
            status: 200,
            headers: vec![],
            body: answer.to_string().into_bytes(),
        })
    }
}

/// Grants everything, or nothing.
pub(super) struct Grants {
    pub(super) cloud: Arc<Cloud>,
    pub(super) everything: bool,
}

impl Egress for Grants {
    fn open(&self, plugin: &str, _: &[Want]) -> Arc<dyn Outbound> {
        assert_eq!(plugin, NAME);
        self.cloud.clone()
    }

    fn missing(&self, plugin: &str, wants: &[Want]) -> Vec<String> {
        if self.everything || wants.is_empty() {
            return vec![];
        }
        let lines = wants.iter().map(|want| format!("{want:?}"));
        [format!("[plugins.{plugin}.grant]")]
            .into_iter()
            .chain(lines)
            .collect()
    }
}

/// A node with the fixture, told what to do.
pub(super) struct Node {
    pub(super) registry: Registry,
    _folder: tempfile::TempDir,
}

impl Node {
    pub(super) fn with(settings: &[(&str, &str)], outside: Outside) -> Self {
        Self::try_on(&SHARED, settings, outside).unwrap()
    }

    pub(super) fn try_on(
        engine: &Engine,
        settings: &[(&str, &str)],
        outside: Outside,
    ) -> Result<Self, RegistryError> {
        let table = settings.iter();
        let table: Settings = table.map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let folder = tempfile::tempdir().unwrap();
        let worlds = [World::ProviderAdapter, World::ChallengeSolver];
        let registry = Registry::open(
            engine.clone(),
            Config {
                state_folder: folder.path().join("state"),
                worlds: worlds.to_vec(),
                builtins: worlds.map(support::fixture).to_vec(),
                settings: BTreeMap::from([(NAME.to_owned(), table)]),
                data: Default::default(),
                limits: Default::default(),
                trust: Default::default(),
                accelerator: None,
                outside,
                observer: Arc::new(Unobserved),
            },
        )?;
        Ok(Self {
            registry,
            _folder: folder,
        })
    }

    pub(super) fn try_with(
        settings: &[(&str, &str)],
        outside: Outside,
    ) -> Result<Self, RegistryError> {
        Self::try_on(&SHARED, settings, outside)
    }

    /// Whose setting is `mode`, with nothing outside.
    pub(super) fn misbehaving(mode: &str) -> Self {
        Self::with(&[("mode", mode)], Outside::default())
    }

    /// That forwards to `cloud`.
    pub(super) fn before(cloud: &Arc<Cloud>) -> Self {
        Self::with(&[("origin", ORIGIN)], granting(cloud))
    }

    pub(super) fn adapter(&self) -> Arc<dyn ProviderAdapter> {
        self.registry.providers().remove(0)
    }
}

pub(super) fn granting(cloud: &Arc<Cloud>) -> Outside {
    let cloud = cloud.clone();
    Outside {
        egress: Some(Arc::new(Grants {
            cloud,
            everything: true,
        })),
        workloads: None,
    }
}

pub(super) fn order() -> Order {
    Order {
        key: "order-1".into(),
        offer_id: "small".into(),
        image: None,
        ssh_public_key: "ssh-ed25519 AAAA".into(),
        disk_mib: 1_024,
        price_micro_usd_per_hour_max: 2_000_000,
        ends_at: 2_000_000_000,
        labels: vec![],
    }
}

pub(super) fn plugin_error<T: std::fmt::Debug>(
    answer: Result<T, ProviderError>,
) -> host::subnet::plugin::PluginError {
    match answer {
        Err(ProviderError::Plugin(error)) => error,
        other => panic!("{other:?}"),
    }
}
