//! What a node needs of the chain, whichever runtime it runs.

use std::net::SocketAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::key::AccountId;
use super::weights::Weights;
use super::{BlockNumber, Netuid, Uid};

/// The newest block this node has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What kind of chain answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Hash of block zero: what a state folder is bound to.
    pub genesis: [u8; 32],
    /// As `system_chain` says.
    pub name: String,
    /// The runtime's version.
    pub spec_version: u32,
    /// It names itself a development chain and its genesis is no known network's.
    pub development: bool,
}

/// The subnet's rules, as far as a node minds them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// Blocks of an epoch.
    pub tempo: u16,
    /// Fewest uids a weight vector may name.
    pub min_allowed_weights: u16,
    /// Largest share of one uid, of `u16::MAX`.
    pub max_weights_limit: u16,
    /// Lowest `version_key` accepted.
    pub weights_version_key: u64,
    /// Blocks between two weight settings.
    pub weights_rate_limit: u64,
    /// Blocks between two axon announcements.
    pub serving_rate_limit: u64,
    /// Weights must be committed first.
    pub commit_reveal: bool,
    /// Blocks a new neuron is safe from replacement.
    pub immunity_period: u16,
    /// Blocks after which a silent validator counts no more.
    pub activity_cutoff: u64,
    /// Price of a slot now, in rao.
    pub burn_rao: u64,
    /// Slots.
    pub max_uids: u16,
}

/// Where a neuron says it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AxonInfo {
    /// Address and port.
    pub address: SocketAddr,
    /// The protocol byte; proves nothing.
    pub protocol: u8,
    /// The version it announces.
    pub version: u32,
}

/// One neuron.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neuron {
    /// Its slot.
    pub uid: Uid,
    /// Its key.
    pub hotkey: AccountId,
    /// Its owner.
    pub coldkey: AccountId,
    /// Where it listens; absent if it never said or withdrew.
    pub axon: Option<AxonInfo>,
    /// Recently active as a validator.
    pub active: bool,
    /// May set weights.
    pub validator_permit: bool,
    /// Stake that counts in this subnet, in rao.
    pub stake_rao: u64,
    /// Its share of what miners earn, of `u16::MAX`.
    pub incentive: u16,
    /// Its share of what validators earn, of `u16::MAX`.
    pub dividends: u16,
    /// What it earned in the last epoch, in rao.
    pub emission_rao: u64,
    /// When it last set weights.
    pub last_update: BlockNumber,
    /// When it took the slot.
    pub registered_at: BlockNumber,
}

/// The subnet at one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metagraph {
    /// The subnet.
    pub netuid: Netuid,
    /// The block all of it was read at.
    pub block: BlockNumber,
    /// The chain's count of this subnet's epochs.
    pub epoch: u64,
    /// When the current epoch ends, if epochs run at all.
    pub next_epoch_block: Option<BlockNumber>,
    /// The owner's hotkey: points for it are burned.
    pub owner_hotkey: AccountId,
    /// The rules.
    pub rules: Hyperparameters,
    /// By uid, ascending, without gaps.
    pub neurons: Vec<Neuron>,
}

impl Metagraph {
    /// The neuron of a hotkey.
    pub fn neuron(&self, hotkey: &AccountId) -> Option<&Neuron> {
        self.neurons.iter().find(|neuron| neuron.hotkey == *hotkey)
    }

    /// The slot whose points are burned, if the owner holds one.
    pub fn burn_uid(&self) -> Option<Uid> {
        self.neuron(&self.owner_hotkey).map(|neuron| neuron.uid)
    }
}

