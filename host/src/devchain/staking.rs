//! Stake: alpha of a subnet, held as shares of a hotkey's pool.
//!
//! Subnets here have the stable mechanism (0), where one TAO buys one alpha, so
//! there is no price and no fee. What a hotkey earns goes to its pool, and every
//! share is worth more.

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;

use super::balances;
use super::call::{AddStake, AddStakeLimit};
use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::event::{account, number};
use super::state::State;

/// The least that can be staked at once, in rao.
const MIN_STAKE_RAO: u64 = 2_000_000;
/// What one alpha costs, in rao.
pub(super) const PRICE_RAO: u64 = 1_000_000_000;
/// The root network.
pub(super) const ROOT: u16 = 0;

/// A share count: `mantissa` times ten to the `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DecodeAsType, EncodeAsType)]
struct SafeFloat {
    mantissa: u128,
    exponent: i64,
}

/// Alpha in a hotkey's pool.
pub(super) fn pool(state: &State<'_>, hotkey: [u8; 32], netuid: u16) -> Result<u64, CodecError> {
    state.subtensor("TotalHotkeyAlpha", &[hotkey.into(), netuid.into()])
}

/// What counts as a hotkey's stake in a subnet: its alpha, and its root stake by
/// the weight that TAO has.
pub(super) fn weight(state: &State<'_>, hotkey: [u8; 32], netuid: u16) -> Result<u64, CodecError> {
    let alpha = pool(state, hotkey, netuid)?;
    Ok(alpha.saturating_add(tao_weight(state, hotkey)?))
}

/// The part of it that comes from the root network.
pub(super) fn tao_weight(state: &State<'_>, hotkey: [u8; 32]) -> Result<u64, CodecError> {
    let tao = u128::from(pool(state, hotkey, ROOT)?);
    let weight = u128::from(state.subtensor::<u64>("TaoWeight", &[])?);
    Ok(u64::try_from((tao * weight) >> 64).unwrap_or(u64::MAX))
}

/// Alpha that a coldkey holds in a hotkey's pool.
pub(super) fn of_coldkey(
    state: &State<'_>,
    hotkey: [u8; 32],
    coldkey: [u8; 32],
    netuid: u16,
) -> Result<u64, CodecError> {
    let shares: SafeFloat =
        state.subtensor("AlphaV2", &[hotkey.into(), coldkey.into(), netuid.into()])?;
    let all: SafeFloat = state.subtensor("TotalHotkeySharesV2", &[hotkey.into(), netuid.into()])?;
    if all.mantissa == 0 {
        return Ok(0);
    }
    let alpha = u128::from(pool(state, hotkey, netuid)?);
    let held = alpha.saturating_mul(shares.mantissa) / all.mantissa;
    Ok(u64::try_from(held).unwrap_or(u64::MAX))
}

/// Puts alpha into a hotkey's pool for a coldkey.
pub(super) fn credit(
    state: &mut State<'_>,
    hotkey: [u8; 32],
    coldkey: [u8; 32],
    netuid: u16,
    alpha: u64,
) -> Result<(), CodecError> {
    let held = u128::from(pool(state, hotkey, netuid)?);
    let mut all: SafeFloat =
        state.subtensor("TotalHotkeySharesV2", &[hotkey.into(), netuid.into()])?;
    let bought = match held {
        0 => u128::from(alpha),
        held => u128::from(alpha).saturating_mul(all.mantissa) / held,
    };
    all.mantissa = all.mantissa.saturating_add(bought);
    state.put_subtensor("TotalHotkeySharesV2", &[hotkey.into(), netuid.into()], &all)?;
    state.mutate(
        "AlphaV2",
        &[hotkey.into(), coldkey.into(), netuid.into()],
        |shares: &mut SafeFloat| shares.mantissa = shares.mantissa.saturating_add(bought),
    )?;
    grow(state, hotkey, netuid, alpha)?;
    state.mutate(
        "StakingHotkeys",
        &[coldkey.into()],
        |all: &mut Vec<[u8; 32]>| {
            if !all.contains(&hotkey) {
                all.push(hotkey);
            }
        },
    )
}

/// Puts alpha into a hotkey's pool for all who hold shares of it.
pub(super) fn grow(
    state: &mut State<'_>,
    hotkey: [u8; 32],
    netuid: u16,
    alpha: u64,
) -> Result<(), CodecError> {
    let add = |total: &mut u64| *total = total.saturating_add(alpha);
    state.mutate("TotalHotkeyAlpha", &[hotkey.into(), netuid.into()], add)?;
    state.mutate("TotalAlphaStaked", &[netuid.into()], add)
}

/// Makes `coldkey` the owner of `hotkey` if nobody is.
pub(super) fn associate(
    state: &mut State<'_>,
    hotkey: [u8; 32],
    coldkey: [u8; 32],
) -> Result<(), CodecError> {
    if state
        .find::<[u8; 32]>(super::state::SUBTENSOR, "Owner", &[hotkey.into()])?
        .is_some()
    {
        return Ok(());
    }
    state.put_subtensor("Owner", &[hotkey.into()], &coldkey)?;
    state.mutate(
        "OwnedHotkeys",
        &[coldkey.into()],
        |all: &mut Vec<[u8; 32]>| {
            all.push(hotkey);
        },
    )
}

/// The coldkey that owns a hotkey.
pub(super) fn owner(state: &State<'_>, hotkey: [u8; 32]) -> Result<Option<[u8; 32]>, CodecError> {
    state.find(super::state::SUBTENSOR, "Owner", &[hotkey.into()])
}

/// `add_stake_limit`: stake, unless alpha costs more than the limit.
pub(super) fn add_stake_limit(
    context: &mut Context<'_, '_>,
    coldkey: [u8; 32],
    call: &AddStakeLimit,
) -> Result<(), DispatchError> {
    if call.limit_price < PRICE_RAO {
        return Err(DispatchError::subtensor("SlippageTooHigh"));
    }
    let call = AddStake {
        hotkey: call.hotkey,
        netuid: call.netuid,
        amount_staked: call.amount_staked,
    };
    add_stake(context, coldkey, &call)
}

/// `add_stake`.
pub(super) fn add_stake(
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
    if !state.subtensor::<bool>("NetworksAdded", &[netuid.into()])? {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    if !state.subtensor::<bool>("SubtokenEnabled", &[netuid.into()])? {
        return Err(DispatchError::subtensor("SubtokenDisabled"));
    }
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
    credit(context.state, hotkey, coldkey, netuid, amount)?;
    let add = |total: &mut u64| *total = total.saturating_add(amount);
    context.state.mutate("SubnetTAO", &[netuid.into()], add)?;
    context
        .state
        .mutate("SubnetAlphaOut", &[netuid.into()], add)?;
    context.state.mutate("TotalStake", &[], add)?;
    context.deposit(
        "StakeAdded",
        vec![
            account(coldkey),
            account(hotkey),
            number(amount),
            number(amount),
            number(u64::from(netuid)),
            number(0),
        ],
    );
    Ok(())
}
