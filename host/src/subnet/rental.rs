//! Rentals: what a miner lets, to whom, until when, and at whose cost.
//!
//! A rental begins as an intent on disk. Whatever moment the node dies at, the
//! ledger says what may have been bought, and the provider is asked before
//! anything is bought again:
//!
//! ```text
//! Intended ─> Ordered ─────────────────> Running ─> Ending ─> Ended
//!    │           └> Unknown ─ seen ──────>┘            ^
//!    │                └ twice not seen ─> Intended     │
//!    └> Refused                        expired, ended, lost
//! ```

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::evidence::StoreError;
use super::hardware::{Hardware, Label};
use super::key::AccountId;
use super::provider::{Instance, InstanceState, Offer, SshEndpoint};
use super::scoring::OfferedMachine;
use super::workload;

/// The longest rental key or machine id on the wire, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// The longest public key of a renter, in bytes.
pub const SSH_KEY_BYTES_MAX: usize = 4 << 10;

/// Who rents: a hotkey over the wire, or the miner's own operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renter {
    /// Whoever's signature was verified.
    Hotkey(AccountId),
    /// Whoever may use the admin socket.
    Operator,
}

/// What a renter asks for. Versioned by its path on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RentRequest {
    /// Chosen by the renter, `[a-z0-9-]`: asking twice with one key is one rental.
    pub key: String,
    /// Which of the machines the miner describes; empty for its own.
    pub machine: String,
    /// An OCI image pinned by digest; `None` for the miner's own choice.
    #[serde(default)]
    pub image: Option<String>,
    /// One line, in OpenSSH form.
    pub ssh_public_key: String,
    /// Hardware threads; 0 for all that the machine has.
    #[serde(default)]
    pub cpu_threads: u32,
    /// Main memory; 0 for all that the machine has.
    #[serde(default)]
    pub memory_mib: u64,
    /// Writable disk; 0 for the miner's own choice.
    #[serde(default)]
    pub disk_mib: u64,
    /// How long, from when it is accepted.
    pub duration_s: u64,
    /// The most the renter agrees to.
    pub price_micro_usd_per_hour_max: u64,
    /// The validator only wants to see whether it works.
    #[serde(default)]
    pub probe: bool,
}

/// A rental as its renter sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// [`RentRequest::key`]
    pub key: String,
    /// [`RentRequest::machine`]
    pub machine: String,
    /// Where it is in its life, in one word: that of [`Phase::as_str`], or `paused`
    /// for one that runs and stands still.
    pub state: String,
    /// Why it ended or was refused.
    #[serde(default)]
    pub reason: Option<String>,
    /// Once it can be logged in to.
    #[serde(default)]
    pub ssh: Option<SshEndpoint>,
    /// What it is made of, as the provider says.
    pub hardware: Hardware,
    /// What the renter pays.
    pub price_micro_usd_per_hour: u64,
    /// Unix seconds.
    pub began_at: u64,
    /// Unix seconds.
    pub ends_at: u64,
}

/// Where a rental is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// On disk; nothing was asked of the provider since.
    Intended,
    /// The provider is being asked, or was when the node died.
    Ordered,
    /// Whether anything was bought is unknown; when and how often it was not seen.
    Unknown {
        /// Looks in a row that did not find it.
        looks: u32,
        /// Of the last of them, or of the failure; Unix seconds.
        since: u64,
    },
    /// Paid for.
    Running,
    /// To be ended, and perhaps paid for until the provider says it is gone.
    Ending {
        /// Why.
        reason: String,
    },
    /// Gone; why.
    Ended {
        /// Why.
        reason: String,
    },
    /// Never bought; why.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Phase {
    /// The words of those in which a rental may cost something.
    pub const LIVE: [&'static str; 5] = ["intended", "ordered", "unknown", "running", "ending"];

    /// A stable word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Ordered => "ordered",
            Self::Unknown { .. } => "unknown",
            Self::Running => "running",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
            Self::Refused { .. } => "refused",
        }
    }

    /// Nothing more is to be done, and nothing is paid.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Refused { .. })
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rental {
    /// The key the provider knows: chosen by this node, unique for ever.
    pub order_key: String,
    /// Who rents.
    pub renter: Renter,
    /// What was asked for; its key is unique for the renter.
    pub request: RentRequest,
    /// The adapter's name.
    pub adapter: String,
    /// What was chosen.
    pub offer: Offer,
    /// What the renter pays.
    pub price_micro_usd_per_hour: u64,
    /// The most that the provider may cost over the whole rental.
    pub spend_micro_usd_max: u64,
    /// Unix seconds.
    pub began_at: u64,
    /// Unix seconds.
    pub ends_at: u64,
    /// Where it is in its life.
    pub phase: Phase,
    /// As the provider last described it.
    pub instance: Option<Instance>,
    /// When it was over, in Unix seconds.
    pub over_at: Option<u64>,
    /// Facts nobody foresaw.
    pub labels: Vec<Label>,
}

