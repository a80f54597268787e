//! Taking a slot: who may, what it costs, and the neuron's first values.
//!
//! The price rises by [`the subnet's factor`](bump) with each registration and
//! halves every `BurnHalfLife` blocks. Where all slots are taken, the
//! [weakest neuron](prune) makes room.

mod prune;

use super::balances;
use super::call::RegisterLimit;
use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::event::{account, number};
use super::mechanism;
use super::staking::{self, ROOT};
use super::state::{SUBTENSOR, State};

/// ln 2 with 32 fractional bits.
const LN_2_Q32: u128 = 2_977_044_471;
/// One with 32 fractional bits.
const ONE_Q32: u128 = 1 << 32;

/// `register_limit`: a registration that the price may not pass.
pub(super) fn register_limit(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &RegisterLimit,
) -> Result<(), DispatchError> {
    subnet_exists(context.state, call.netuid)?;
    let burn: u64 = context.state.subtensor("Burn", &[call.netuid.into()])?;
    if burn > call.limit_price {
        return Err(DispatchError::subtensor("RegistrationPriceLimitExceeded"));
    }
    register(context, coldkey, call.netuid, call.hotkey)
}

/// `burned_register`: the coldkey pays, the hotkey gets the next uid.
pub(super) fn register(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    netuid: u16,
    hotkey: [u8; 32],
) -> Result<(), DispatchError> {
    let burn = admit(context.state, coldkey, netuid, hotkey)?;
    balances::withdraw(context, coldkey, burn)?;
    let block = context.block;
    let state = &mut *context.state;
    balances::recycle(state, burn)?;
    let add = |all: &mut u64| *all = all.saturating_add(burn);
    state.mutate("RAORecycledForRegistration", &[netuid.into()], add)?;
    let uid = match full(state, netuid)? {
        false => append(state, netuid, hotkey, block)?,
        true => match prune::weakest(state, netuid, block)? {
            Some(uid) => prune::replace(state, netuid, uid, hotkey, block)?,
            None => return Err(DispatchError::subtensor("NoNeuronIdAvailable")),
        },
    };
    bump(state, netuid)?;
    state.mutate(
        "RegistrationsThisBlock",
        &[netuid.into()],
        |all: &mut u16| {
            *all = all.saturating_add(1);
        },
    )?;
    context.deposit(
        "NeuronRegistered",
        vec![
            number(u64::from(netuid)),
            number(u64::from(uid)),
            account(hotkey),
        ],
    );
    Ok(())
}

/// The checks in subtensor's order; gives the price.
fn admit(
    state: &mut State<'_>,
    coldkey: [u8; 32],
    netuid: u16,
    hotkey: [u8; 32],
) -> Result<u64, DispatchError> {
    subnet_exists(state, netuid)?;
    if !state.subtensor::<bool>("NetworkRegistrationAllowed", &[netuid.into()])? {
        return Err(DispatchError::subtensor("SubNetRegistrationDisabled"));
    }
    if uid(state, netuid, hotkey)?.is_some() {
        return Err(DispatchError::subtensor("HotKeyAlreadyRegisteredInSubNet"));
    }
    let burn: u64 = state.subtensor("Burn", &[netuid.into()])?;
    if balances::keep_alive(state, coldkey)? < burn {
        return Err(DispatchError::subtensor("NotEnoughBalanceToStake"));
    }
    staking::associate(state, hotkey, coldkey)?;
    if staking::owner(state, hotkey)? != Some(coldkey) {
        return Err(DispatchError::subtensor("NonAssociatedColdKey"));
    }
    Ok(burn)
}

fn full(state: &State<'_>, netuid: u16) -> Result<bool, CodecError> {
    let taken: u16 = state.subtensor("SubnetworkN", &[netuid.into()])?;
    Ok(taken >= state.subtensor::<u16>("MaxAllowedUids", &[netuid.into()])?)
}

fn subnet_exists(state: &State<'_>, netuid: u16) -> Result<(), DispatchError> {
    if netuid == ROOT {
        let name = "RegistrationNotPermittedOnRootSubnet";
        return Err(DispatchError::subtensor(name));
    }
    if state.subtensor::<bool>("NetworksAdded", &[netuid.into()])? {
        Ok(())
    } else {
        Err(DispatchError::subtensor("SubnetNotExists"))
    }
}

