//! What an operator asks for and is answered, as JSON. `openapi.json` says the
//! same; a test compares the two.

use serde::{Deserialize, Serialize};

use crate::subnet::hardware::{Gpu, Hardware};
use crate::subnet::key::AccountId;
use crate::subnet::rental::Lease;
use crate::subnet::scoring::Finding;

/// What a machine must have. What is left out is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requirement {
    /// Of this miner only.
    pub miner: Option<AccountId>,
    /// As the driver reports it, or a part of it, in any case.
    pub gpu_model: Option<String>,
    /// At least so many cards of one model.
    pub gpu_count: u32,
    /// At least so much on each of them.
    pub gpu_memory_mib: u64,
    /// At least so many hardware threads.
    pub cpu_threads: u32,
    /// At least so much main memory.
    pub memory_mib: u64,
    /// At least so much disk.
    pub disk_mib: u64,
    /// The machine's label `region`, exactly.
    pub region: Option<String>,
    /// At most.
    pub price_micro_usd_per_hour_max: Option<u64>,
    /// The newest finding of each challenge about the machine says that it
    /// passed, there is one, and what they proved is enough as well.
    pub proven_only: bool,
}

impl Requirement {
    /// Whether `hardware` is enough.
    pub(super) fn is_met_by(&self, hardware: &Hardware) -> bool {
        hardware.cpu_threads >= self.cpu_threads
            && hardware.memory_mib >= self.memory_mib
            && hardware.disk_mib >= self.disk_mib
            && (!self.asks_for_cards() || hardware.gpus.iter().any(|gpu| self.takes(gpu)))
    }

    /// Whether what a challenge proved is enough; it may prove a part only.
    pub(super) fn is_proved_by(&self, finding: &Finding) -> bool {
        let Some(proven) = &finding.proven else {
            return true;
        };
        proven.gpus.is_empty() || !self.asks_for_cards() || {
            proven.gpus.iter().any(|gpu| self.takes(gpu))
        }
    }

    fn asks_for_cards(&self) -> bool {
        self.gpu_model.is_some() || self.gpu_count > 0 || self.gpu_memory_mib > 0
    }

    fn takes(&self, gpu: &Gpu) -> bool {
        let model = self.gpu_model.as_deref().unwrap_or_default();
        gpu.count >= self.gpu_count.max(1)
            && gpu.memory_mib >= self.gpu_memory_mib
            && gpu.model.to_lowercase().contains(&model.to_lowercase())
    }
}

/// A machine that can be rented, as far as the last survey knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Whose it is.
    pub miner: AccountId,
    /// Its slot in the subnet.
    pub uid: u16,
    /// What the miner calls it; empty for its own.
    pub machine: String,
    /// What the miner says it is made of.
    pub claimed: Hardware,
    /// Its label `region`.
    pub region: Option<String>,
    /// What a renter pays.
    pub price_micro_usd_per_hour: u64,
    /// How much of the time it was let lately.
    pub rented_permille: u16,
    /// Challenges whose newest finding it passed.
    pub passed: Vec<String>,
    /// Challenges whose newest finding it failed.
    pub failed: Vec<String>,
}

/// What is to be rented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Chosen by the operator, `[a-z0-9-]`: asking twice with one key is one rental.
    pub key: String,
    /// What the machine must have. The cheapest that has it is rented.
    #[serde(default)]
    pub requirement: Requirement,
    /// One line, in OpenSSH form.
    pub ssh_public_key: String,
    /// How long.
    pub duration_s: u64,
    /// An OCI image pinned by digest; none for the miner's own choice.
    #[serde(default)]
    pub image: Option<String>,
}

/// Which rental.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// [`Wanted::key`]
    pub key: String,
}

/// More time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// [`Wanted::key`]
    pub key: String,
    /// How much.
    pub by_s: u64,
}

/// A rental and whose machine it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose machine it is.
    pub miner: AccountId,
    /// As the miner, or if it cannot be reached the ledger, says.
    pub rental: Lease,
    /// What it cost, or may cost at most.
    pub cost_micro_usd: u64,
    /// Why this is not the miner's newest word, or what else is to be said of it.
    pub note: Option<String>,
}

/// What was found, cheapest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machines {
    /// At most a thousand.
    pub machines: Vec<Found>,
}

/// What was rented, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rentals {
    /// At most a thousand; over or not.
    pub rentals: Vec<Held>,
}
