//! A subnet from a runtime without `get_metagraph`: its neurons in one runtime
//! call, and its rules and their ages from storage in two calls, all at one block.

use scale_decode::DecodeAsType;

use super::metagraph::{NEURONS_MAX, RawAxon};
use super::read::{counters, expect_subnet, id};
use super::session::At;
use super::{calls, epoch};
use crate::subnet::chain::{ChainError, Hyperparameters, Metagraph, Neuron};
use crate::subnet::key::AccountId;
use crate::subnet::{BlockNumber, Netuid, Uid};

/// The runtime's answer is read from this.
pub(super) const API: &str = "NeuronInfoRuntimeApi";
/// The function of it.
pub(super) const METHOD: &str = "get_neurons_lite";
/// An activity cutoff in thousandths of a tempo, as newer runtimes keep it.
const CUTOFF_FACTOR: &str = "ActivityCutoffFactorMilli";

/// The fields we need of the runtime's `NeuronInfoLite`, by its names.
#[derive(DecodeAsType)]
pub(super) struct RawNeuron {
    hotkey: [u8; 32],
    coldkey: [u8; 32],
    uid: u16,
    netuid: u16,
    active: bool,
    axon_info: RawAxon,
    stake: Vec<([u8; 32], u64)>,
    emission: u64,
    incentive: u16,
    dividends: u16,
    last_update: u64,
    validator_permit: bool,
}

pub(super) async fn metagraph(at: &At<'_>, netuid: Netuid) -> Result<Metagraph, ChainError> {
    let (found, rules, counters, ()) = futures::try_join!(
        at.call::<Vec<RawNeuron>>(API, METHOD, vec![id(netuid)]),
        Rules::read(at, netuid),
        counters(at, netuid),
        expect_subnet(at, netuid),
    )?;
    if found.len() > NEURONS_MAX {
        return Err(ChainError::Nonsense(format!(
            "a subnet of {} neurons; at most {NEURONS_MAX} are read",
            found.len()
        )));
    }
    let registered = registrations(at, netuid, found.len()).await?;
    let neurons = found
        .into_iter()
        .zip(registered)
        .zip(0..)
        .map(|((raw, registered_at), uid)| raw.read(netuid, uid, registered_at))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ChainError::Nonsense("its neurons are not in order".to_owned()))?;
    let schedule = counters.schedule(rules.since);
    let (epoch, next_epoch_block) =
        epoch::current(schedule, netuid, rules.rules.tempo, at.head.number);
    Ok(Metagraph {
        netuid,
        block: at.head.number,
        epoch,
        next_epoch_block,
        owner_hotkey: rules.owner_hotkey,
        rules: rules.rules,
        neurons,
    })
}

impl RawNeuron {
    /// The neuron in slot `uid`, if this is one.
    pub(super) fn read(
        self,
        netuid: Netuid,
        uid: Uid,
        registered_at: BlockNumber,
    ) -> Option<Neuron> {
        if self.uid != uid || self.netuid != netuid {
            return None;
        }
        let stake = self.stake.iter();
        Some(Neuron {
            uid,
            hotkey: AccountId(self.hotkey),
            coldkey: AccountId(self.coldkey),
            axon: self.axon_info.read(),
            active: self.active,
            validator_permit: self.validator_permit,
            stake_rao: stake.fold(0, |sum: u64, (_, rao)| sum.saturating_add(*rao)),
            incentive: self.incentive,
            dividends: self.dividends,
            emission_rao: self.emission,
            last_update: self.last_update,
            registered_at,
        })
    }
}

async fn registrations(
    at: &At<'_>,
    netuid: Netuid,
    count: usize,
) -> Result<Vec<BlockNumber>, ChainError> {
    const ITEM: &str = "BlockAtRegistration";
    let items: Vec<_> = (0..u16::MAX)
        .take(count)
        .map(|uid| (ITEM, vec![id(netuid), id(uid)]))
        .collect();
    let stored = at.storages(&items).await?;
    let blocks = stored.iter().map(|bytes| at.value(ITEM, bytes.as_ref()));
    blocks.collect()
}

struct Rules {
    rules: Hyperparameters,
    owner_hotkey: AccountId,
    since: u64,
}

impl Rules {
    async fn read(at: &At<'_>, netuid: Netuid) -> Result<Self, ChainError> {
        let factor = at.runtime.has_storage(calls::PALLET, CUTOFF_FACTOR);
        let cutoff = if factor {
            CUTOFF_FACTOR
        } else {
            "ActivityCutoff"
        };
        let items = [
            "Tempo",
            "MinAllowedWeights",
            "MaxWeightsLimit",
            "WeightsVersionKey",
            "WeightsSetRateLimit",
            "ServingRateLimit",
            "CommitRevealWeightsEnabled",
            "ImmunityPeriod",
            "Burn",
            "MaxAllowedUids",
            "SubnetOwnerHotkey",
            "BlocksSinceLastStep",
            cutoff,
        ];
        let asked = items.map(|item| (item, vec![id(netuid)]));
        let stored = at.storages(&asked).await?;
        let found = Found {
            at,
            items: &items,
            stored,
        };
        let tempo = found.value("Tempo")?;
        let activity_cutoff = match factor {
            true => {
                found
                    .value::<u64>(CUTOFF_FACTOR)?
                    .saturating_mul(u64::from(tempo))
                    / 1000
            }
            false => found.value("ActivityCutoff")?,
        };
        Ok(Self {
            rules: Hyperparameters {
                tempo,
                min_allowed_weights: found.value("MinAllowedWeights")?,
                max_weights_limit: found.value("MaxWeightsLimit")?,
                weights_version_key: found.value("WeightsVersionKey")?,
                weights_rate_limit: found.value("WeightsSetRateLimit")?,
                serving_rate_limit: found.value("ServingRateLimit")?,
                commit_reveal: found.value("CommitRevealWeightsEnabled")?,
                immunity_period: found.value("ImmunityPeriod")?,
                activity_cutoff,
                burn_rao: found.value("Burn")?,
                max_uids: found.value("MaxAllowedUids")?,
            },
            owner_hotkey: AccountId(found.value("SubnetOwnerHotkey")?),
            since: found.value("BlocksSinceLastStep")?,
        })
    }
}

/// Values by their items' names.
struct Found<'a> {
    at: &'a At<'a>,
    items: &'a [&'static str],
    stored: Vec<Option<Vec<u8>>>,
}

impl Found<'_> {
    fn value<T: DecodeAsType>(&self, item: &str) -> Result<T, ChainError> {
        let place = self.items.iter().position(|known| *known == item);
        let stored = place.and_then(|place| self.stored.get(place)?.as_ref());
        self.at.value(item, stored)
    }
}
