//! The calls that stake, unstake, and move what is staked.

use super::{PRICE_RAO, ROOT, credit, debit, of_coldkey, owner};
use crate::devchain::balances;
use crate::devchain::call::{AddStake, StakingCall, Transition};
use crate::devchain::codec::CodecError;
use crate::devchain::dispatch::{Context, DispatchError};
use crate::devchain::event::{account, number};
use crate::devchain::state::State;

/// The least that can be staked at once, in rao.
const MIN_STAKE_RAO: u64 = 2_000_000;
/// The least that can be transferred to another subnet, in rao.
const MIN_TRANSFER_RAO: u64 = 100_000;

/// Carries out a call.
pub(in super::super) fn dispatch(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &StakingCall,
) -> Result<(), DispatchError> {
    match call {
        StakingCall::Add(call, limit) => {
            if limit.is_some_and(|limit| limit < PRICE_RAO) {
                return Err(DispatchError::subtensor("SlippageTooHigh"));
            }
            add(context, coldkey, call)
        }
        StakingCall::Remove(hotkey, netuid, alpha, limit) => {
            remove(context, coldkey, (*hotkey, *netuid), *alpha, *limit)
        }
        StakingCall::RemoveAll(hotkey, netuid, limit) => {
            exists(context.state, *netuid)?;
            let all = of_coldkey(context.state, *hotkey, coldkey, *netuid)?;
            remove(context, coldkey, (*hotkey, *netuid), all, *limit)
        }
        StakingCall::UnstakeAll(hotkey) => {
            unstake_all(context, coldkey, *hotkey, ROOT)?;
            Ok(())
        }
        StakingCall::UnstakeAllAlpha(hotkey) => {
            let tao = unstake_all(context, coldkey, *hotkey, ROOT + 1)?;
            let call = AddStake {
                hotkey: *hotkey,
                netuid: ROOT,
                amount_staked: tao,
            };
            add(context, coldkey, &call)
        }
        StakingCall::Transition(call) => transition(context, coldkey, call),
    }
}

/// `add_stake`.
fn add(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &AddStake,
) -> Result<(), DispatchError> {
    let AddStake {
        hotkey,
        netuid,
        amount_staked: amount,
    } = *call;
    let state = &mut *context.state;
    exists(state, netuid)?;
    enabled(state, netuid)?;
    if amount < MIN_STAKE_RAO {
        return Err(DispatchError::subtensor("AmountTooLow"));
    }
    if balances::keep_alive(state, coldkey)? < amount {
        return Err(DispatchError::subtensor("NotEnoughBalanceToStake"));
    }
    if owner(state, hotkey)?.is_none() {
        return Err(DispatchError::subtensor("HotKeyAccountNotExists"));
    }
    balances::withdraw(context, coldkey, amount)?;
    let state = &mut *context.state;
    credit(state, hotkey, coldkey, netuid, amount)?;
    enter(state, netuid, amount)?;
    let grow = |total: &mut u64| *total = total.saturating_add(amount);
    state.mutate("TotalStake", &[], grow)?;
    tell(context, "StakeAdded", coldkey, (hotkey, netuid), amount);
    Ok(())
}

/// `remove_stake`: what is there of it, up to `alpha`.
fn remove(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    (hotkey, netuid): ([u8; 32], u16),
    alpha: u64,
    limit: Option<u64>,
) -> Result<(), DispatchError> {
    let state = &*context.state;
    match limit {
        None => enabled(state, netuid)?,
        Some(_) => exists(state, netuid)?,
    }
    let held = of_coldkey(state, hotkey, coldkey, netuid)?;
    let alpha = match limit {
        None => alpha.min(held),
        Some(_) if alpha > held => {
            return Err(DispatchError::subtensor("NotEnoughStakeToWithdraw"));
        }
        Some(_) => alpha,
    };
    removable(state, hotkey, alpha, held)?;
    if limit.is_some_and(|limit| limit > PRICE_RAO) {
        return Err(DispatchError::subtensor("SlippageTooHigh"));
    }
    pay_out(context, coldkey, (hotkey, netuid), alpha)
}

fn removable(
    state: &State<'_>,
    hotkey: [u8; 32],
    alpha: u64,
    held: u64,
) -> Result<(), DispatchError> {
    // The last rest may be smaller than the least.
    if alpha == 0 || (alpha < MIN_STAKE_RAO && alpha < held) {
        return Err(DispatchError::subtensor("AmountTooLow"));
    }
    match owner(state, hotkey)? {
        Some(_) => Ok(()),
        None => Err(DispatchError::subtensor("HotKeyAccountNotExists")),
    }
}

/// Turns alpha into TAO of the coldkey.
fn pay_out(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    (hotkey, netuid): ([u8; 32], u16),
    alpha: u64,
) -> Result<(), DispatchError> {
    let state = &mut *context.state;
    leave(state, netuid, alpha)?;
    debit(state, hotkey, coldkey, netuid, alpha)?;
    let shrink = |total: &mut u64| *total = total.saturating_sub(alpha);
    state.mutate("TotalStake", &[], shrink)?;
    balances::pay(context, coldkey, alpha)?;
    tell(context, "StakeRemoved", coldkey, (hotkey, netuid), alpha);
    Ok(())
}

