//! What happens at the start of each block: emission accrues, and at the end of
//! a tempo Yuma consensus hands it out.
//!
//! Subtensor's halves: of a block's alpha the owner has its cut, miners and
//! validators half of the rest each. What miners earn goes to the coldkey of the
//! hotkey, except the owner's (that is burned); what validators earn goes to
//! their pool and so to all who staked there.

use super::codec::CodecError;
use super::dispatch::Context;
use super::event::number;
use super::registration::{decay, uid};
use super::staking;
use super::state::State;
use super::yuma::{self, Inputs, Outcome};

/// An epoch runs at the latest after so many blocks.
const MAX_BLOCKS_SINCE_STEP: u64 = 50_400;

/// The start of block `context.block` in every subnet.
pub(super) fn initialize(context: &mut Context<'_, '_>) -> Result<(), CodecError> {
    let networks: u16 = context.state.subtensor("TotalNetworks", &[])?;
    for netuid in 1..networks {
        context
            .state
            .put_subtensor("RegistrationsThisBlock", &[netuid.into()], &0_u16)?;
        decay(context.state, netuid)?;
        accrue(context.state, netuid)?;
        if due(context.state, netuid, context.block)? {
            run(context, netuid)?;
        } else {
            let next = |blocks: &mut u64| *blocks = blocks.saturating_add(1);
            let of_subnet = &[netuid.into()];
            context
                .state
                .mutate("BlocksSinceLastStep", of_subnet, next)?;
        }
    }
    Ok(())
}

/// Adds a block's emission to what waits for the epoch.
fn accrue(state: &mut State<'_>, netuid: u16) -> Result<(), CodecError> {
    let emission: u64 = state.subtensor("BlockEmission", &[])?;
    let cut: u16 = state.subtensor("SubnetOwnerCut", &[])?;
    let cut = u128::from(emission) * u128::from(cut) / u128::from(u16::MAX);
    let cut = u64::try_from(cut).unwrap_or(emission);
    let rest = emission.saturating_sub(cut);
    let of_subnet = &[netuid.into()];
    state.put_subtensor("SubnetAlphaOutEmission", of_subnet, &emission)?;
    for (name, part) in [
        ("PendingOwnerCut", cut),
        ("PendingServerEmission", rest / 2),
        ("PendingValidatorEmission", rest - rest / 2),
        ("SubnetAlphaOut", emission),
    ] {
        state.mutate(name, of_subnet, |all: &mut u64| {
            *all = all.saturating_add(part)
        })?;
    }
    Ok(())
}

/// Whether an epoch is due in `block`.
fn due(state: &State<'_>, netuid: u16, block: u64) -> Result<bool, CodecError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = state.subtensor("Tempo", of_subnet)?;
    let pending: u64 = state.subtensor("PendingEpochAt", of_subnet)?;
    let last: u64 = state.subtensor("LastEpochBlock", of_subnet)?;
    let since: u64 = state.subtensor("BlocksSinceLastStep", of_subnet)?;
    let triggered = pending > 0 && block >= pending;
    let late = since > MAX_BLOCKS_SINCE_STEP;
    let regular = block.saturating_sub(last) >= u64::from(tempo);
    Ok(tempo != 0 && (triggered || late || regular))
}

/// The block the next epoch is due in, if epochs run.
pub(super) fn next(state: &State<'_>, netuid: u16) -> Result<Option<u64>, CodecError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = state.subtensor("Tempo", of_subnet)?;
    let last: u64 = state.subtensor("LastEpochBlock", of_subnet)?;
    let pending: u64 = state.subtensor("PendingEpochAt", of_subnet)?;
    let regular = last.saturating_add(u64::from(tempo));
    Ok((tempo != 0).then_some(match pending {
        0 => regular,
        pending => regular.min(pending),
    }))
}

/// Blocks after which a validator counts as silent: a factor of the tempo.
pub(super) fn activity_cutoff(state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
    let factor: u32 = state.subtensor("ActivityCutoffFactorMilli", &[netuid.into()])?;
    let tempo: u16 = state.subtensor("Tempo", &[netuid.into()])?;
    Ok(u64::from(factor) * u64::from(tempo) / 1000)
}

fn run(context: &mut Context<'_, '_>, netuid: u16) -> Result<(), CodecError> {
    let inputs = inputs(context.state, netuid, context.block)?;
    let outcome = yuma::epoch(&inputs);
    let state = &mut *context.state;
    store(state, netuid, &outcome)?;
    pay(state, netuid, &outcome)?;
    let of_subnet = &[netuid.into()];
    state.put_subtensor("LastEpochBlock", of_subnet, &context.block)?;
    state.put_subtensor("LastMechansimStepBlock", of_subnet, &context.block)?;
    state.put_subtensor("PendingEpochAt", of_subnet, &0_u64)?;
    state.put_subtensor("BlocksSinceLastStep", of_subnet, &0_u64)?;
    let next = |index: &mut u64| *index = index.saturating_add(1);
    state.mutate("SubnetEpochIndex", of_subnet, next)?;
    let emissions = outcome.server_emission.iter().map(|rao| number(*rao));
    let emissions = scale_value::Value::unnamed_composite(emissions);
    context.events.push(
        context.phase,
        super::state::SUBTENSOR,
        "IncentiveAlphaEmittedToMiners",
        scale_value::Composite::named([
            ("netuid", number(u64::from(netuid))),
            ("emissions", emissions),
        ]),
    );
    Ok(())
}