impl Rental {
    /// What the provider asked for it, or will at most, in millionths of a US
    /// dollar: nothing if it was never bought, the whole limit while it is not over.
    pub fn cost_micro_usd(&self) -> u64 {
        match (&self.phase, &self.instance) {
            (Phase::Refused { .. }, _) | (Phase::Ended { .. }, None) => 0,
            (Phase::Ended { .. }, Some(instance)) => {
                let over_at = self.over_at.unwrap_or(self.ends_at);
                let price = self.offer.price_micro_usd_per_hour;
                let price = price.max(instance.price_micro_usd_per_hour);
                cost_micro_usd(price, over_at.saturating_sub(self.began_at))
            }
            _ => self.spend_micro_usd_max,
        }
    }

    /// [`Lease::state`]
    pub fn state(&self) -> &'static str {
        let stands_still = |instance: &Instance| workload::is_paused(&instance.labels);
        match (&self.phase, &self.instance) {
            (Phase::Running, Some(instance)) if stands_still(instance) => workload::PAUSED,
            (phase, _) => phase.as_str(),
        }
    }

    /// What its renter is told.
    pub fn lease(&self) -> Lease {
        let reason = match &self.phase {
            Phase::Ending { reason } | Phase::Ended { reason } | Phase::Refused { reason } => {
                Some(reason.clone())
            }
            _ => None,
        };
        let instance = self.instance.as_ref();
        let reachable = instance.filter(|_| self.phase == Phase::Running);
        let reachable = reachable.filter(|instance| instance.state == InstanceState::Running);
        Lease {
            key: self.request.key.clone(),
            machine: self.request.machine.clone(),
            state: self.state().to_owned(),
            reason,
            ssh: reachable.and_then(|instance| instance.ssh.clone()),
            hardware: instance.map_or_else(
                || self.offer.hardware.clone(),
                |instance| instance.hardware.clone(),
            ),
            price_micro_usd_per_hour: self.price_micro_usd_per_hour,
            began_at: self.began_at,
            ends_at: self.ends_at,
        }
    }
}

/// What `seconds` cost at a price by the hour, rounded up.
pub fn cost_micro_usd(price_micro_usd_per_hour: u64, seconds: u64) -> u64 {
    let cost = u128::from(price_micro_usd_per_hour) * u128::from(seconds);
    u64::try_from(cost.div_ceil(SECONDS_PER_HOUR)).unwrap_or(u64::MAX)
}

const SECONDS_PER_HOUR: u128 = 3_600;

/// The ledger of rentals. What returns `Ok` is on disk and survives a power cut.
pub trait Ledger: Send + Sync {
    /// Adds a rental, unless the renter has one by that key: then that one comes back.
    fn open(&self, rental: &Rental) -> Result<Rental, StoreError>;
    /// Replaces what is known of a rental.
    fn update(&self, rental: &Rental) -> Result<(), StoreError>;
    /// By the key the provider knows.
    fn rental(&self, order_key: &str) -> Result<Option<Rental>, StoreError>;
    /// By the renter's own key.
    fn of_renter(&self, renter: &Renter, key: &str) -> Result<Option<Rental>, StoreError>;
    /// All that are not over, oldest first.
    fn live(&self) -> Result<Vec<Rental>, StoreError>;
    /// The newest `limit` of a renter, or of all; over or not.
    fn recent(&self, renter: Option<&Renter>, limit: usize) -> Result<Vec<Rental>, StoreError>;
    /// What rentals that lived after `since` (Unix seconds) cost or may cost the
    /// operator, in millionths of a US dollar, by adapter if one is named.
    fn committed_micro_usd(&self, adapter: Option<&str>, since: u64) -> Result<u64, StoreError>;
    /// The same for the rentals of one renter.
    fn committed_by_renter_micro_usd(&self, renter: &Renter, since: u64)
    -> Result<u64, StoreError>;
}