/// The uid of a hotkey.
pub(super) fn uid(
    state: &State<'_>,
    netuid: u16,
    hotkey: [u8; 32],
) -> Result<Option<u16>, CodecError> {
    state.find(SUBTENSOR, "Uids", &[netuid.into(), hotkey.into()])
}

/// Gives `hotkey` the next uid, with a new neuron's values.
pub(super) fn append(
    state: &mut State<'_>,
    netuid: u16,
    hotkey: [u8; 32],
    block: u64,
) -> Result<u16, CodecError> {
    let of_subnet = &[netuid.into()];
    let uid: u16 = state.subtensor("SubnetworkN", of_subnet)?;
    state.put_subtensor("SubnetworkN", of_subnet, &uid.saturating_add(1))?;
    state.mutate("Active", of_subnet, |all: &mut Vec<bool>| all.push(true))?;
    state.mutate("ValidatorPermit", of_subnet, |all: &mut Vec<bool>| {
        all.push(false)
    })?;
    state.mutate("Emission", of_subnet, |all: &mut Vec<u64>| all.push(0))?;
    for share in ["Consensus", "Dividends", "ValidatorTrust"] {
        state.mutate(share, of_subnet, |all: &mut Vec<u16>| all.push(0))?;
    }
    for index in mechanism::indices(state, netuid)? {
        let of_mechanism = &[index.into()];
        state.mutate("Incentive", of_mechanism, |all: &mut Vec<u16>| all.push(0))?;
        let update = |all: &mut Vec<u64>| all.push(block);
        state.mutate("LastUpdate", of_mechanism, update)?;
    }
    enter(state, netuid, uid, hotkey, block)?;
    Ok(uid)
}

/// Writes who has a slot, and since when.
fn enter(
    state: &mut State<'_>,
    netuid: u16,
    uid: u16,
    hotkey: [u8; 32],
    block: u64,
) -> Result<(), CodecError> {
    let neuron = &[netuid.into(), uid.into()];
    state.put_subtensor("Keys", neuron, &hotkey)?;
    state.put_subtensor("BlockAtRegistration", neuron, &block)?;
    state.put_subtensor("Uids", &[netuid.into(), hotkey.into()], &uid)?;
    state.put_subtensor("IsNetworkMember", &[hotkey.into(), netuid.into()], &true)
}

/// Raises the price after a registration.
fn bump(state: &mut State<'_>, netuid: u16) -> Result<(), CodecError> {
    let factor: Bits128 = state.subtensor("BurnIncreaseMult", &[netuid.into()])?;
    scale_burn(state, netuid, (factor.bits >> 32).max(ONE_Q32))
}

/// Lets the price fall by a block's worth.
pub(super) fn decay(state: &mut State<'_>, netuid: u16) -> Result<(), CodecError> {
    let half_life: u16 = state.subtensor("BurnHalfLife", &[netuid.into()])?;
    if half_life == 0 {
        return Ok(());
    }
    let step = LN_2_Q32 / u128::from(half_life);
    let factor = ONE_Q32.saturating_sub(step) + step * step / ONE_Q32 / 2;
    scale_burn(state, netuid, factor)
}

fn scale_burn(state: &mut State<'_>, netuid: u16, factor_q32: u128) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    let (low, high): (u64, u64) = (
        state.subtensor("MinBurn", of_subnet)?,
        state.subtensor("MaxBurn", of_subnet)?,
    );
    let burn: u64 = state.subtensor("Burn", of_subnet)?;
    let scaled = u128::from(burn).saturating_mul(factor_q32) >> 32;
    let scaled = u64::try_from(scaled).unwrap_or(high).min(high).max(low);
    state.put_subtensor("Burn", of_subnet, &scaled)
}

/// A fixed-point number of 64 fractional bits.
#[derive(Debug, Clone, Copy, scale_decode::DecodeAsType)]
pub(super) struct Bits128 {
    pub(super) bits: u128,
}