/// `unstake_all`: from every subnet from `first` on; gives the TAO.
fn unstake_all(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    hotkey: [u8; 32],
    first: u16,
) -> Result<u64, DispatchError> {
    if owner(context.state, hotkey)?.is_none() {
        return Err(DispatchError::subtensor("HotKeyAccountNotExists"));
    }
    let networks: u16 = context.state.subtensor("TotalNetworks", &[])?;
    let mut sum = 0_u64;
    for netuid in first..networks {
        let held = of_coldkey(context.state, hotkey, coldkey, netuid)?;
        if held > 0 && enabled(context.state, netuid).is_ok() {
            pay_out(context, coldkey, (hotkey, netuid), held)?;
            sum = sum.saturating_add(held);
        }
    }
    Ok(sum)
}

/// `move_stake`, `swap_stake` and `transfer_stake`.
fn transition(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &Transition,
) -> Result<(), DispatchError> {
    allowed(context.state, coldkey, call)?;
    let ((from, origin), (to, destination)) = (call.from, call.to);
    let alpha = call.alpha;
    let new_coldkey = call.coldkey.unwrap_or(coldkey);
    let state = &mut *context.state;
    if origin != destination {
        leave(state, origin, alpha)?;
        enter(state, destination, alpha)?;
    }
    debit(state, from, coldkey, origin, alpha)?;
    credit(state, to, new_coldkey, destination, alpha)?;
    let netuids = (number(u64::from(origin)), number(u64::from(destination)));
    let amount = number(alpha);
    let fields = match call.event {
        "StakeMoved" => vec![
            account(coldkey),
            account(from),
            netuids.0,
            account(to),
            netuids.1,
            amount,
        ],
        "StakeSwapped" => vec![
            account(coldkey),
            account(from),
            netuids.0,
            netuids.1,
            amount,
        ],
        _ => vec![
            account(coldkey),
            account(new_coldkey),
            account(from),
            netuids.0,
            netuids.1,
            amount,
        ],
    };
    context.deposit(call.event, fields);
    Ok(())
}

fn allowed(state: &State<'_>, coldkey: [u8; 32], call: &Transition) -> Result<(), DispatchError> {
    let ((from, origin), (to, destination)) = (call.from, call.to);
    let stays = call.coldkey.is_none_or(|new| new == coldkey) && from == to;
    if stays && origin == destination {
        return Err(DispatchError::subtensor("SameNetuid"));
    }
    for netuid in [origin, destination] {
        exists(state, netuid)?;
        enabled(state, netuid)?;
    }
    for hotkey in [from, to] {
        if owner(state, hotkey)?.is_none() {
            return Err(DispatchError::subtensor("HotKeyAccountNotExists"));
        }
    }
    if call.alpha > of_coldkey(state, from, coldkey, origin)? {
        return Err(DispatchError::subtensor("NotEnoughStakeToWithdraw"));
    }
    let least = match call.coldkey {
        Some(_) => MIN_TRANSFER_RAO,
        None => MIN_STAKE_RAO,
    };
    if origin != destination && call.alpha <= least {
        return Err(DispatchError::subtensor("AmountTooLow"));
    }
    // One alpha buys one alpha: a limit above that is never met.
    if call.limit_price.is_some_and(|limit| limit > PRICE_RAO) {
        return Err(DispatchError::subtensor("SlippageTooHigh"));
    }
    if call.coldkey.is_some() {
        for netuid in [origin, destination] {
            if !state.subtensor::<bool>("TransferToggle", &[netuid.into()])? {
                return Err(DispatchError::subtensor("TransferDisallowed"));
            }
        }
    }
    Ok(())
}

fn exists(state: &State<'_>, netuid: u16) -> Result<(), DispatchError> {
    match state.subtensor("NetworksAdded", &[netuid.into()])? {
        true => Ok(()),
        false => Err(DispatchError::subtensor("SubnetNotExists")),
    }
}

fn enabled(state: &State<'_>, netuid: u16) -> Result<(), DispatchError> {
    match state.subtensor("SubtokenEnabled", &[netuid.into()])? {
        true => Ok(()),
        false => Err(DispatchError::subtensor("SubtokenDisabled")),
    }
}

/// TAO that a subnet gets, and the alpha it gives for it.
fn enter(state: &mut State<'_>, netuid: u16, rao: u64) -> Result<(), CodecError> {
    let grow = |total: &mut u64| *total = total.saturating_add(rao);
    state.mutate("SubnetTAO", &[netuid.into()], grow)?;
    state.mutate("SubnetAlphaOut", &[netuid.into()], grow)
}

/// TAO that a subnet gives back for its alpha.
fn leave(state: &mut State<'_>, netuid: u16, rao: u64) -> Result<(), DispatchError> {
    let tao: u64 = state.subtensor("SubnetTAO", &[netuid.into()])?;
    let Some(left) = tao.checked_sub(rao) else {
        return Err(DispatchError::subtensor("InsufficientLiquidity"));
    };
    state.put_subtensor("SubnetTAO", &[netuid.into()], &left)?;
    let shrink = |total: &mut u64| *total = total.saturating_sub(rao);
    Ok(state.mutate("SubnetAlphaOut", &[netuid.into()], shrink)?)
}

/// Coldkey, hotkey, TAO, alpha, netuid, fee.
fn tell(
    context: &mut Context<'_, '_>,
    event: &str,
    coldkey: [u8; 32],
    (hotkey, netuid): ([u8; 32], u16),
    amount: u64,
) {
    let fields = vec![
        account(coldkey),
        account(hotkey),
        number(amount),
        number(amount),
        number(u64::from(netuid)),
        number(0),
    ];
    context.deposit(event, fields);
}
