//! Weights: set at once, or committed first and revealed an epoch later.
//!
//! Where commit-reveal is on, validators commit ([`commit`] to a hash, which
//! they reveal themselves; [`timelocked`] to a sealed message, which the chain
//! opens when its beacon has spoken), and plain weights are refused. All ways
//! end in [`set`], which has the rules.

mod commit;
mod set;
mod timelocked;

use super::call::WeightsCall;
use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::registration::uid;
use super::state::State;
use super::{mechanism, staking};

pub(super) use timelocked::reveal;

/// What the pool checks: batches' lengths, stake, that a reveal has its commit
/// and its time, and the rate where the hotkey has a uid.
pub(super) fn check(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &WeightsCall,
) -> Result<(), DispatchError> {
    let state = &*context.state;
    match call {
        WeightsCall::Set(call) => {
            enough_stake(state, hotkey, call.netuid)?;
            match commit_reveal(state, call.netuid)? {
                true => Ok(()),
                false => {
                    let name = "SettingWeightsTooFast";
                    slow(context, hotkey, (call.netuid, call.mecid), name)
                }
            }
        }
        WeightsCall::Commit(call) => {
            enough_stake(state, hotkey, call.netuid)?;
            let name = "CommittingWeightsTooFast";
            slow(context, hotkey, (call.netuid, call.mecid), name)
        }
        WeightsCall::CommitTimelocked(call) => {
            enough_stake(state, hotkey, call.netuid)?;
            timelocked::round_is_new(state, call.reveal_round)?;
            let name = "CommittingWeightsTooFast";
            slow(context, hotkey, (call.netuid, call.mecid), name)
        }
        WeightsCall::Reveal(call) => {
            enough_stake(state, hotkey, call.netuid)?;
            commit::check_reveal(context, hotkey, call)
        }
        WeightsCall::BatchSet(call) => {
            let lengths = [call.weights.len(), call.version_keys.len()];
            same_lengths(call.netuids.len(), &lengths)?;
            all_enough_stake(state, hotkey, &call.netuids)
        }
        WeightsCall::BatchCommit(call) => {
            same_lengths(call.netuids.len(), &[call.commit_hashes.len()])?;
            all_enough_stake(state, hotkey, &call.netuids)
        }
        WeightsCall::BatchReveal(call) => {
            commit::batch_lengths(call)?;
            enough_stake(state, hotkey, call.netuid)?;
            commit::each(call).try_for_each(|one| commit::check_reveal(context, hotkey, &one))
        }
    }
}

/// Carries out a call.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &WeightsCall,
) -> Result<(), DispatchError> {
    match call {
        WeightsCall::Set(call) => set::by_extrinsic(context, hotkey, call),
        WeightsCall::BatchSet(call) => set::batch(context, hotkey, call),
        WeightsCall::Commit(call) => commit::commit(context, hotkey, call),
        WeightsCall::BatchCommit(call) => commit::batch(context, hotkey, call),
        WeightsCall::Reveal(call) => commit::reveal(context, hotkey, call),
        WeightsCall::BatchReveal(call) => commit::batch_reveal(context, hotkey, call),
        WeightsCall::CommitTimelocked(call) => timelocked::commit(context, hotkey, call),
    }
}

/// Whether a subnet's weights must be committed first.
fn commit_reveal(state: &State<'_>, netuid: u16) -> Result<bool, CodecError> {
    state.subtensor("CommitRevealWeightsEnabled", &[netuid.into()])
}

fn same_lengths(length: usize, others: &[usize]) -> Result<(), DispatchError> {
    match others.iter().all(|other| *other == length) {
        true => Ok(()),
        false => Err(DispatchError::subtensor("InputLengthsUnequal")),
    }
}

fn all_enough_stake(
    state: &State<'_>,
    hotkey: [u8; 32],
    netuids: &[u16],
) -> Result<(), DispatchError> {
    netuids
        .iter()
        .try_for_each(|netuid| enough_stake(state, hotkey, *netuid))
}

fn enough_stake(state: &State<'_>, hotkey: [u8; 32], netuid: u16) -> Result<(), DispatchError> {
    let threshold: u64 = state.subtensor("StakeThreshold", &[])?;
    if staking::weight(state, hotkey, netuid)? < threshold {
        return Err(DispatchError::subtensor("NotEnoughStakeToSetWeights"));
    }
    Ok(())
}

/// The rate of a hotkey that has a uid; `too_fast` names the refusal.
fn slow(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    (netuid, mecid): (u16, u8),
    too_fast: &'static str,
) -> Result<(), DispatchError> {
    match uid(context.state, netuid, hotkey)? {
        Some(uid) => slow_enough(context, netuid, mecid, uid, too_fast),
        None => Ok(()),
    }
}

fn slow_enough(
    context: &Context<'_, '_>,
    netuid: u16,
    mecid: u8,
    uid: u16,
    too_fast: &'static str,
) -> Result<(), DispatchError> {
    let index = mechanism::index(netuid, mecid);
    let all: Vec<u64> = context.state.subtensor("LastUpdate", &[index.into()])?;
    let last = all.get(usize::from(uid)).copied().unwrap_or(0);
    let limit: u64 = context
        .state
        .subtensor("WeightsSetRateLimit", &[netuid.into()])?;
    if last != 0 && context.block.saturating_sub(last) < limit {
        return Err(DispatchError::subtensor(too_fast));
    }
    Ok(())
}

/// Notes that a neuron set or committed weights in this block.
fn touch(context: &mut Context<'_, '_>, index: u16, uid: u16) -> Result<(), CodecError> {
    let block = context.block;
    let update = |all: &mut Vec<u64>| {
        if let Some(last) = all.get_mut(usize::from(uid)) {
            *last = block;
        }
    };
    context.state.mutate("LastUpdate", &[index.into()], update)
}
