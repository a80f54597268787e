//! Setting weights: subtensor's checks, in subtensor's order.

use std::collections::BTreeSet;

use super::call::{SetMechanismWeights, SetWeights};
use super::dispatch::{Context, DispatchError};
use super::event::number;
use super::registration::uid;
use super::staking::{self, ROOT};
use super::state::State;

/// What the pool checks: stake, and the rate where the hotkey has a uid.
pub(super) fn check(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    netuid: u16,
) -> Result<(), DispatchError> {
    enough_stake(context.state, hotkey, netuid)?;
    if context
        .state
        .subtensor::<bool>("CommitRevealWeightsEnabled", &[netuid.into()])?
    {
        return Ok(());
    }
    match uid(context.state, netuid, hotkey)? {
        Some(uid) => slow_enough(context.state, netuid, uid, context.block),
        None => Ok(()),
    }
}

/// `set_mechanism_weights`; subnets here have mechanism 0 alone.
pub(super) fn set_mechanism_weights(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &SetMechanismWeights,
) -> Result<(), DispatchError> {
    let count: u8 = context
        .state
        .subtensor("MechanismCountCurrent", &[call.netuid.into()])?;
    if call.mecid >= count.min(1) {
        return Err(DispatchError::subtensor("MechanismDoesNotExist"));
    }
    let call = SetWeights {
        netuid: call.netuid,
        dests: call.dests.clone(),
        weights: call.weights.clone(),
        version_key: call.version_key,
    };
    set_weights(context, hotkey, &call)
}

/// `set_weights`.
pub(super) fn set_weights(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &SetWeights,
) -> Result<(), DispatchError> {
    let netuid = call.netuid;
    let block = context.block;
    let uid = admit(context.state, hotkey, call, block)?;
    let values = upscale(&call.weights);
    let weights: Vec<(u16, u16)> = call.dests.iter().copied().zip(values).collect();
    let state = &mut *context.state;
    state.put_subtensor("Weights", &[netuid.into(), uid.into()], &weights)?;
    state.mutate("LastUpdate", &[netuid.into()], |all: &mut Vec<u64>| {
        if let Some(last) = all.get_mut(usize::from(uid)) {
            *last = block;
        }
    })?;
    let fields = vec![number(u64::from(netuid)), number(u64::from(uid))];
    context.deposit("WeightsSet", fields);
    Ok(())
}

fn admit(
    state: &State<'_>,
    hotkey: [u8; 32],
    call: &SetWeights,
    block: u64,
) -> Result<u16, DispatchError> {
    let netuid = call.netuid;
    if state.subtensor::<bool>("CommitRevealWeightsEnabled", &[netuid.into()])?
        && netuid != ROOT
        && state.subtensor::<bool>("NetworksAdded", &[netuid.into()])?
    {
        return Err(DispatchError::subtensor("CommitRevealEnabled"));
    }
    if netuid == ROOT {
        return Err(DispatchError::subtensor("CanNotSetRootNetworkWeights"));
    }
    if call.dests.len() != call.weights.len() {
        return Err(DispatchError::subtensor("WeightVecNotEqualSize"));
    }
    if !state.subtensor::<bool>("NetworksAdded", &[netuid.into()])? {
        return Err(DispatchError::subtensor("MechanismDoesNotExist"));
    }
    let neurons: u16 = state.subtensor("SubnetworkN", &[netuid.into()])?;
    if call.dests.len() > usize::from(neurons) {
        return Err(DispatchError::subtensor("UidsLengthExceedUidsInSubNet"));
    }
    let Some(own) = uid(state, netuid, hotkey)? else {
        return Err(DispatchError::subtensor("HotKeyNotRegisteredInSubNet"));
    };
    enough_stake(state, hotkey, netuid)?;
    let version_key: u64 = state.subtensor("WeightsVersionKey", &[netuid.into()])?;
    if version_key != 0 && call.version_key < version_key {
        return Err(DispatchError::subtensor("IncorrectWeightVersionKey"));
    }
    slow_enough(state, netuid, own, block)?;
    entries_fit(state, hotkey, own, neurons, call)?;
    Ok(own)
}

/// Permit, duplicates, unknown uids, too few, too heavy.
fn entries_fit(
    state: &State<'_>,
    hotkey: [u8; 32],
    own: u16,
    neurons: u16,
    call: &SetWeights,
) -> Result<(), DispatchError> {
    let of_subnet = &[call.netuid.into()];
    let self_weight = call.dests == [own];
    let permits: Vec<bool> = state.subtensor("ValidatorPermit", of_subnet)?;
    let owner: [u8; 32] = state.subtensor("SubnetOwnerHotkey", of_subnet)?;
    let permitted = permits.get(usize::from(own)).copied().unwrap_or(false);
    if !permitted && !self_weight && owner != hotkey {
        return Err(DispatchError::subtensor("NeuronNoValidatorPermit"));
    }
    let distinct: BTreeSet<u16> = call.dests.iter().copied().collect();
    if distinct.len() != call.dests.len() {
        return Err(DispatchError::subtensor("DuplicateUids"));
    }
    if distinct.last().is_some_and(|last| *last >= neurons) {
        return Err(DispatchError::subtensor("UidVecContainInvalidOne"));
    }
    let fewest: u16 = state.subtensor("MinAllowedWeights", of_subnet)?;
    if !self_weight && call.dests.len() < usize::from(fewest.min(neurons)) {
        return Err(DispatchError::subtensor("WeightVecLengthIsLow"));
    }
    let limit: u16 = state.subtensor("MaxWeightsLimit", of_subnet)?;
    if !self_weight && limit != u16::MAX && too_heavy(&call.weights, limit) {
        return Err(DispatchError::subtensor("MaxWeightExceeded"));
    }
    Ok(())
}

fn enough_stake(state: &State<'_>, hotkey: [u8; 32], netuid: u16) -> Result<(), DispatchError> {
    let threshold: u64 = state.subtensor("StakeThreshold", &[])?;
    if staking::weight(state, hotkey, netuid)? < threshold {
        return Err(DispatchError::subtensor("NotEnoughStakeToSetWeights"));
    }
    Ok(())
}

fn slow_enough(state: &State<'_>, netuid: u16, uid: u16, block: u64) -> Result<(), DispatchError> {
    let all: Vec<u64> = state.subtensor("LastUpdate", &[netuid.into()])?;
    let last = all.get(usize::from(uid)).copied().unwrap_or(0);
    let limit: u64 = state.subtensor("WeightsSetRateLimit", &[netuid.into()])?;
    if last != 0 && block.saturating_sub(last) < limit {
        return Err(DispatchError::subtensor("SettingWeightsTooFast"));
    }
    Ok(())
}

fn too_heavy(weights: &[u16], limit: u16) -> bool {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let max = u64::from(weights.iter().copied().max().unwrap_or(0));
    max * u64::from(u16::MAX) > u64::from(limit) * sum
}

/// Scales so that the largest is `u16::MAX`.
fn upscale(weights: &[u16]) -> Vec<u16> {
    let max = u32::from(weights.iter().copied().max().unwrap_or(0));
    if max == 0 {
        return weights.to_vec();
    }
    weights
        .iter()
        .map(|weight| u32::from(*weight) * u32::from(u16::MAX) / max)
        .map(|scaled| u16::try_from(scaled).unwrap_or(u16::MAX))
        .collect()
}
