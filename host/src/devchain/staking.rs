//! Stake: alpha of a subnet, held as shares of a hotkey's pool.
//!
//! Subnets here have the stable mechanism (0), where one TAO buys one alpha, so
//! there is no price and no fee. What a hotkey earns goes to its pool, and every
//! share is worth more.
//!
//! TAO is never made or lost by staking: it goes from the coldkey's account to
//! the subnet and back, and is issued by emission alone.

mod moves;

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;

use super::codec::CodecError;
use super::state::{SUBTENSOR, State};

pub(super) use moves::dispatch;

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
    let bought = match (held, all.mantissa) {
        (0, _) | (_, 0) => u128::from(alpha),
        (held, shares) => u128::from(alpha).saturating_mul(shares) / held,
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

/// Takes alpha that a coldkey holds out of a hotkey's pool.
fn debit(
    state: &mut State<'_>,
    hotkey: [u8; 32],
    coldkey: [u8; 32],
    netuid: u16,
    alpha: u64,
) -> Result<(), CodecError> {
    let own_key = &[hotkey.into(), coldkey.into(), netuid.into()];
    let pool_key = &[hotkey.into(), netuid.into()];
    let held = of_coldkey(state, hotkey, coldkey, netuid)?;
    let all_alpha = u128::from(pool(state, hotkey, netuid)?);
    let mut own: SafeFloat = state.subtensor("AlphaV2", own_key)?;
    let mut all: SafeFloat = state.subtensor("TotalHotkeySharesV2", pool_key)?;
    let sold = match alpha >= held {
        true => own.mantissa,
        // Rounded up, in favour of those who stay.
        false => u128::from(alpha)
            .saturating_mul(all.mantissa)
            .div_ceil(all_alpha.max(1))
            .min(own.mantissa),
    };
    own.mantissa -= sold;
    all.mantissa = all.mantissa.saturating_sub(sold);
    match own.mantissa {
        0 => state.remove(SUBTENSOR, "AlphaV2", own_key)?,
        _ => state.put_subtensor("AlphaV2", own_key, &own)?,
    }
    state.put_subtensor("TotalHotkeySharesV2", pool_key, &all)?;
    let take = |total: &mut u64| *total = total.saturating_sub(alpha);
    state.mutate("TotalHotkeyAlpha", pool_key, take)?;
    state.mutate("TotalAlphaStaked", &[netuid.into()], take)
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
        .find::<[u8; 32]>(SUBTENSOR, "Owner", &[hotkey.into()])?
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
    state.find(SUBTENSOR, "Owner", &[hotkey.into()])
}
