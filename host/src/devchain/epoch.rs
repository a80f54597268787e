//! What happens at the start of each block: what is due is revealed, emission
//! accrues, and at the end of a tempo Yuma consensus hands it out.
//!
//! A block's emission goes to the started subnets alike, TAO for TAO in alpha.
//! Subtensor's halves: of a subnet's alpha the owner has its cut, miners and
//! validators half of the rest each. What miners earn goes to the coldkey of the
//! hotkey, except the owner's (that is burned); what validators earn goes to
//! their pool and so to all who staked there.
//!
//! Each mechanism of a subnet is an epoch of its own for its part of the
//! emission. What a neuron has by mechanism is stored so; the rest is their sum,
//! or their mean by those parts.

mod sum;

use super::codec::CodecError;
use super::dispatch::Context;
use super::drand::Reveals;
use super::event::number;
use super::registration::{decay, uid};
use super::schedule::{self, activity_cutoff};
use super::staking;
use super::state::{SUBTENSOR, State};
use super::yuma::{self, Inputs, Outcome};
use super::{balances, commitments, mechanism, network, weights};

/// The start of block `context.block` in every subnet.
pub(super) fn initialize(
    context: &mut Context<'_, '_>,
    reveals: Reveals,
) -> Result<(), CodecError> {
    let networks: u16 = context.state.subtensor("TotalNetworks", &[])?;
    for netuid in 1..networks {
        context
            .state
            .put_subtensor("RegistrationsThisBlock", &[netuid.into()], &0_u16)?;
        decay(context.state, netuid)?;
        weights::reveal(context, netuid, reveals)?;
    }
    emit(context.state, networks, context.block)?;
    for netuid in 1..networks {
        if schedule::due(context.state, netuid, context.block)? {
            run(context, netuid)?;
        } else {
            let next = |blocks: &mut u64| *blocks = blocks.saturating_add(1);
            let of_subnet = &[netuid.into()];
            context
                .state
                .mutate("BlocksSinceLastStep", of_subnet, next)?;
        }
    }
    commitments::reveal(context)
}

/// Issues a block's emission to the subnets that have started.
fn emit(state: &mut State<'_>, networks: u16, block: u64) -> Result<(), CodecError> {
    let mut earning = Vec::new();
    for netuid in 1..networks {
        if network::first_emission(state, netuid)?.is_some_and(|first| first <= block) {
            earning.push(netuid);
        }
    }
    let Ok(parts @ 1..) = u64::try_from(earning.len()) else {
        return Ok(());
    };
    let emission: u64 = state.subtensor("BlockEmission", &[])?;
    let share = emission / parts;
    for netuid in earning {
        accrue(state, netuid, share)?;
    }
    let issued = share.saturating_mul(parts);
    state.mutate("TotalStake", &[], |all: &mut u64| {
        *all = all.saturating_add(issued);
    })?;
    balances::issue(state, issued)
}

/// Adds a block's emission to what waits for the epoch.
fn accrue(state: &mut State<'_>, netuid: u16, emission: u64) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    let cut: u16 = match state.subtensor("OwnerCutEnabled", of_subnet)? {
        true => state.subtensor("SubnetOwnerCut", &[])?,
        false => 0,
    };
    let cut = u128::from(emission) * u128::from(cut) / u128::from(u16::MAX);
    let cut = u64::try_from(cut).unwrap_or(emission);
    let rest = emission.saturating_sub(cut);
    state.put_subtensor("SubnetAlphaOutEmission", of_subnet, &emission)?;
    state.put_subtensor("SubnetTaoInEmission", of_subnet, &emission)?;
    for (name, part) in [
        ("PendingOwnerCut", cut),
        ("PendingServerEmission", rest / 2),
        ("PendingValidatorEmission", rest - rest / 2),
        ("SubnetAlphaOut", emission),
        ("SubnetTAO", emission),
    ] {
        state.mutate(name, of_subnet, |all: &mut u64| {
            *all = all.saturating_add(part);
        })?;
    }
    Ok(())
}