/// A machine that the miner offers, with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// What claims, findings and rentals call it; empty for the miner's own.
    pub machine: String,
    /// The adapter's name.
    pub adapter: String,
    /// What the adapter offers.
    pub offer: Offer,
    /// What a renter pays.
    pub price_micro_usd_per_hour: u64,
}

/// Why nothing was rented, extended or ended. The texts reach the renter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RentError {
    /// The request is none.
    #[error("malformed: {0}")]
    Malformed(String),
    /// No such machine is offered now.
    #[error("no such machine is offered: {0}")]
    NoSuchMachine(String),
    /// It is let already.
    #[error("no room: {0}")]
    Full(String),
    /// It costs more than the renter agreed to, in millionths of a US dollar an hour.
    #[error("the price is {0} micro-USD an hour")]
    PriceRose(u64),
    /// A limit of the miner's operator; which.
    #[error("the miner does not allow it: {0}")]
    Forbidden(String),
    /// No such rental, or somebody else's.
    #[error("no such rental")]
    NoSuchRental,
    /// Nobody has looked at it: too much is being done; try again after so many
    /// milliseconds.
    #[error("busy for {0} ms")]
    Busy(u32),
    /// The provider or its adapter failed.
    #[error("the provider failed: {0}")]
    Upstream(String),
    /// This node's own fault.
    #[error("{0}")]
    Failed(String),
}

/// What is done to a running rental without ending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Another key is let in, and the old one no longer; who is in stays until a
    /// restart.
    ExchangeKey {
        /// One line, in OpenSSH form.
        ssh_public_key: String,
    },
    /// All that runs in it ends and begins again; what it stored stays.
    Restart,
    /// All that runs in it stands still.
    Pause,
    /// It goes on.
    Resume,
}

impl Act {
    /// A stable word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ExchangeKey { .. } => "exchange-key",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// Lets machines: the miner's own and those of its providers.
#[async_trait]
pub trait Landlord: Send + Sync {
    /// What can be rented now, the miner's own machine first; bounded.
    async fn listings(&self) -> Vec<Listing>;
    /// Rents; returns once the intent is on disk and the provider has answered.
    async fn rent(&self, renter: &Renter, request: RentRequest) -> Result<Lease, RentError>;
    /// One rental of the renter's as it is now.
    async fn inspect(&self, renter: &Renter, key: &str) -> Result<Lease, RentError>;
    /// Moves the end by so many seconds.
    async fn extend(&self, renter: &Renter, key: &str, by_s: u64) -> Result<Lease, RentError>;
    /// Ends a rental; one that is over is no error.
    async fn end(&self, renter: &Renter, key: &str) -> Result<Lease, RentError>;
    /// The renter's rentals, newest first; bounded. The operator sees everybody's,
    /// under the keys that the providers know: they are unique, and the operator
    /// may name any rental by them.
    async fn leases(&self, renter: &Renter) -> Result<Vec<Lease>, RentError>;
    /// The machines that a description names, the miner's own first: what can be
    /// rented, and what is let; at most [`MACHINES_MAX`](super::wire::MACHINES_MAX).
    async fn machines(&self) -> Vec<OfferedMachine>;
    /// All there is to know of the newest rentals, for the operator; bounded.
    async fn rentals(&self) -> Result<Vec<Rental>, RentError>;
    /// Does something to a running rental of the renter's own. Providers know no such
    /// calls: only for what runs on the miner's own machine.
    async fn act(&self, renter: &Renter, key: &str, act: Act) -> Result<(), RentError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_millionth_is_paid_and_an_absurd_price_does_not_wrap() {
        assert_eq!(cost_micro_usd(3_600, 1), 1);
        assert_eq!(cost_micro_usd(1, 1), 1);
        assert_eq!(cost_micro_usd(0, u64::MAX), 0);
        assert_eq!(cost_micro_usd(u64::MAX, u64::MAX), u64::MAX);
    }
}
