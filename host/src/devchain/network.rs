//! Subnets: taking a netuid, starting, and what their owners call.
//!
//! A new subnet costs a lock, which doubles with each and falls back to its
//! least over time. It earns nothing until its owner starts it. All subnets
//! here have the stable mechanism, whatever the caller's runtime would give
//! them: one TAO is one alpha, so that nobody needs a market to try things out.

use super::call::{HotkeyOf, Identity, NetworkCall};
use super::codec::{CodecError, Key};
use super::dispatch::{Context, DispatchError, Origin};
use super::event::{account, number};
use super::limits::{Hyperparameter, Limit, RateLimitKey};
use super::registration::{append, register, register_limit};
use super::state::{SUBTENSOR, State};
use super::{admin, balances, schedule, staking};

/// Subnets' symbols, in order; those after have the runtime's default.
const SYMBOLS: &str = "αβγδεζηθικλμνξοπρστυφχψω";
/// Bytes of a subnet's name and of its Discord, and of each other text.
const MAX_NAME_BYTES: usize = 256;
const MAX_TEXT_BYTES: usize = 1024;
/// The mechanism of all subnets here.
const STABLE: u16 = 0;

/// What the pool checks.
pub(super) fn check(context: &Context<'_, '_>, call: &NetworkCall) -> Result<(), DispatchError> {
    match call {
        NetworkCall::RegisterNetwork(..) => seldom(context),
        _ => Ok(()),
    }
}

/// Carries out a call.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    origin: Origin,
    call: &NetworkCall,
) -> Result<(), DispatchError> {
    if let NetworkCall::SetTempo(call) = call {
        return admin::set_tempo(context, origin, call.netuid, call.tempo);
    }
    if let NetworkCall::SetActivityCutoffFactor(call) = call {
        return admin::set_cutoff_factor(context, origin, call.netuid, call.factor_milli);
    }
    let signer = origin.signer()?;
    match call {
        NetworkCall::Register(call) => register(context, signer, call.netuid, call.hotkey),
        NetworkCall::RegisterLimit(call) => register_limit(context, signer, call),
        NetworkCall::RegisterNetwork(call, identity) => {
            found(context, signer, call, identity.as_ref())
        }
        NetworkCall::StartCall(call) => start(context, signer, call.netuid),
        NetworkCall::SetIdentity(call) => {
            owned(context.state, call.netuid, signer)?;
            identify(context, call.netuid, &call.identity)
        }
        NetworkCall::TriggerEpoch(call) => trigger(context, signer, call.netuid),
        NetworkCall::AssociateHotkey(call) => {
            Ok(staking::associate(context.state, call.hotkey, signer)?)
        }
        NetworkCall::SetTempo(_) | NetworkCall::SetActivityCutoffFactor(_) => Ok(()),
    }
}

/// Only a subnet's owner may go on.
pub(super) fn owned(state: &State<'_>, netuid: u16, who: [u8; 32]) -> Result<(), DispatchError> {
    match state.subtensor::<[u8; 32]>("SubnetOwner", &[netuid.into()])? == who {
        true => Ok(()),
        false => Err(DispatchError::BadOrigin),
    }
}

/// What the next subnet costs, in rao: twice the last one's price, less a part of
/// it for each block since, and never below the least.
pub(super) fn lock_cost(state: &State<'_>, block: u64) -> Result<u64, CodecError> {
    let last: u64 = state.subtensor("NetworkLastLockCost", &[])?;
    let least: u64 = state.subtensor("NetworkMinLockCost", &[])?;
    let interval: u64 = state.subtensor("NetworkLockReductionInterval", &[])?;
    let since = last_founded(state)?;
    let double = last.saturating_mul(if since == 0 { 1 } else { 2 });
    let fall = last.checked_div(interval).unwrap_or(0);
    let fallen = fall.saturating_mul(block.saturating_sub(since));
    Ok(double.saturating_sub(fallen).max(least))
}

const LAST_FOUNDED: &[Key] = &[Key::Limit(RateLimitKey::NetworkLastRegistered)];

fn last_founded(state: &State<'_>) -> Result<u64, CodecError> {
    state.subtensor("LastRateLimitedBlock", LAST_FOUNDED)
}