/// What the chain said no to, or why it could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No endpoint answers in time.
    #[error("the chain cannot be reached: {0}")]
    Unreachable(String),
    /// It answers what makes no sense.
    #[error("the chain answered nonsense: {0}")]
    Nonsense(String),
    /// It is not the network the node is meant for.
    #[error("wrong network: {0}")]
    WrongNetwork(String),
    /// There is no such subnet.
    #[error("subnet {0} does not exist on this chain")]
    NoSuchSubnet(Netuid),
    /// There is no such neuron.
    #[error(
        "subnet {netuid} has no uid {uid}: its {neurons} neurons have the uids below {neurons}"
    )]
    NoSuchUid {
        /// The subnet.
        netuid: Netuid,
        /// What was asked for.
        uid: Uid,
        /// How many there are.
        neurons: u16,
    },
    /// A call was refused: the runtime's own name of the error, and what to do.
    #[error("the chain refused it: {name}. {remedy}")]
    Refused {
        /// `SettingWeightsTooFast`, say.
        name: String,
        /// One sentence.
        remedy: String,
    },
    /// The price is above the limit.
    #[error(
        "a slot costs {price_rao} rao now and the limit is {limit_rao}; to pay it: --register-limit-rao {price_rao}, or some more since prices move"
    )]
    TooDear {
        /// What it costs now.
        price_rao: u64,
        /// What the operator allows.
        limit_rao: u64,
    },
    /// Sent, but whether it counted is unknown.
    #[error("sent, but not seen in a block within {0} s; look before trying again")]
    Unknown(u64),
}

/// Where a call took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Included {
    /// The block's height.
    pub block: BlockNumber,
    /// The block's hash.
    pub hash: [u8; 32],
}

/// The chain, as a role sees it. Every call has a deadline of its own.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Follows the newest final block; the sender lives as long as the chain.
    fn heads(&self) -> watch::Receiver<Head>;
    /// What kind of chain answers.
    async fn network(&self) -> Result<Network, ChainError>;
    /// The subnet, all of it read at one block.
    async fn metagraph(&self, netuid: Netuid) -> Result<Metagraph, ChainError>;
    /// A neuron's weights, from storage, at the newest block.
    async fn weights(&self, netuid: Netuid, uid: Uid) -> Result<Weights, ChainError>;
    /// Announces where this hotkey listens.
    async fn serve_axon(&self, netuid: Netuid, axon: AxonInfo) -> Result<Included, ChainError>;
    /// Takes a slot for this hotkey, its coldkey paying at most `limit_rao`.
    async fn register(&self, netuid: Netuid, limit_rao: u64) -> Result<Included, ChainError>;
    /// Sets this hotkey's weights.
    async fn set_weights(
        &self,
        netuid: Netuid,
        weights: &Weights,
        version_key: u64,
    ) -> Result<Included, ChainError>;
}

#[cfg(test)]
pub(crate) mod testing {
    //! Small metagraphs for tests of whoever reads one.

    use super::*;

    /// A neuron whose keys follow from its uid, serving on a port of its own.
    pub(crate) fn neuron(uid: Uid) -> Neuron {
        let [low, high] = uid.to_le_bytes();
        let mut key = [7; 32];
        (key[0], key[1]) = (low, high);
        let mut owner = key;
        owner[31] = 9;
        Neuron {
            uid,
            hotkey: AccountId(key),
            coldkey: AccountId(owner),
            axon: Some(AxonInfo {
                address: SocketAddr::from(([127, 0, 0, 1], 9000 + uid)),
                protocol: 4,
                version: 1,
            }),
            active: true,
            validator_permit: false,
            stake_rao: 0,
            incentive: 0,
            dividends: 0,
            emission_rao: 0,
            last_update: 0,
            registered_at: 0,
        }
    }

    /// A subnet of these neurons at block 100, its epoch ending at 110.
    pub(crate) fn metagraph(neurons: Vec<Neuron>) -> Metagraph {
        Metagraph {
            netuid: 1,
            block: 100,
            epoch: 10,
            next_epoch_block: Some(110),
            owner_hotkey: AccountId([1; 32]),
            rules: Hyperparameters {
                tempo: 10,
                min_allowed_weights: 1,
                max_weights_limit: u16::MAX,
                max_uids: 256,
                ..Hyperparameters::default()
            },
            neurons,
        }
    }
}
