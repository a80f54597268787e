//! Announcing axons and Prometheus endpoints.

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;

use super::call::{ServeAxon, ServePrometheus, ServingCall};
use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::event::{account, number};
use super::registration::uid;
use super::state::SUBTENSOR;

/// 127.0.0.1 as a number.
const LOOPBACK_V4: u128 = 0x7f00_0001;
/// ::1 as a number.
const LOOPBACK_V6: u128 = 1;
/// A certificate: its algorithm's byte and the key after it.
const CERTIFICATE_BYTES: std::ops::RangeInclusive<usize> = 2..=65;

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

/// `SubtensorModule.Prometheus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, DecodeAsType, EncodeAsType)]
pub(super) struct PrometheusInfo {
    pub(super) block: u64,
    pub(super) version: u32,
    pub(super) ip: u128,
    pub(super) port: u16,
    pub(super) ip_type: u8,
}

/// `SubtensorModule.NeuronCertificates`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType, EncodeAsType)]
struct Certificate {
    public_key: Vec<u8>,
    algorithm: u8,
}

/// The rules an announcement must meet.
pub(super) fn check(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServingCall,
) -> Result<(), DispatchError> {
    match call {
        ServingCall::Axon(call, _) => check_axon(context, hotkey, call),
        ServingCall::Prometheus(call) => check_prometheus(context, hotkey, call),
    }
}

/// Carries out a call.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServingCall,
) -> Result<(), DispatchError> {
    let netuid = match call {
        ServingCall::Axon(call, _) => call.netuid,
        ServingCall::Prometheus(call) => call.netuid,
    };
    let added = "NetworksAdded";
    if !context.state.subtensor::<bool>(added, &[netuid.into()])? {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    check(context, hotkey, call)?;
    match call {
        ServingCall::Axon(call, certificate) => {
            if let Some(certificate) = certificate {
                certify(context, netuid, hotkey, certificate)?;
            }
            serve_axon(context, hotkey, call)?;
        }
        ServingCall::Prometheus(call) => serve_prometheus(context, hotkey, call)?,
    }
    Ok(())
}

fn check_axon(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServeAxon,
) -> Result<(), DispatchError> {
    if uid(context.state, call.netuid, hotkey)?.is_none() {
        return Err(DispatchError::subtensor("HotKeyNotRegisteredInNetwork"));
    }
    // Zero is allowed: it withdraws the axon.
    address_allowed(context, call.ip_type, call.ip)?;
    let key = &[call.netuid.into(), hotkey.into()];
    let before: Option<AxonInfo> = context.state.find(SUBTENSOR, "Axons", key)?;
    seldom(context, call.netuid, before.map_or(0, |axon| axon.block))?;
    port_allowed(call.port)
}

fn check_prometheus(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServePrometheus,
) -> Result<(), DispatchError> {
    if call.ip == 0 && matches!(call.ip_type, 4 | 6) {
        return Err(DispatchError::subtensor("InvalidIpAddress"));
    }
    address_allowed(context, call.ip_type, call.ip)?;
    if uid(context.state, call.netuid, hotkey)?.is_none() {
        return Err(DispatchError::subtensor("HotKeyNotRegisteredInNetwork"));
    }
    let key = &[call.netuid.into(), hotkey.into()];
    let before: Option<PrometheusInfo> = context.state.find(SUBTENSOR, "Prometheus", key)?;
    seldom(context, call.netuid, before.map_or(0, |info| info.block))?;
    port_allowed(call.port)
}

/// Private ranges are allowed.
fn address_allowed(context: &Context<'_, '_>, ip_type: u8, ip: u128) -> Result<(), DispatchError> {
    let (loopback, all_ones) = match ip_type {
        4 => (LOOPBACK_V4, u128::from(u32::MAX)),
        6 => (LOOPBACK_V6, u128::MAX),
        _ => return Err(DispatchError::subtensor("InvalidIpType")),
    };
    match ip < all_ones && (context.allow_loopback || ip != loopback) {
        true => Ok(()),
        false => Err(DispatchError::subtensor("InvalidIpAddress")),
    }
}

fn seldom(context: &Context<'_, '_>, netuid: u16, last: u64) -> Result<(), DispatchError> {
    let limit: u64 = context
        .state
        .subtensor("ServingRateLimit", &[netuid.into()])?;
    if limit != 0 && last != 0 && context.block.saturating_sub(last) < limit {
        return Err(DispatchError::subtensor("ServingRateLimitExceeded"));
    }
    Ok(())
}

fn port_allowed(port: u16) -> Result<(), DispatchError> {
    match port {
        0 => Err(DispatchError::subtensor("InvalidPort")),
        _ => Ok(()),
    }
}

/// `serve_axon`.
fn serve_axon(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServeAxon,
) -> Result<(), CodecError> {
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
    let key = &[call.netuid.into(), hotkey.into()];
    context.state.put_subtensor("Axons", key, &axon)?;
    let fields = vec![number(u64::from(call.netuid)), account(hotkey)];
    context.deposit("AxonServed", fields);
    Ok(())
}

/// Stores a certificate; one of the wrong size is passed over, as subtensor does.
fn certify(
    context: &mut Context<'_, '_>,
    netuid: u16,
    hotkey: [u8; 32],
    certificate: &[u8],
) -> Result<(), CodecError> {
    let Some((algorithm, public_key)) = certificate.split_first() else {
        return Ok(());
    };
    if !CERTIFICATE_BYTES.contains(&certificate.len()) {
        return Ok(());
    }
    let certificate = Certificate {
        public_key: public_key.to_vec(),
        algorithm: *algorithm,
    };
    let key = &[netuid.into(), hotkey.into()];
    context
        .state
        .put_subtensor("NeuronCertificates", key, &certificate)
}

/// `serve_prometheus`.
fn serve_prometheus(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &ServePrometheus,
) -> Result<(), CodecError> {
    let info = PrometheusInfo {
        block: context.block,
        version: call.version,
        ip: call.ip,
        port: call.port,
        ip_type: call.ip_type,
    };
    let key = &[call.netuid.into(), hotkey.into()];
    context.state.put_subtensor("Prometheus", key, &info)?;
    let fields = vec![number(u64::from(call.netuid)), account(hotkey)];
    context.deposit("PrometheusServed", fields);
    Ok(())
}