fn inputs(state: &State<'_>, netuid: u16, block: u64) -> Result<Inputs, CodecError> {
    let of_subnet = &[netuid.into()];
    let neurons: u16 = state.subtensor("SubnetworkN", of_subnet)?;
    let mut inputs = Inputs {
        block,
        activity_cutoff: activity_cutoff(state, netuid)?,
        owner: owner(state, netuid)?.map(|(_, uid)| usize::from(uid)),
        stake_threshold: state.subtensor("StakeThreshold", &[])?,
        permits: state.subtensor("ValidatorPermit", of_subnet)?,
        max_validators: state.subtensor("MaxAllowedValidators", of_subnet)?,
        last_update: state.subtensor("LastUpdate", of_subnet)?,
        kappa: state.subtensor("Kappa", of_subnet)?,
        bonds_penalty: state.subtensor("BondsPenalty", of_subnet)?,
        bonds_moving_average: state.subtensor("BondsMovingAverage", of_subnet)?,
        bonds_since: bonds_since(state, netuid, block)?,
        emission: pending(state, netuid)?,
        ..Inputs::default()
    };
    for uid in 0..neurons {
        let neuron = &[netuid.into(), uid.into()];
        let hotkey: [u8; 32] = state.subtensor("Keys", neuron)?;
        inputs.stake.push(staking::weight(state, hotkey, netuid)?);
        inputs
            .registered
            .push(state.subtensor("BlockAtRegistration", neuron)?);
        inputs.weights.push(state.subtensor("Weights", neuron)?);
        inputs.bonds.push(state.subtensor("Bonds", neuron)?);
    }
    Ok(inputs)
}

/// Bonds count for slots taken before the last epoch.
fn bonds_since(state: &State<'_>, netuid: u16, block: u64) -> Result<u64, CodecError> {
    let last: u64 = state.subtensor("LastMechansimStepBlock", &[netuid.into()])?;
    let tempo: u16 = state.subtensor("Tempo", &[netuid.into()])?;
    Ok(match last {
        0 => block.saturating_sub(u64::from(tempo)),
        last => last.saturating_add(1),
    })
}

fn pending(state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
    let server: u64 = state.subtensor("PendingServerEmission", &[netuid.into()])?;
    let validator: u64 = state.subtensor("PendingValidatorEmission", &[netuid.into()])?;
    Ok(server.saturating_add(validator))
}

/// The owner's hotkey and its uid, if it has one.
fn owner(state: &State<'_>, netuid: u16) -> Result<Option<([u8; 32], u16)>, CodecError> {
    let hotkey: [u8; 32] = state.subtensor("SubnetOwnerHotkey", &[netuid.into()])?;
    Ok(uid(state, netuid, hotkey)?.map(|uid| (hotkey, uid)))
}

fn store(state: &mut State<'_>, netuid: u16, outcome: &Outcome) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    state.put_subtensor("Active", of_subnet, &outcome.active)?;
    state.put_subtensor("ValidatorPermit", of_subnet, &outcome.permits)?;
    state.put_subtensor("Emission", of_subnet, &outcome.emission)?;
    state.put_subtensor("StakeWeight", of_subnet, &outcome.stake_weight)?;
    state.put_subtensor("Consensus", of_subnet, &outcome.consensus)?;
    state.put_subtensor("Incentive", of_subnet, &outcome.incentive)?;
    state.put_subtensor("Dividends", of_subnet, &outcome.dividends)?;
    state.put_subtensor("ValidatorTrust", of_subnet, &outcome.validator_trust)?;
    for (uid, bonds) in (0_u16..).zip(&outcome.bonds) {
        state.put_subtensor("Bonds", &[netuid.into(), uid.into()], bonds)?;
    }
    Ok(())
}

/// Hands out what has waited.
fn pay(state: &mut State<'_>, netuid: u16, outcome: &Outcome) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    let owner = owner(state, netuid)?;
    let cut: u64 = state.subtensor("PendingOwnerCut", of_subnet)?;
    if let Some((hotkey, _)) = owner {
        let coldkey: [u8; 32] = state.subtensor("SubnetOwner", of_subnet)?;
        staking::credit(state, hotkey, coldkey, netuid, cut)?;
    }
    let earned = outcome
        .server_emission
        .iter()
        .zip(&outcome.validator_emission);
    for (uid, (server, validator)) in (0_u16..).zip(earned) {
        let hotkey: [u8; 32] = state.subtensor("Keys", &[netuid.into(), uid.into()])?;
        if *server > 0 && owner.is_none_or(|(owner, _)| owner != hotkey) {
            let coldkey: [u8; 32] = state.subtensor("Owner", &[hotkey.into()])?;
            staking::credit(state, hotkey, coldkey, netuid, *server)?;
        }
        if *validator > 0 {
            staking::grow(state, hotkey, netuid, *validator)?;
        }
        let of_hotkey = &[netuid.into(), hotkey.into()];
        state.put_subtensor("AlphaDividendsPerSubnet", of_hotkey, validator)?;
    }
    for name in [
        "PendingOwnerCut",
        "PendingServerEmission",
        "PendingValidatorEmission",
    ] {
        state.put_subtensor(name, of_subnet, &0_u64)?;
    }
    Ok(())
}
