//! How a development chain is set up.

use std::net::{Ipv4Addr, SocketAddr};

use super::runtime::Spec;
use crate::subnet::Netuid;

/// How blocks come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One every so many milliseconds.
    EveryMs(u64),
    /// Only when [`DevChain::advance`](super::DevChain::advance) is called.
    Manual,
}

impl Pace {
    /// What the runtime says a block takes; where nobody keeps the time, as
    /// long as on subtensor's own local chains.
    pub(super) fn block_ms(self) -> u64 {
        match self {
            Self::EveryMs(period) => period,
            Self::Manual => 250,
        }
    }
}

/// How a development chain is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where to listen: loopback only.
    pub listen: SocketAddr,
    /// How blocks come about.
    pub pace: Pace,
    /// The runtime it begins with.
    pub spec: Spec,
    /// Blocks of an epoch.
    pub tempo: u16,
    /// Let neurons announce 127.0.0.1 and ::1, which subtensor refuses.
    pub allow_loopback: bool,
    /// Plain weights are refused; they must be committed first (not covered yet).
    pub commit_reveal: bool,
    /// Blocks between two weight settings of a neuron.
    pub weights_rate_limit: u64,
    /// Blocks between two announcements of an axon.
    pub serving_rate_limit: u64,
    /// Fewest uids a weight vector may name.
    pub min_allowed_weights: u16,
    /// Lowest `version_key` accepted.
    pub weights_version_key: u64,
    /// Slots of the subnet.
    pub max_uids: u16,
    /// Price of the first slot, in rao.
    pub burn_rao: u64,
    /// Goes into the genesis hash. `None`: another for each start, because a
    /// chain that begins anew is another chain to whoever remembers the last.
    pub genesis_salt: Option<[u8; 32]>,
}

impl Options {
    /// The subnet that every development chain begins with.
    pub const NETUID: Netuid = super::genesis::NETUID;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9944)),
            pace: Pace::EveryMs(1000),
            spec: Spec::default(),
            tempo: 10,
            allow_loopback: false,
            commit_reveal: false,
            weights_rate_limit: 0,
            serving_rate_limit: 5,
            min_allowed_weights: 1,
            weights_version_key: 0,
            max_uids: 256,
            burn_rao: 100_000_000,
            genesis_salt: None,
        }
    }
}
