//! What a node answers its operator.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admin::{Admin, Offer, PluginEntry, Refusal, Swapped};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::plugin::{self, Approval, Listed, Registry, Source};
use crate::role::validator::Quiet;
use crate::subnet::key::AccountId;

/// The node, as its admin socket shows it.
pub(super) struct Face {
    role: &'static str,
    netuid: u16,
    network: String,
    account: AccountId,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    quiet: Quiet,
    since: Instant,
}

impl Face {
    pub(super) fn new(
        config: &Config,
        account: AccountId,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        quiet: Quiet,
    ) -> Self {
        Self {
            role: config.role.as_str(),
            netuid: config.netuid,
            network: config
                .network
                .name
                .clone()
                .unwrap_or_else(|| config.network.endpoints.join(", ")),
            account,
            registry,
            metrics,
            quiet,
            since: Instant::now(),
        }
    }
}

#[async_trait]
impl Admin for Face {
    async fn status(&self) -> Value {
        let readiness = self.metrics.readiness(Instant::now());
        json!({
            "role": self.role,
            "hotkey": self.account,
            "netuid": self.netuid,
            "network": self.network,
            "version": env!("CARGO_PKG_VERSION"),
            "process": std::process::id(),
            "running-s": self.since.elapsed().as_secs(),
            "readiness": readiness,
        })
    }

    async fn plugins(&self) -> Vec<PluginEntry> {
        self.registry.list().into_iter().map(entry).collect()
    }

    async fn inspect(&self, name: &str) -> Option<Value> {
        let listed = self
            .registry
            .list()
            .into_iter()
            .find(|listed| listed.slot == name || listed.id.name == name)?;
        let used = self
            .registry
            .stats()
            .into_iter()
            .find(|stats| stats.active && stats.id == listed.id);
        let limits = self.registry.engine().limits().of(listed.world).clone();
        let history: Vec<_> = self
            .registry
            .history()
            .into_iter()
            .filter(|swap| swap.slot == listed.slot)
            .collect();
        Some(json!({
            "plugin": listed,
            "limits": limits,
            "used": used.map(|stats| stats.calls),
            "history": history,
        }))
    }

    /// Admission is guest work, so it waits until no miner's clock runs.
    async fn swap(&self, offer: Offer) -> Result<Swapped, Refusal> {
        let quiet = self.quiet.lock().await;
        let by = format!("operator, from {}", offer.origin.display());
        let swapped = self
            .registry
            .swap(&offer.name, offer.bytes, Approval::Pin { by })
            .await;
        drop(quiet);
        match swapped {
            Ok(report) => Ok(Swapped {
                old: report.from,
                new: report.to,
            }),
            Err(error) => {
                let remedy = error.remedy();
                Err(Refusal {
                    reason: format!("{:#}", anyhow::Error::new(error)),
                    remedy,
                })
            }
        }
    }
}

fn entry(listed: Listed) -> PluginEntry {
    let origin = match listed.source {
        Source::BuiltIn => "built-in".into(),
        Source::Pinned { by } => format!("pinned by {by}"),
        Source::DevelopmentChain => "put there on a development chain".into(),
    };
    PluginEntry {
        id: listed.id,
        world: listed.world,
        origin,
        refusal: listed.refused.map(refusal),
    }
}

fn refusal(refused: plugin::Refusal) -> Refusal {
    Refusal {
        reason: refused.reason,
        remedy: refused.remedy,
    }
}
