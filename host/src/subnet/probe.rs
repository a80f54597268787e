//! Looking into a rented machine, and remembering that it was rented.
//!
//! A validator rents a machine for some minutes, logs in and looks around. What
//! it sees is what the machine shows of itself, and the miner controls the
//! machine: it proves that somebody who pays gets in, and how fast, not that the
//! processor is the one it says it is. That is for challenges.
//!
//! Rentals cost money, so a probe is on disk before anything is rented, and
//! stays there as held until the miner says that the rental is over:
//!
//! ```text
//! intended ─> concluded: judged, let to others, or void
//!     └─────> released: the rental is over, and what it cost is known
//! ```

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::BlockNumber;
use super::evidence::StoreError;
use super::hardware::Hardware;
use super::key::AccountId;
use super::provider::SshEndpoint;
use super::scoring::Finding;

/// What findings of a probe name as their challenge.
pub const SSH_PROBE: &str = "ssh-probe";

/// What a machine showed of itself, and how long it took to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// As its own tools say, within the limits of its container.
    pub hardware: Hardware,
    /// From the first packet until its host key was proved.
    pub connect: Duration,
    /// From the first packet until the login was accepted.
    pub login: Duration,
}

/// Why nobody looked into a machine. Texts of the machine are escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Nobody said which host key it has, and none is trusted at first sight.
    #[error("its host key is not known: the miner's provider has to say which it is")]
    NoHostKey,
    /// Not a host key that this node can check.
    #[error("its host key cannot be checked ({0}); ed25519 and ecdsa keys can")]
    BadHostKey(String),
    /// Its host, port or user is none.
    #[error("malformed address: {0}")]
    Malformed(String),
    /// Its name leads nowhere.
    #[error("its name leads to no address: {0}")]
    Unresolved(String),
    /// Its address is not one this node may call.
    #[error("address not allowed: {0}")]
    Address(String),
    /// No connection, or it broke off.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Too late with what is named.
    #[error("no {what} within {ms} ms")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        ms: u64,
    },
    /// Somebody else is there.
    #[error("another host key than the rental's: {0}")]
    WrongHostKey(String),
    /// The key that the machine was rented with does not open it.
    #[error("the login was refused")]
    LoginRefused,
    /// Not SSH as this node speaks it.
    #[error("broke the protocol: {0}")]
    Protocol(String),
    /// More bytes than a look around takes.
    #[error("sent more than {0} bytes")]
    TooMuch(usize),
    /// This node's own fault.
    #[error("this node failed: {0}")]
    Own(String),
}

impl ProbeError {
    /// Whether the network between may be to blame. It may also pass: a machine
    /// that starts refuses connections for a while.
    pub fn in_transport(&self) -> bool {
        matches!(
            self,
            Self::Unresolved(_)
                | Self::Unreachable(_)
                | Self::TimedOut {
                    what: "connection",
                    ..
                }
        )
    }

    /// Whether the miner has nothing to do with it.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Own(_))
    }
}

/// Looks into machines.
pub trait Prober: Send + Sync {
    /// A way into one machine: a key pair that nobody else has or keeps.
    fn prepare(&self) -> Result<Box<dyn Visit>, ProbeError>;
}

/// One machine's visit, before the machine is rented.
#[async_trait]
pub trait Visit: Send + Sync {
    /// What the machine is to be rented with: one line, in OpenSSH form.
    fn ssh_public_key(&self) -> &str;
    /// Logs in and looks around; returns within the prober's time, whatever is there.
    async fn look(&self, at: &SshEndpoint) -> Result<Seen, ProbeError>;
}

/// A probe and the rental it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRecord {
    /// The rental's key, unique for ever.
    pub key: String,
    /// The miner.
    pub hotkey: AccountId,
    /// Which of its machines.
    pub machine: String,
    /// When it was drawn.
    pub block: BlockNumber,
    /// The chain's count of the epoch it was drawn in.
    pub epoch: u64,
    /// In Unix seconds.
    pub began_at: u64,
    /// When the rental ends by itself at the latest, in Unix seconds.
    pub ends_at: u64,
    /// Agreed to, in millionths of a US dollar.
    pub price_micro_usd_per_hour: u64,
    /// The most it may cost, in millionths of a US dollar.
    pub cost_micro_usd_max: u64,
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeEnding {
    /// The machine was looked at, or should have let the validator in.
    Judged {
        /// Becomes the hotkey's newest.
        finding: Finding,
        /// One line for the miner who asks why.
        reason: String,
    },
    /// The miner says that somebody else rents it.
    Let,
    /// It counts for nobody; why.
    Void(String),
}

/// What probes have taken so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProbeSpending {
    /// Machines drawn in the epoch.
    pub drawn_in_epoch: u64,
    /// What those cost or may cost, in millionths of a US dollar.
    pub epoch_micro_usd: u64,
    /// What all cost or may cost that began lately.
    pub lately_micro_usd: u64,
}

/// The newest try of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTry {
    /// The miner.
    pub hotkey: AccountId,
    /// Which of its machines.
    pub machine: String,
    /// When it was drawn.
    pub block: BlockNumber,
}

/// How often a machine was found let.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy {
    /// Which of the miner's machines.
    pub machine: String,
    /// Tries that found it let.
    pub let_out: u64,
    /// Tries that told whether it was.
    pub tries: u64,
}

/// What is remembered of probes. What returns `Ok` is on disk.
pub trait ProbeBook: Send + Sync {
    /// A machine is about to be rented.
    fn intend_probe(&self, probe: &ProbeRecord) -> Result<(), StoreError>;
    /// What came of it; a second ending changes nothing.
    fn conclude_probe(&self, key: &str, ending: &ProbeEnding) -> Result<(), StoreError>;
    /// The rental is over, and cost so much.
    fn release_probe(&self, key: &str, cost_micro_usd: u64) -> Result<(), StoreError>;
    /// Those whose rental is not known to be over, oldest first.
    fn held_probes(&self) -> Result<Vec<ProbeRecord>, StoreError>;
    /// What probes have taken in the epoch, and since `since` (Unix seconds).
    fn probe_spending(&self, epoch: u64, since: u64) -> Result<ProbeSpending, StoreError>;
    /// The newest try of each machine.
    fn last_tries(&self) -> Result<Vec<LastTry>, StoreError>;
    /// What tries after a block said of a hotkey's machines.
    fn occupancy(
        &self,
        hotkey: &AccountId,
        after: BlockNumber,
    ) -> Result<Vec<Occupancy>, StoreError>;
}
