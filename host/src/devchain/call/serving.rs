//! Calls that announce endpoints.

use scale_decode::DecodeAsType;

use super::Arguments;
use crate::devchain::extrinsic::Malformed;

/// A call that announces an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum ServingCall {
    /// `serve_axon`, or `serve_axon_tls` with its certificate.
    Axon(ServeAxon, Option<Vec<u8>>),
    /// `serve_prometheus`.
    Prometheus(ServePrometheus),
}

/// Arguments of `serve_axon`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct ServeAxon {
    pub(in super::super) netuid: u16,
    pub(in super::super) version: u32,
    pub(in super::super) ip: u128,
    pub(in super::super) port: u16,
    pub(in super::super) ip_type: u8,
    pub(in super::super) protocol: u8,
    pub(in super::super) placeholder1: u8,
    pub(in super::super) placeholder2: u8,
}

/// Arguments of `serve_axon_tls`.
#[derive(DecodeAsType)]
struct ServeAxonTls {
    netuid: u16,
    version: u32,
    ip: u128,
    port: u16,
    ip_type: u8,
    protocol: u8,
    placeholder1: u8,
    placeholder2: u8,
    certificate: Vec<u8>,
}

/// Arguments of `serve_prometheus`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct ServePrometheus {
    pub(in super::super) netuid: u16,
    pub(in super::super) version: u32,
    pub(in super::super) ip: u128,
    pub(in super::super) port: u16,
    pub(in super::super) ip_type: u8,
}

impl ServingCall {
    /// Decodes a call, if it is one of these.
    pub(super) fn decode(
        args: &Arguments<'_>,
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        Ok(Some(match args.call {
            "serve_axon" => Self::Axon(args.take(bytes)?, None),
            "serve_axon_tls" => {
                let call: ServeAxonTls = args.take(bytes)?;
                let axon = ServeAxon {
                    netuid: call.netuid,
                    version: call.version,
                    ip: call.ip,
                    port: call.port,
                    ip_type: call.ip_type,
                    protocol: call.protocol,
                    placeholder1: call.placeholder1,
                    placeholder2: call.placeholder2,
                };
                Self::Axon(axon, Some(call.certificate))
            }
            "serve_prometheus" => Self::Prometheus(args.take(bytes)?),
            _ => return Ok(None),
        }))
    }
}