fn seldom(context: &Context<'_, '_>) -> Result<(), DispatchError> {
    let last = last_founded(context.state)?;
    let limit: u64 = context.state.subtensor("NetworkRateLimit", &[])?;
    match last != 0 && context.block.saturating_sub(last) < limit {
        true => Err(DispatchError::subtensor("NetworkTxRateLimitExceeded")),
        false => Ok(()),
    }
}

/// `register_network` and `register_network_with_identity`.
fn found(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &HotkeyOf,
    identity: Option<&Identity>,
) -> Result<(), DispatchError> {
    let hotkey = call.hotkey;
    let owner = staking::owner(context.state, hotkey)?;
    if owner.is_some_and(|owner| owner != coldkey) {
        return Err(DispatchError::subtensor("NonAssociatedColdKey"));
    }
    seldom(context)?;
    identity.map_or(Ok(()), valid)?;
    let block = context.block;
    let state = &mut *context.state;
    // The root network counts as one.
    let netuid: u16 = state.subtensor("TotalNetworks", &[])?;
    if netuid > state.subtensor::<u16>("SubnetLimit", &[])? {
        return Err(DispatchError::subtensor("SubnetLimitReached"));
    }
    let cost = lock_cost(state, block)?;
    if balances::keep_alive(state, coldkey)? < cost {
        return Err(DispatchError::subtensor("CannotAffordLockCost"));
    }
    balances::withdraw(context, coldkey, cost)?;
    let state = &mut *context.state;
    defaults(state, netuid, block)?;
    state.put_subtensor("NetworkLastLockCost", &[], &cost)?;
    state.put_subtensor("LastRateLimitedBlock", LAST_FOUNDED, &block)?;
    staking::associate(state, hotkey, coldkey)?;
    append(state, netuid, hotkey, block)?;
    own(state, netuid, (coldkey, hotkey), cost)?;
    if let Some(identity) = identity {
        identify(context, netuid, identity)?;
    }
    let fields = vec![number(u64::from(netuid)), number(u64::from(STABLE))];
    context.deposit("NetworkAdded", fields);
    Ok(())
}

/// A new subnet's rules: where the metadata has no default that fits.
fn defaults(state: &mut State<'_>, netuid: u16, block: u64) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = state.codec().constant_as(SUBTENSOR, "InitialTempo")?;
    let burn: u64 = state.codec().constant_as(SUBTENSOR, "InitialBurn")?;
    // Subnets' epochs are spread over a tempo.
    let stagger = u64::from(netuid % tempo.max(1));
    state.put_subtensor("SubnetworkN", of_subnet, &0_u16)?;
    state.put_subtensor("NetworksAdded", of_subnet, &true)?;
    state.put_subtensor("Tempo", of_subnet, &tempo)?;
    state.put_subtensor("LastEpochBlock", of_subnet, &block.saturating_sub(stagger))?;
    state.put_subtensor("TotalNetworks", &[], &netuid.saturating_add(1))?;
    state.put_subtensor("NetworkRegistrationAllowed", of_subnet, &true)?;
    state.put_subtensor("MaxAllowedUids", of_subnet, &256_u16)?;
    state.put_subtensor("MaxAllowedValidators", of_subnet, &64_u16)?;
    state.put_subtensor("MinAllowedWeights", of_subnet, &1_u16)?;
    state.put_subtensor("ImmunityPeriod", of_subnet, &5000_u16)?;
    state.put_subtensor("Burn", of_subnet, &burn)?;
    state.put_subtensor("SubnetMechanism", of_subnet, &STABLE)?;
    state.put_subtensor("NetworkRegisteredAt", of_subnet, &block)?;
    let next = |count: &mut u64| *count = count.saturating_add(1);
    state.mutate("RegisteredSubnetCounter", of_subnet, next)?;
    match SYMBOLS.chars().nth(usize::from(netuid).saturating_sub(1)) {
        Some(symbol) => {
            let symbol = symbol.to_string().into_bytes();
            state.put_subtensor("TokenSymbol", of_subnet, &symbol)
        }
        None => Ok(()),
    }
}

fn own(
    state: &mut State<'_>,
    netuid: u16,
    (coldkey, hotkey): ([u8; 32], [u8; 32]),
    locked: u64,
) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    state.put_subtensor("SubnetOwner", of_subnet, &coldkey)?;
    state.put_subtensor("SubnetOwnerHotkey", of_subnet, &hotkey)?;
    state.put_subtensor("SubnetLocked", of_subnet, &locked)?;
    state.put_subtensor("SubnetTAO", of_subnet, &locked)?;
    state.put_subtensor("SubnetAlphaIn", of_subnet, &locked)?;
    let add = |all: &mut u64| *all = all.saturating_add(locked);
    state.mutate("TotalStake", &[], add)
}

