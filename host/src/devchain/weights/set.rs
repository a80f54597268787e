//! Setting weights: subtensor's checks, in subtensor's order.

use std::collections::BTreeSet;

use scale_value::Value;

use super::{commit_reveal, enough_stake, slow_enough, touch};
use crate::devchain::call::{BatchSet, SetWeights};
use crate::devchain::dispatch::{Context, DispatchError};
use crate::devchain::event::{account, number};
use crate::devchain::mechanism;
use crate::devchain::registration::uid;
use crate::devchain::staking::ROOT;
use crate::devchain::state::State;

/// `set_weights` and `set_mechanism_weights`.
pub(super) fn by_extrinsic(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &SetWeights,
) -> Result<(), DispatchError> {
    let of_subnet = &[call.netuid.into()];
    let added: bool = context.state.subtensor("NetworksAdded", of_subnet)?;
    if call.netuid != ROOT && added && commit_reveal(context.state, call.netuid)? {
        return Err(DispatchError::subtensor("CommitRevealEnabled"));
    }
    set(context, hotkey, call)
}

/// `batch_set_weights`: each for itself, failures told by events.
pub(super) fn batch(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &BatchSet,
) -> Result<(), DispatchError> {
    let calls = call.netuids.iter().zip(&call.weights);
    let calls: Vec<SetWeights> = calls
        .zip(&call.version_keys)
        .map(|((netuid, weights), version_key)| SetWeights {
            netuid: *netuid,
            mecid: 0,
            dests: weights.iter().map(|(dest, _)| *dest).collect(),
            weights: weights.iter().map(|(_, weight)| *weight).collect(),
            version_key: *version_key,
        })
        .collect();
    let outcomes = calls.iter().map(|call| {
        let outcome = context.attempt(|context| by_extrinsic(context, hotkey, call));
        (call.netuid, outcome)
    });
    let outcomes: Vec<_> = outcomes.collect();
    completed(context, hotkey, &call.netuids, outcomes)
}

/// The events a batch ends with.
pub(super) fn completed(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    netuids: &[u16],
    outcomes: Vec<(u16, Result<(), DispatchError>)>,
) -> Result<(), DispatchError> {
    let failures = outcomes
        .into_iter()
        .filter_map(|(netuid, outcome)| Some((netuid, outcome.err()?)));
    for (index, (netuid, error)) in failures.enumerate() {
        if index == 0 {
            context.deposit("BatchCompletedWithErrors", Vec::new());
        }
        let error = error.value(context.state.codec())?;
        let fields = vec![number(u64::from(netuid)), error];
        context.deposit("BatchWeightItemFailed", fields);
    }
    let netuids = netuids.iter().map(|netuid| number(u64::from(*netuid)));
    let fields = vec![Value::unnamed_composite(netuids), account(hotkey)];
    context.deposit("BatchWeightsCompleted", fields);
    Ok(())
}

/// Sets weights, whichever way they came.
pub(super) fn set(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &SetWeights,
) -> Result<(), DispatchError> {
    let (index, uid) = admit(context, hotkey, call)?;
    let values = upscale(&call.weights);
    if too_heavy(context.state, call, uid, &values)? {
        return Err(DispatchError::subtensor("MaxWeightExceeded"));
    }
    let weights: Vec<(u16, u16)> = call.dests.iter().copied().zip(values).collect();
    let entry = &[index.into(), uid.into()];
    context.state.put_subtensor("Weights", entry, &weights)?;
    // What was committed counts from its commit.
    if !commit_reveal(context.state, call.netuid)? {
        touch(context, index, uid)?;
    }
    let fields = vec![number(u64::from(index)), number(u64::from(uid))];
    context.deposit("WeightsSet", fields);
    Ok(())
}

/// The checks; gives the mechanism's index and the neuron's uid.
fn admit(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &SetWeights,
) -> Result<(u16, u16), DispatchError> {
    let (state, netuid) = (&*context.state, call.netuid);
    if netuid == ROOT {
        return Err(DispatchError::subtensor("CanNotSetRootNetworkWeights"));
    }
    if call.dests.len() != call.weights.len() {
        return Err(DispatchError::subtensor("WeightVecNotEqualSize"));
    }
    let index = mechanism::existing(state, netuid, call.mecid)?;
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
    if !commit_reveal(state, netuid)? {
        slow_enough(context, netuid, call.mecid, own, "SettingWeightsTooFast")?;
    }
    entries_fit(state, hotkey, own, neurons, call)?;
    Ok((index, own))
}

/// Permit, duplicates, unknown uids, too few.
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
    Ok(())
}

/// Whether one weight is a larger part of the sum than the subnet allows.
fn too_heavy(
    state: &State<'_>,
    call: &SetWeights,
    own: u16,
    values: &[u16],
) -> Result<bool, DispatchError> {
    let limit: u16 = state.subtensor("MaxWeightsLimit", &[call.netuid.into()])?;
    if call.dests == [own] || limit == u16::MAX {
        return Ok(false);
    }
    let sum: u64 = values.iter().copied().map(u64::from).sum();
    let max = u64::from(values.iter().copied().max().unwrap_or(0));
    Ok(max * u64::from(u16::MAX) > u64::from(limit) * sum)
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
