//! What five clouds have for rent, asked at once, against the slowest alone.
//!
//! `cargo bench -p host --bench offers`: five adapters, components all, each with
//! a thousand offers of a cloud that takes 100 to 300 ms to answer. Prints both
//! times, their ratio (one would be perfect), and what a thousand offers cost an
//! adapter of a cloud that answers at once: reading the answer in the guest,
//! handing it over and checking it. Medians.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use host::plugin::builtin::BuiltIn;
use host::plugin::{Config, Engine, Limits, Outside, Registry};
use host::role::offers::survey;
use host::subnet::events::Unobserved;
use host::subnet::outbound::{Egress, Outbound, OutboundError, Request, Response};
use host::subnet::plugin::{Plugins as _, World};
use host::subnet::provider::{ProviderAdapter, Query, Want};
use serde_json::json;

const NAME: &str = "misbehave-provider";
const FIXTURE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fixture_misbehave_provider.wasm"));
const OFFERS: usize = 1_000;
const LATENCIES_MS: [u64; 5] = [100, 150, 200, 250, 300];
const ROUNDS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers with a thousand offers after a while.
struct Cloud {
    latency: Duration,
    body: Vec<u8>,
}

#[async_trait]
impl Outbound for Cloud {
    async fn send(&self, _: Request) -> Result<Response, OutboundError> {
        tokio::time::sleep(self.latency).await;
        Ok(Response {
            status: 200,
            headers: vec![],
            body: self.body.clone(),
        })
    }
}

struct Open(Arc<Cloud>);

impl Egress for Open {
    fn open(&self, _: &str, _: &[Want]) -> Arc<dyn Outbound> {
        self.0.clone()
    }

    fn missing(&self, _: &str, _: &[Want]) -> Vec<String> {
        vec![]
    }
}

fn body() -> Vec<u8> {
    let offers = (0..OFFERS).map(|number| {
        json!({
            "id": format!("offer-{number}"), "region": "us-east-1",
            "price_micro_usd_per_hour": 1_000_000 + number, "interruptible": false,
            "hardware": {
                "gpus": [{ "model": "NVIDIA H100 80GB HBM3", "count": 8, "memory_mib": 81_559,
                           "uuids": [] }],
                "cpu_model": "AMD EPYC 9554", "cpu_threads": 128, "memory_mib": 1_048_576,
                "disk_mib": 4_194_304, "labels": [],
            },
            "labels": [{ "name": "zone", "value": "us-east-1a" }],
        })
    });
    json!({ "Ok": offers.collect::<Vec<_>>() })
        .to_string()
        .into_bytes()
}

/// A node of one adapter; the five share an engine, as in one node.
fn registry(engine: &Engine, folder: &std::path::Path, latency_ms: u64) -> Registry {
    let cloud = Cloud {
        latency: Duration::from_millis(latency_ms),
        body: body(),
    };
    let origin = ("origin".to_owned(), "https://cloud.example".to_owned());
    let config = Config {
        state_folder: folder.join(latency_ms.to_string()),
        worlds: vec![World::ProviderAdapter],
        builtins: vec![BuiltIn {
            name: NAME.into(),
            world: World::ProviderAdapter,
            bytes: FIXTURE.into(),
        }],
        settings: BTreeMap::from([(NAME.to_owned(), [origin].into())]),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        accelerator: None,
        outside: Outside {
            egress: Some(Arc::new(Open(Arc::new(cloud)))),
            workloads: None,
        },
        observer: Arc::new(Unobserved),
    };
    Registry::open(engine.clone(), config).unwrap()
}

async fn time(adapters: &[Arc<dyn ProviderAdapter>]) -> f64 {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let surveyed = survey(adapters, &Query::default(), PATIENCE).await;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        for adapter in surveyed {
            assert_eq!(adapter.offers.unwrap().len(), OFFERS);
        }
    }
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Limits::default()).unwrap();
    let open = |latency_ms| registry(&engine, folder.path(), latency_ms);
    let registries: Vec<Registry> = LATENCIES_MS.into_iter().map(open).collect();
    let at_once = open(0);
    let adapters: Vec<_> = registries.iter().flat_map(|r| r.providers()).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let slowest = runtime.block_on(time(&adapters[LATENCIES_MS.len() - 1..]));
    let all = runtime.block_on(time(&adapters));
    let bare = runtime.block_on(time(&at_once.providers()));
    println!(
        "{} adapters with {OFFERS} offers each: {all:.0} ms, the slowest alone {slowest:.0} ms, \
         ratio {:.2}",
        adapters.len(),
        all / slowest
    );
    println!("{OFFERS} offers of a cloud that answers at once: {bare:.1} ms");
}
