//! Machines that can be rented, in the words of `provider.wit`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::hardware::{Hardware, Label};
use super::plugin::{PluginError, PluginId};

/// The most offers one adapter may return in one call.
pub const OFFERS_MAX: usize = 4_096;
/// The most instances one adapter may return in one call.
pub const INSTANCES_MAX: usize = 4_096;

/// What to look for; an absent field matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// As the driver reports it, or a part of it.
    pub gpu_model: Option<String>,
    /// At least so many cards.
    pub gpu_count: Option<u32>,
    /// At least so much on each card.
    pub gpu_memory_mib: Option<u64>,
    /// The provider's own name of a place.
    pub region: Option<String>,
    /// At most.
    pub price_micro_usd_per_hour_max: Option<u64>,
    /// All of these.
    pub labels: Vec<Label>,
}

impl Query {
    /// Whether `offer` is what is looked for. Letters of a model may be of either
    /// case; cards of one machine are not added up over models.
    pub fn matches(&self, offer: &Offer) -> bool {
        let price = self.price_micro_usd_per_hour_max;
        self.matches_cards(&offer.hardware)
            && self
                .region
                .as_ref()
                .is_none_or(|region| *region == offer.region)
            && price.is_none_or(|max| offer.price_micro_usd_per_hour <= max)
            && self.labels.iter().all(|label| offer.labels.contains(label))
    }

    fn matches_cards(&self, hardware: &Hardware) -> bool {
        if self.gpu_model.is_none() && self.gpu_count.is_none() && self.gpu_memory_mib.is_none() {
            return true;
        }
        let model = self.gpu_model.as_deref().unwrap_or("").to_lowercase();
        hardware.gpus.iter().any(|gpu| {
            gpu.model.to_lowercase().contains(&model)
                && self.gpu_count.is_none_or(|count| gpu.count >= count)
                && self
                    .gpu_memory_mib
                    .is_none_or(|memory| gpu.memory_mib >= memory)
        })
    }
}

/// Something that can be rented now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The provider's own name for it.
    pub id: String,
    /// What the provider says it is made of.
    pub hardware: Hardware,
    /// The provider's own name of a place.
    pub region: String,
    /// What the provider asks for.
    pub price_micro_usd_per_hour: u64,
    /// May be taken back at any time.
    pub interruptible: bool,
    /// Facts nobody foresaw.
    pub labels: Vec<Label>,
}

/// What to rent from a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Chosen by the host; the same key twice rents one machine.
    pub key: String,
    /// [`Offer::id`].
    pub offer_id: String,
    /// An OCI image pinned by digest; `None` for the provider's plain Linux.
    pub image: Option<String>,
    /// One line, in OpenSSH form.
    pub ssh_public_key: String,
    /// Disk wanted.
    pub disk_mib: u64,
    /// Past this price the order fails.
    pub price_micro_usd_per_hour_max: u64,
    /// When the provider is to end it by itself, in Unix seconds.
    pub ends_at: u64,
    /// For the provider to keep with it.
    pub labels: Vec<Label>,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Paid for, not reachable yet.
    Starting,
    /// Reachable.
    Running,
    /// On its way out.
    Stopping,
    /// Gone, and no longer paid for.
    Terminated,
    /// Broken, and perhaps still paid for.
    Failed,
}

/// Where a renter logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshEndpoint {
    /// A name or an address.
    pub host: String,
    /// TCP.
    pub port: u16,
    /// The login's name.
    pub user: String,
    /// In OpenSSH form, once known.
    pub host_key: Option<String>,
}

/// Something that is, or was, rented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The provider's own name for it.
    pub id: String,
    /// The key it was ordered under; `None` if someone else rented it.
    pub order_key: Option<String>,
    /// Where it is in its life.
    pub state: InstanceState,
    /// What the provider says it is made of.
    pub hardware: Hardware,
    /// What it costs now.
    pub price_micro_usd_per_hour: u64,
    /// Present once running.
    pub ssh: Option<SshEndpoint>,
    /// When the provider will end it by itself, in Unix seconds.
    pub ends_at: Option<u64>,
    /// Facts nobody foresaw.
    pub labels: Vec<Label>,
}

/// What an adapter needs its operator to grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// `https://rest.runpod.io`
    HttpOrigin(String),
    /// The name of a credential.
    Credential(String),
    /// The `machine` interface.
    Machine,
}

