//! What a node answers about the adapters it rents machines with.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plugin::{Inspected, Registry};
use crate::role::offers::{Surveyed, survey};
use crate::subnet::plugin::{Plugins as _, World};
use crate::subnet::provider::{Offer, Query, Want};

use super::admin::origin;

/// How long an adapter may take before it is a line that says so; less than
/// whoever asks waits.
const PATIENCE: Duration = Duration::from_secs(150);
/// What the offers of one answer may take, in bytes; the dearest are left out.
const OFFERS_BYTES_MAX: usize = 12 << 20;

/// The active adapters, by name.
pub(super) fn list(registry: &Registry) -> Value {
    let errors = registry.last_errors();
    let listed = registry.list();
    let adapters = listed.iter().filter(|l| l.world == World::ProviderAdapter);
    adapters
        .filter_map(|adapter| registry.inspect(&adapter.slot))
        .map(|adapter| {
            let error = errors.get(&adapter.plugin.slot);
            entry(adapter, json!(error))
        })
        .collect()
}

fn entry(adapter: Inspected, error: Value) -> Value {
    let plugin = adapter.plugin;
    json!({
        "name": plugin.id.name,
        "version": plugin.id.version,
        "digest": plugin.id.digest,
        "from": origin(plugin.source),
        "granted": plugin.wants.iter().map(want).collect::<Vec<_>>(),
        "calls": adapter.used.ended,
        "failed": adapter.used.failed.values().sum::<u64>(),
        "last-error": error,
    })
}

/// As a person reads it.
pub(crate) fn want(want: &Want) -> String {
    match want {
        Want::HttpOrigin(origin) => origin.clone(),
        Want::Credential(name) => format!("credential {name}"),
        Want::Machine => "this machine".into(),
    }
}

/// What all of them have that fits `query`, the cheapest first.
pub(super) async fn offers(registry: &Registry, query: &Query) -> Value {
    let surveyed = survey(&registry.providers(), query, PATIENCE).await;
    let adapters: Vec<Value> = surveyed.iter().map(line).collect();
    let mut offers: Vec<(&str, &Offer)> = surveyed.iter().flat_map(all_of).collect();
    offers.sort_by_key(|(_, offer)| offer.price_micro_usd_per_hour);
    let all = offers.len();
    let mut left_bytes = OFFERS_BYTES_MAX;
    let shown = offers.into_iter().map_while(|(adapter, offer)| {
        let value = json!({ "adapter": adapter, "offer": offer });
        left_bytes = left_bytes.checked_sub(value.to_string().len())?;
        Some(value)
    });
    let shown: Vec<Value> = shown.collect();
    json!({ "adapters": adapters, "left-out": all - shown.len(), "offers": shown })
}

fn all_of(surveyed: &Surveyed) -> impl Iterator<Item = (&str, &Offer)> {
    let offers = surveyed.offers.iter().flatten();
    offers.map(|offer| (&*surveyed.adapter.name, offer))
}

fn line(surveyed: &Surveyed) -> Value {
    json!({
        "name": surveyed.adapter.name,
        "offers": surveyed.offers.as_ref().map_or(0, Vec::len),
        "error": surveyed.offers.as_ref().err().map(ToString::to_string),
        "elapsed-ms": u64::try_from(surveyed.elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}
