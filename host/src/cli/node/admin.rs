//! What a node answers its operator.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admin::{
    self, Admin, Change, Offer, PluginEntry, PluginList, Refusal, Refused, Reloaded, Swapped,
};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::plugin::{
    self, AdmissionError, Approval, Listed, ListedPack, Package, Registry, Source, SwapReport,
};
use crate::role::validator::Quiet;
use crate::role::validator::guard::Guard;
use crate::subnet::chain::{Chain, Metagraph};
use crate::subnet::key::AccountId;
use crate::subnet::provider::Query;
use crate::subnet::rental::Landlord;
use crate::subnet::trust::Subject;

use super::providers;
use super::reload::Reloader;

/// How long a person who asks for the status waits for the chain.
const CHAIN_PATIENCE: Duration = Duration::from_secs(3);

/// What lets, or rents; there once it is open.
pub(super) type Rented = Arc<OnceLock<Arc<dyn Landlord>>>;

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
    guard: Arc<Guard>,
    reloader: Arc<Reloader>,
    landlord: Rented,
    since: Instant,
}

impl Face {
    #[expect(clippy::too_many_arguments, reason = "all it shows, put together once")]
    pub(super) fn new(
        config: &Config,
        account: AccountId,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        chain: Arc<dyn Chain>,
        quiet: Quiet,
        guard: Arc<Guard>,
        reloader: Arc<Reloader>,
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
            guard,
            reloader,
            landlord: Rented::default(),
            since: Instant::now(),
        }
    }

    /// A miner's, or that of a validator's operator API.
    pub(super) fn letting(mut self, landlord: Rented) -> Self {
        self.landlord = landlord;
        self
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

    fn landlord(&self) -> Option<Arc<dyn Landlord>> {
        self.landlord.get().cloned()
    }

    async fn plugins(&self) -> PluginList {
        let plugins = self.registry.list().into_iter().map(entry);
        let packs = self.registry.packs().into_iter().map(pack_entry);
        let refused = self.registry.refusals().into_iter().map(refused);
        PluginList {
            plugins: plugins.chain(packs).collect(),
            refused: refused.collect(),
        }
    }

    async fn inspect(&self, name: &str) -> Option<Value> {
        serde_json::to_value(self.registry.inspect(name)?).ok()
    }

    async fn history(&self) -> Value {
        serde_json::to_value(self.registry.history()).unwrap_or_default()
    }

    /// A way back may have to be compiled: guest work.
    async fn change(&self, change: Change) -> Result<Swapped, Refusal> {
        let _quiet = self.quiet.lock().await;
        let registry = self.registry.clone();
        let changing = move || match change {
            Change::RollBack(slot) => registry.roll_back(&slot).map(swapped),
            Change::Promote => registry.promote().map(swapped),
            Change::At { place, moment } => registry
                .await_moment(&place, moment)
                .map(|id| Swapped { old: None, new: id }),
            Change::EndTrial => registry.end_trial().map(|id| Swapped {
                old: Some(id.clone()),
                new: id,
            }),
        };
        let changed = tokio::task::spawn_blocking(changing).await;
        match changed {
            Ok(Ok(swapped)) => Ok(swapped),
            Ok(Err(error)) => Err(Refusal {
                remedy: error.remedy(),
                reason: format!("{:#}", anyhow::Error::new(error)),
            }),
            Err(error) => Err(Refusal {
                reason: error.to_string(),
                remedy: "try again".into(),
            }),
        }
    }

    async fn providers(&self) -> Value {
        providers::list(&self.registry)
    }

    async fn offers(&self, query: Query) -> Value {
        providers::offers(&self.registry, &query).await
    }

    async fn held(&self) -> Option<Value> {
        serde_json::to_value(self.guard.held()?).ok()
    }

    async fn accept(&self) -> Result<Option<Value>, String> {
        let guard = self.guard.clone();
        let accepted = tokio::task::spawn_blocking(move || guard.accept()).await;
        let accepted = accepted.map_err(|error| error.to_string())?;
        let accepted = accepted.map_err(|error| error.to_string())?;
        Ok(accepted.and_then(|held| serde_json::to_value(held).ok()))
    }

    async fn reload(&self) -> Result<Reloaded, String> {
        self.reloader.reload().await
    }

    /// Admission is guest work, so it waits until no miner's clock runs.
    async fn swap(&self, offer: Offer) -> Result<Swapped, Refusal> {
        let origin = offer.origin.display().to_string();
        let approval = match offer.approval {
            admin::Approval::Signatures => Approval::Recorded,
            admin::Approval::Downgrade => Approval::Downgrade,
            admin::Approval::Pin => Approval::Pin {
                by: format!("operator, from {origin}"),
            },
        };
        let (named, bytes, beside) = (origin.clone(), offer.bytes, offer.manifest);
        let opening = move || Package::open(named, bytes, beside.as_deref());
        let opened = tokio::task::spawn_blocking(opening).await;
        let quiet = self.quiet.lock().await;
        let opened =
            opened.unwrap_or_else(|error| Err(AdmissionError::Unreadable(error.to_string())));
        let offered = match opened {
            Ok(package) => {
                let rehearsal = offer.rehearsal;
                let registry = &self.registry;
                registry
                    .offer_with(&offer.name, package, approval, rehearsal)
                    .await
            }
            Err(error) => {
                self.registry.unreadable(&offer.name, &origin, &error);
                Err(error)
            }
        };
        drop(quiet);
        match offered {
            Ok(report) => Ok(swapped(report)),
            Err(error) => {
                let remedy = error.remedy();
                Err(Refusal {
                    reason: format!("{origin}: {:#}", anyhow::Error::new(error)),
                    remedy,
                })
            }
        }
    }
}

fn swapped(report: SwapReport) -> Swapped {
    Swapped {
        old: report.from,
        new: report.to,
    }
}

fn entry(listed: Listed) -> PluginEntry {
    PluginEntry {
        place: listed.slot,
        id: listed.id,
        world: Subject::Plugin(listed.world),
        origin: origin(listed.source),
    }
}

fn pack_entry(listed: ListedPack) -> PluginEntry {
    PluginEntry {
        place: listed.id.name.clone(),
        id: listed.id,
        world: Subject::DataPack,
        origin: origin(listed.source),
    }
}

pub(super) fn origin(source: Source) -> String {
    match source {
        Source::BuiltIn => "built-in".into(),
        Source::Pinned { by } => format!("pinned by {by}"),
        Source::Configured => "pinned in the configuration".into(),
        Source::Signed { by, sequence } => {
            format!("number {sequence}, signed by {}", by.join(", "))
        }
        Source::DevelopmentChain => "put there on a development chain".into(),
    }
}

fn refused(refused: plugin::Refusal) -> Refused {
    Refused {
        slot: refused.slot,
        origin: refused.origin,
        refusal: Refusal {
            reason: refused.reason,
            remedy: refused.remedy,
        },
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