/// `start_call`: from the next block on, the subnet earns.
fn start(
    context: &mut Context<'_, '_>,
    signer: [u8; 32],
    netuid: u16,
) -> Result<(), DispatchError> {
    let of_subnet = &[netuid.into()];
    let state = &mut *context.state;
    if !state.subtensor::<bool>("NetworksAdded", of_subnet)? {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    owned(state, netuid, signer)?;
    if first_emission(state, netuid)?.is_some() {
        let name = "FirstEmissionBlockNumberAlreadySet";
        return Err(DispatchError::subtensor(name));
    }
    let founded: u64 = state.subtensor("NetworkRegisteredAt", of_subnet)?;
    let delay: u64 = state.subtensor("StartCallDelay", &[])?;
    if context.block < founded.saturating_add(delay) {
        return Err(DispatchError::subtensor("StartCallNotReady"));
    }
    let first = context.block + 1;
    state.put_subtensor("FirstEmissionBlockNumber", of_subnet, &first)?;
    state.put_subtensor("SubtokenEnabled", of_subnet, &true)?;
    let fields = vec![number(u64::from(netuid)), number(first)];
    context.deposit("FirstEmissionBlockNumberSet", fields);
    Ok(())
}

/// The block from which on a subnet earns, if it was started.
pub(super) fn first_emission(state: &State<'_>, netuid: u16) -> Result<Option<u64>, CodecError> {
    state.find(SUBTENSOR, "FirstEmissionBlockNumber", &[netuid.into()])
}

/// Writes a subnet's identity.
fn identify(
    context: &mut Context<'_, '_>,
    netuid: u16,
    identity: &Identity,
) -> Result<(), DispatchError> {
    valid(identity)?;
    let of_subnet = &[netuid.into()];
    context
        .state
        .put_subtensor("SubnetIdentitiesV3", of_subnet, identity)?;
    context.deposit("SubnetIdentitySet", vec![number(u64::from(netuid))]);
    Ok(())
}

fn valid(identity: &Identity) -> Result<(), DispatchError> {
    let names = [&identity.subnet_name, &identity.discord];
    let texts = [
        &identity.github_repo,
        &identity.subnet_contact,
        &identity.subnet_url,
        &identity.description,
        &identity.logo_url,
        &identity.additional,
    ];
    let fits = names.iter().all(|name| name.len() <= MAX_NAME_BYTES)
        && texts.iter().all(|text| text.len() <= MAX_TEXT_BYTES);
    match fits {
        true => Ok(()),
        false => Err(DispatchError::subtensor("InvalidIdentity")),
    }
}

/// `trigger_epoch`: an epoch runs when the freeze window is over.
fn trigger(
    context: &mut Context<'_, '_>,
    signer: [u8; 32],
    netuid: u16,
) -> Result<(), DispatchError> {
    let of_subnet = &[netuid.into()];
    owned(context.state, netuid, signer)?;
    let state = &*context.state;
    if state.subtensor::<bool>("CommitRevealWeightsEnabled", of_subnet)? {
        let name = "DynamicTempoBlockedByCommitReveal";
        return Err(DispatchError::subtensor(name));
    }
    if state.subtensor::<u64>("PendingEpochAt", of_subnet)? != 0 {
        return Err(DispatchError::subtensor("EpochTriggerAlreadyPending"));
    }
    let window = u64::from(state.subtensor::<u16>("AdminFreezeWindow", &[])?);
    let left = schedule::next_regular(state, netuid)?.saturating_sub(context.block);
    if left < window {
        return Err(DispatchError::subtensor("AutoEpochAlreadyImminent"));
    }
    let limit = Limit::Hyperparameter(Hyperparameter::TriggerEpoch);
    limit.check(context, signer, netuid)?;
    let fires_at = context.block.saturating_add(window);
    context
        .state
        .put_subtensor("PendingEpochAt", of_subnet, &fires_at)?;
    limit.record(context, signer, netuid)?;
    let fields = [
        ("netuid", number(u64::from(netuid))),
        ("by", account(signer)),
        ("fires_at", number(fires_at)),
    ];
    context.deposit_named(SUBTENSOR, "EpochTriggered", fields);
    Ok(())
}