/// Why an adapter did not do it, by what the host can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Ask someone else.
    #[error("the provider has none left")]
    NoCapacity,
    /// It costs this much now, in millionths of a US dollar an hour.
    #[error("the price is {0} micro-USD an hour now")]
    PriceRose(u64),
    /// Nothing by that id.
    #[error("the provider knows nothing by that id")]
    NotFound,
    /// The operator must fix the account.
    #[error("the account: {0}")]
    Account(String),
    /// Try again after this many milliseconds.
    #[error("busy for {0} ms")]
    Busy(u32),
    /// Whether anything happened is unknown.
    #[error("the provider failed: {0}")]
    Upstream(String),
    /// The provider and the adapter do not understand one another.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The adapter itself failed; whether anything happened is unknown.
    #[error("the adapter {0}")]
    Plugin(#[from] PluginError),
}

impl ProviderError {
    /// Whether something may have happened all the same: look before trying again.
    pub fn effect_unknown(&self) -> bool {
        match self {
            Self::Plugin(PluginError::Overloaded(_) | PluginError::ShuttingDown) => false,
            Self::Upstream(_) | Self::Plugin(_) => true,
            _ => false,
        }
    }
}

/// Rents machines from one cloud, or from the machine the node runs on.
#[async_trait]
pub trait ProviderAdapter: Send + Sync {
    /// Which one.
    fn id(&self) -> &PluginId;
    /// What can be rented now; at most [`OFFERS_MAX`].
    async fn offers(&self, query: &Query) -> Result<Vec<Offer>, ProviderError>;
    /// Rents; the same key twice rents one machine.
    async fn provision(&self, order: &Order) -> Result<Instance, ProviderError>;
    /// Everything this account pays for; at most [`INSTANCES_MAX`].
    async fn instances(&self) -> Result<Vec<Instance>, ProviderError>;
    /// One instance as it is now.
    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError>;
    /// Moves an instance's end, in Unix seconds.
    async fn extend(&self, id: &str, ends_at: u64) -> Result<Instance, ProviderError>;
    /// Stops paying for an instance; what is gone already is no error.
    async fn terminate(&self, id: &str) -> Result<(), ProviderError>;
}

#[cfg(test)]
mod tests {
    use super::super::hardware::Gpu;
    use super::*;

    fn offer() -> Offer {
        let cards = |model: &str, count, memory_mib| Gpu {
            model: model.into(),
            count,
            memory_mib,
            uuids: vec![],
        };
        Offer {
            id: "o".into(),
            hardware: Hardware {
                gpus: vec![
                    cards("NVIDIA H100 80GB HBM3", 2, 81_559),
                    cards("T4", 8, 15_360),
                ],
                ..Hardware::default()
            },
            region: "us-east-1".into(),
            price_micro_usd_per_hour: 10,
            interruptible: false,
            labels: vec![],
        }
    }

    fn finds(change: impl FnOnce(&mut Query)) -> bool {
        let mut query = Query::default();
        change(&mut query);
        query.matches(&offer())
    }

    #[test]
    fn what_is_not_asked_for_may_be_anything() {
        assert!(finds(|_| {}));
        assert!(finds(|query| query.region = Some("us-east-1".into())));
        assert!(!finds(|query| query.region = Some("us-east".into())));
        assert!(finds(|query| query.price_micro_usd_per_hour_max = Some(10)));
        assert!(!finds(|query| query.price_micro_usd_per_hour_max = Some(9)));
    }

    #[test]
    fn cards_are_counted_and_measured_by_their_model() {
        assert!(finds(|query| query.gpu_model = Some("h100".into())));
        assert!(finds(|query| query.gpu_count = Some(8)));
        assert!(!finds(|query| {
            query.gpu_model = Some("H100".into());
            query.gpu_count = Some(3);
        }));
        assert!(!finds(|query| query.gpu_memory_mib = Some(90_000)));
    }

    #[test]
    fn after_a_failure_of_unknown_effect_one_looks() {
        assert!(ProviderError::Upstream(String::new()).effect_unknown());
        assert!(ProviderError::Plugin(PluginError::Deadline(1)).effect_unknown());
        assert!(!ProviderError::NoCapacity.effect_unknown());
        assert!(!ProviderError::Plugin(PluginError::Overloaded(1)).effect_unknown());
    }
}
