//! Accounts and what they hold.

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;
use scale_value::Composite;

use super::call::{Keep, Transfer};
use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::event::{account, number};
use super::state::State;

/// Below this an account is removed.
pub(super) const EXISTENTIAL_DEPOSIT_RAO: u64 = 500;

/// `System.Account`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType, EncodeAsType)]
pub(super) struct AccountInfo {
    /// Extrinsics signed so far.
    pub(super) nonce: u32,
    consumers: u32,
    providers: u32,
    sufficients: u32,
    data: AccountData,
}

#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType, EncodeAsType)]
struct AccountData {
    free: u64,
    reserved: u64,
    frozen: u64,
    flags: u128,
}

/// The new accounts' flag: the balances pallet's current logic.
const NEW_LOGIC_FLAG: u128 = 1 << 127;

/// An account, or an empty one.
pub(super) fn read(state: &State<'_>, who: [u8; 32]) -> Result<AccountInfo, CodecError> {
    state.get("System", "Account", &[who.into()])
}

/// Writes an account.
pub(super) fn write(
    state: &mut State<'_>,
    who: [u8; 32],
    info: &AccountInfo,
) -> Result<(), CodecError> {
    state.put("System", "Account", &[who.into()], info)
}

/// What an account may spend.
pub(super) fn free(state: &State<'_>, who: [u8; 32]) -> Result<u64, CodecError> {
    Ok(read(state, who)?.data.free)
}

/// What an account may spend and stay alive.
pub(super) fn keep_alive(state: &State<'_>, who: [u8; 32]) -> Result<u64, CodecError> {
    Ok(free(state, who)?.saturating_sub(EXISTENTIAL_DEPOSIT_RAO))
}

/// Adds to an account, opening it if need be.
pub(super) fn deposit(state: &mut State<'_>, who: [u8; 32], amount: u64) -> Result<(), CodecError> {
    let mut info = read(state, who)?;
    info.providers = info.providers.max(1);
    info.data.flags |= NEW_LOGIC_FLAG;
    info.data.free = info.data.free.saturating_add(amount);
    write(state, who, &info)
}

/// Takes from an account; the caller has checked that it is there.
pub(super) fn withdraw(
    context: &mut Context<'_, '_>,
    who: [u8; 32],
    amount: u64,
) -> Result<(), CodecError> {
    let mut info = read(context.state, who)?;
    info.data.free = info.data.free.saturating_sub(amount);
    write(context.state, who, &info)?;
    let fields = Composite::named([("who", account(who)), ("amount", number(amount))]);
    context
        .events
        .push(context.phase, "Balances", "Withdraw", fields);
    Ok(())
}

/// Pays into an account, and tells of it.
pub(super) fn pay(
    context: &mut Context<'_, '_>,
    who: [u8; 32],
    amount: u64,
) -> Result<(), CodecError> {
    deposit(context.state, who, amount)?;
    let fields = [("who", account(who)), ("amount", number(amount))];
    context.deposit_named("Balances", "Deposit", fields);
    Ok(())
}

/// Makes money: a block's emission.
pub(super) fn issue(state: &mut State<'_>, amount: u64) -> Result<(), CodecError> {
    change_issuance(state, |all| all.saturating_add(amount))
}

/// Unmakes money that was taken from an account, to be issued again some day.
pub(super) fn recycle(state: &mut State<'_>, amount: u64) -> Result<(), CodecError> {
    change_issuance(state, |all| all.saturating_sub(amount))
}

fn change_issuance(
    state: &mut State<'_>,
    change: impl FnOnce(u64) -> u64,
) -> Result<(), CodecError> {
    let issued = change(state.get("Balances", "TotalIssuance", &[])?);
    state.put("Balances", "TotalIssuance", &[], &issued)?;
    state.put_subtensor("TotalIssuance", &[], &issued)
}

/// `transfer_keep_alive` and `transfer_allow_death`.
pub(super) fn transfer(
    context: &mut Context<'_, '_>,
    from: [u8; 32],
    call: &Transfer,
    keep: Keep,
) -> Result<(), DispatchError> {
    let to = call.dest.account();
    let mut sender = read(context.state, from)?;
    let Some(left) = sender.data.free.checked_sub(call.value) else {
        return Err(balances_error("InsufficientBalance"));
    };
    if left < EXISTENTIAL_DEPOSIT_RAO && (keep == Keep::Alive || left > 0) {
        return Err(balances_error("Expendability"));
    }
    if free(context.state, to)?.saturating_add(call.value) < EXISTENTIAL_DEPOSIT_RAO {
        return Err(balances_error("ExistentialDeposit"));
    }
    sender.data.free = left;
    write(context.state, from, &sender)?;
    deposit(context.state, to, call.value)?;
    let fields = Composite::named([
        ("from", account(from)),
        ("to", account(to)),
        ("amount", number(call.value)),
    ]);
    context
        .events
        .push(context.phase, "Balances", "Transfer", fields);
    Ok(())
}

fn balances_error(name: &'static str) -> DispatchError {
    DispatchError::Module {
        pallet: "Balances",
        name,
    }
}
