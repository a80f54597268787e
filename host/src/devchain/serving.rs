//! Announcing an axon.

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;

use super::call::ServeAxon;
use super::dispatch::{Context, DispatchError};
use super::event::{account, number};
use super::registration::uid;
use super::state::SUBTENSOR;

/// 127.0.0.1 as a number.
const LOOPBACK_V4: u128 = 0x7f00_0001;
/// ::1 as a number.
const LOOPBACK_V6: u128 = 1;

/// `SubtensorModule.Axons`.
#[derive(Debug, Clone, Default, PartialEq, Eq, DecodeAsType, EncodeAsType)]
pub(super) struct AxonInfo {
    pub(super) block: u64,
    pub(super) version: u32,
    pub(super) ip: u128,
    pub(super) port: u16,
    pub(super) ip_type: u8,
    pub(super) protocol: u8,
    pub(super) placeholder1: u8,
    pub(super) placeholder2: u8,
}

/// The rules an announcement must meet.
pub(super) fn check(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServeAxon,
) -> Result<(), DispatchError> {
    if uid(context.state, call.netuid, hotkey)?.is_none() {
        return Err(DispatchError::subtensor("HotKeyNotRegisteredInNetwork"));
    }
    if !matches!(call.ip_type, 4 | 6) {
        return Err(DispatchError::subtensor("InvalidIpType"));
    }
    if !address_allowed(call, context.allow_loopback) {
        return Err(DispatchError::subtensor("InvalidIpAddress"));
    }
    let netuid = call.netuid.into();
    let before: Option<AxonInfo> =
        context
            .state
            .find(SUBTENSOR, "Axons", &[netuid, hotkey.into()])?;
    let last = before.map_or(0, |axon| axon.block);
    let limit: u64 = context.state.subtensor("ServingRateLimit", &[netuid])?;
    if limit != 0 && last != 0 && context.block.saturating_sub(last) < limit {
        return Err(DispatchError::subtensor("ServingRateLimitExceeded"));
    }
    if call.port == 0 {
        return Err(DispatchError::subtensor("InvalidPort"));
    }
    Ok(())
}

/// Zero is allowed: it withdraws the axon. Private ranges are as well.
fn address_allowed(call: &ServeAxon, allow_loopback: bool) -> bool {
    let (loopback, all_ones) = match call.ip_type {
        4 => (LOOPBACK_V4, u128::from(u32::MAX)),
        _ => (LOOPBACK_V6, u128::MAX),
    };
    call.ip < all_ones && (allow_loopback || call.ip != loopback)
}

/// `serve_axon`.
pub(super) fn serve_axon(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServeAxon,
) -> Result<(), DispatchError> {
    let netuid = call.netuid.into();
    if !context
        .state
        .subtensor::<bool>("NetworksAdded", &[netuid])?
    {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    check(context, hotkey, call)?;
    let axon = AxonInfo {
        block: context.block,
        version: call.version,
        ip: call.ip,
        port: call.port,
        ip_type: call.ip_type,
        protocol: call.protocol,
        placeholder1: call.placeholder1,
        placeholder2: call.placeholder2,
    };
    context
        .state
        .put_subtensor("Axons", &[netuid, hotkey.into()], &axon)?;
    let netuid = number(u64::from(call.netuid));
    context.deposit("AxonServed", vec![netuid, account(hotkey)]);
    Ok(())
}