fn run(context: &mut Context<'_, '_>, netuid: u16) -> Result<(), CodecError> {
    let emission = pending(context.state, netuid)?;
    let shares = mechanism::shares(context.state, netuid, emission)?;
    let mut outcomes = Vec::new();
    for (mecid, share) in (0_u8..).zip(shares) {
        let index = mechanism::index(netuid, mecid);
        let inputs = inputs(context.state, netuid, index, share, context.block)?;
        let outcome = yuma::epoch(&inputs);
        store_mechanism(context.state, index, &outcome)?;
        tell(context, index, &outcome);
        outcomes.push((outcome, share));
    }
    let outcome = sum::of(&outcomes, emission);
    store(context.state, netuid, &outcome)?;
    pay(context.state, netuid, &outcome)?;
    schedule::ran(context.state, netuid, context.block)
}

fn tell(context: &mut Context<'_, '_>, index: u16, outcome: &Outcome) {
    let emissions = outcome.server_emission.iter().map(|rao| number(*rao));
    let emissions = scale_value::Value::unnamed_composite(emissions);
    let fields = [
        ("netuid", number(u64::from(index))),
        ("emissions", emissions),
    ];
    context.deposit_named(SUBTENSOR, "IncentiveAlphaEmittedToMiners", fields);
}

fn inputs(
    state: &State<'_>,
    netuid: u16,
    index: u16,
    emission: u64,
    block: u64,
) -> Result<Inputs, CodecError> {
    let of_subnet = &[netuid.into()];
    let neurons: u16 = state.subtensor("SubnetworkN", of_subnet)?;
    let mut inputs = Inputs {
        block,
        activity_cutoff: activity_cutoff(state, netuid)?,
        owner: owner(state, netuid)?.map(|(_, uid)| usize::from(uid)),
        stake_threshold: state.subtensor("StakeThreshold", &[])?,
        permits: state.subtensor("ValidatorPermit", of_subnet)?,
        max_validators: state.subtensor("MaxAllowedValidators", of_subnet)?,
        last_update: state.subtensor("LastUpdate", &[index.into()])?,
        kappa: state.subtensor("Kappa", of_subnet)?,
        bonds_penalty: state.subtensor("BondsPenalty", of_subnet)?,
        bonds_moving_average: state.subtensor("BondsMovingAverage", of_subnet)?,
        bonds_since: bonds_since(state, netuid, block)?,
        emission,
        ..Inputs::default()
    };
    for uid in 0..neurons {
        let (neuron, of_mechanism) = (&[netuid.into(), uid.into()], &[index.into(), uid.into()]);
        let hotkey: [u8; 32] = state.subtensor("Keys", neuron)?;
        inputs.stake.push(staking::weight(state, hotkey, netuid)?);
        inputs
            .registered
            .push(state.subtensor("BlockAtRegistration", neuron)?);
        inputs
            .weights
            .push(state.subtensor("Weights", of_mechanism)?);
        inputs.bonds.push(state.subtensor("Bonds", of_mechanism)?);
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

fn store_mechanism(state: &mut State<'_>, index: u16, outcome: &Outcome) -> Result<(), CodecError> {
    state.put_subtensor("Incentive", &[index.into()], &outcome.incentive)?;
    for (uid, bonds) in (0_u16..).zip(&outcome.bonds) {
        state.put_subtensor("Bonds", &[index.into(), uid.into()], bonds)?;
    }
    Ok(())
}

fn store(state: &mut State<'_>, netuid: u16, outcome: &Outcome) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    state.put_subtensor("Active", of_subnet, &outcome.active)?;
    state.put_subtensor("ValidatorPermit", of_subnet, &outcome.permits)?;
    state.put_subtensor("Emission", of_subnet, &outcome.emission)?;
    state.put_subtensor("StakeWeight", of_subnet, &outcome.stake_weight)?;
    state.put_subtensor("Consensus", of_subnet, &outcome.consensus)?;
    state.put_subtensor("Dividends", of_subnet, &outcome.dividends)?;
    state.put_subtensor("ValidatorTrust", of_subnet, &outcome.validator_trust)
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
