//! A subnet at one block: one runtime call, and the epoch's counters beside it.
//!
//! Texts (names, identities, commitments) are skipped. Whoever fills the chain
//! decides what the columns hold, so their lengths are compared and bounded
//! before they become neurons.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use scale_decode::DecodeAsType;

use super::epoch;
use crate::subnet::Netuid;
use crate::subnet::chain::{AxonInfo, ChainError, Hyperparameters, Metagraph, Neuron};
use crate::subnet::key::AccountId;

/// The runtime's answer is read from this.
pub(super) const API: &str = "SubnetInfoRuntimeApi";
/// The function of it.
pub(super) const METHOD: &str = "get_metagraph";
/// The most neurons of a subnet; the chain's own limit is 256 as of spec 461.
pub(super) const NEURONS_MAX: usize = 4096;

/// The fields we need of the runtime's `Metagraph`, by its names.
#[derive(DecodeAsType)]
pub(super) struct Raw {
    netuid: u16,
    owner_hotkey: [u8; 32],
    block: u64,
    tempo: u16,
    pub(super) blocks_since_last_step: u64,
    min_allowed_weights: u16,
    max_weights_limit: u16,
    weights_version: u64,
    weights_rate_limit: u64,
    serving_rate_limit: u64,
    activity_cutoff: u64,
    commit_reveal_weights_enabled: bool,
    immunity_period: u16,
    burn: u64,
    max_uids: u16,
    hotkeys: Vec<[u8; 32]>,
    coldkeys: Vec<[u8; 32]>,
    axons: Vec<RawAxon>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    last_update: Vec<u64>,
    emission: Vec<u64>,
    dividends: Vec<u16>,
    incentives: Vec<u16>,
    block_at_registration: Vec<u64>,
    total_stake: Vec<u64>,
}

/// What a neuron says of its address, as the chain keeps it.
#[derive(DecodeAsType)]
pub(super) struct RawAxon {
    version: u32,
    ip: u128,
    port: u16,
    ip_type: u8,
    protocol: u8,
}

/// When a neuron last said its address.
#[derive(DecodeAsType)]
pub(super) struct Announced {
    pub(super) block: u64,
}

impl Raw {
    /// The subnet, or why the answer is none.
    pub(super) fn read(
        self,
        netuid: Netuid,
        schedule: epoch::Schedule,
    ) -> Result<Metagraph, ChainError> {
        if self.netuid != netuid {
            return Err(ChainError::Nonsense(format!(
                "asked for subnet {netuid} it answered with {}",
                self.netuid
            )));
        }
        let (epoch, next_epoch_block) = epoch::current(schedule, netuid, self.tempo, self.block);
        Ok(Metagraph {
            netuid,
            block: self.block,
            epoch,
            next_epoch_block,
            owner_hotkey: AccountId(self.owner_hotkey),
            rules: self.rules(),
            neurons: self.neurons()?,
        })
    }

    fn rules(&self) -> Hyperparameters {
        Hyperparameters {
            tempo: self.tempo,
            min_allowed_weights: self.min_allowed_weights,
            max_weights_limit: self.max_weights_limit,
            weights_version_key: self.weights_version,
            weights_rate_limit: self.weights_rate_limit,
            serving_rate_limit: self.serving_rate_limit,
            commit_reveal: self.commit_reveal_weights_enabled,
            immunity_period: self.immunity_period,
            activity_cutoff: self.activity_cutoff,
            burn_rao: self.burn,
            max_uids: self.max_uids,
        }
    }

    fn neurons(&self) -> Result<Vec<Neuron>, ChainError> {
        let count = self.hotkeys.len();
        if count > NEURONS_MAX {
            return Err(ChainError::Nonsense(format!(
                "a subnet of {count} neurons; at most {NEURONS_MAX} are read"
            )));
        }
        // A new neuron's row is in all columns at once, so they are equally long.
        (0..count)
            .map(|row| self.neuron(row))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                ChainError::Nonsense("the metagraph's columns differ in length".to_owned())
            })
    }

    fn neuron(&self, row: usize) -> Option<Neuron> {
        Some(Neuron {
            uid: u16::try_from(row).ok()?,
            hotkey: AccountId(*self.hotkeys.get(row)?),
            coldkey: AccountId(*self.coldkeys.get(row)?),
            axon: self.axons.get(row)?.read(),
            active: *self.active.get(row)?,
            validator_permit: *self.validator_permit.get(row)?,
            stake_rao: *self.total_stake.get(row)?,
            incentive: *self.incentives.get(row)?,
            dividends: *self.dividends.get(row)?,
            emission_rao: *self.emission.get(row)?,
            last_update: *self.last_update.get(row)?,
            registered_at: *self.block_at_registration.get(row)?,
        })
    }
}

impl RawAxon {
    /// Absent where nothing was announced, or nothing that is an address.
    pub(super) fn read(&self) -> Option<AxonInfo> {
        if self.ip == 0 || self.port == 0 {
            return None;
        }
        let ip = match self.ip_type {
            4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(self.ip).ok()?)),
            6 => IpAddr::V6(Ipv6Addr::from(self.ip)),
            _ => return None,
        };
        Some(AxonInfo {
            address: SocketAddr::new(ip, self.port),
            protocol: self.protocol,
            version: self.version,
        })
    }
}

#[cfg(test)]
mod tests;
