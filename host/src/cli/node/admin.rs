//! What a node answers its operator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admin::{Admin, Offer, PluginEntry, Refusal, Swapped};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::plugin::{self, Approval, Listed, Registry, Source};
use crate::role::validator::Quiet;
use crate::subnet::chain::{Chain, Metagraph};
use crate::subnet::key::AccountId;

/// How long a person who asks for the status waits for the chain.
const CHAIN_PATIENCE: Duration = Duration::from_secs(3);

/// The node, as its admin socket shows it.
pub(super) struct Face {
    role: &'static str,
    netuid: u16,
    network: String,
    account: AccountId,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    chain: Arc<dyn Chain>,
    quiet: Quiet,
    since: Instant,
}

impl Face {
    pub(super) fn new(
        config: &Config,
        account: AccountId,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        chain: Arc<dyn Chain>,
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
            chain,
            quiet,
            since: Instant::now(),
        }
    }
}

impl Face {
    /// What the chain holds of this node now, or why it cannot be asked.
    async fn on_chain(&self) -> Value {
        let asking = self.chain.metagraph(self.netuid);
        match tokio::time::timeout(CHAIN_PATIENCE, asking).await {
            Ok(Ok(metagraph)) => standing(&metagraph, &self.account),
            Ok(Err(error)) => self.away(&error.to_string()),
            Err(_) => self.away("it has not answered yet"),
        }
    }

    fn away(&self, why: &str) -> Value {
        let seen = self.chain.heads().borrow().number;
        json!({ "away": why, "last-block-seen": seen })
    }
}

/// A neuron that took its slot and never set weights was last updated then.
fn standing(metagraph: &Metagraph, account: &AccountId) -> Value {
    let own = metagraph.neuron(account);
    let weights = own.filter(|own| own.last_update > own.registered_at);
    json!({
        "block": metagraph.block,
        "epoch": metagraph.epoch,
        "next-epoch-block": metagraph.next_epoch_block,
        "uid": own.map(|own| own.uid),
        "last-weights-block": weights.map(|own| own.last_update),
    })
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
            "chain": self.on_chain().await,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::chain::testing::{metagraph, neuron};

    #[test]
    fn a_validator_s_last_weights_are_those_it_set_after_it_registered() {
        let mut own = neuron(0);
        let account = own.hotkey;
        (own.registered_at, own.last_update) = (50, 50);
        let status = standing(&metagraph(vec![own.clone()]), &account);
        assert_eq!((&status["uid"], &status["epoch"]), (&json!(0), &json!(10)));
        assert_eq!(status["last-weights-block"], Value::Null);
        own.last_update = 90;
        let status = standing(&metagraph(vec![own]), &account);
        assert_eq!(status["last-weights-block"], 90);
        assert_eq!(standing(&metagraph(vec![]), &account)["uid"], Value::Null);
    }
}
