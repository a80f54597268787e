//! Calls about subnets, slots in them, and those of a subnet's owner.

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;
use scale_value::Value;

use super::Arguments;
use crate::devchain::extrinsic::Malformed;

/// A call about a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum NetworkCall {
    /// `burned_register`.
    Register(Register),
    /// `register_limit`.
    RegisterLimit(RegisterLimit),
    /// `register_network` and `register_network_with_identity`.
    RegisterNetwork(HotkeyOf, Option<Identity>),
    /// `start_call`.
    StartCall(OfSubnet),
    /// `set_subnet_identity`.
    SetIdentity(Identify),
    /// `set_tempo`.
    SetTempo(SetTempo),
    /// `set_activity_cutoff_factor`.
    SetActivityCutoffFactor(Factor),
    /// `trigger_epoch`.
    TriggerEpoch(OfSubnet),
    /// `try_associate_hotkey`.
    AssociateHotkey(HotkeyOf),
}

/// Arguments of `burned_register`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct Register {
    pub(in super::super) netuid: u16,
    pub(in super::super) hotkey: [u8; 32],
}

/// Arguments of `register_limit`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct RegisterLimit {
    pub(in super::super) netuid: u16,
    pub(in super::super) hotkey: [u8; 32],
    pub(in super::super) limit_price: u64,
}

/// A hotkey alone.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct HotkeyOf {
    pub(in super::super) hotkey: [u8; 32],
}

/// A netuid alone.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct OfSubnet {
    pub(in super::super) netuid: u16,
}

/// Arguments of `set_tempo`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct SetTempo {
    pub(in super::super) netuid: u16,
    pub(in super::super) tempo: u16,
}

/// Arguments of `set_activity_cutoff_factor`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct Factor {
    pub(in super::super) netuid: u16,
    pub(in super::super) factor_milli: u32,
}

/// `SubnetIdentityV3`.
#[derive(Debug, Clone, Default, PartialEq, Eq, DecodeAsType, EncodeAsType)]
pub(in super::super) struct Identity {
    pub(in super::super) subnet_name: Vec<u8>,
    pub(in super::super) github_repo: Vec<u8>,
    pub(in super::super) subnet_contact: Vec<u8>,
    pub(in super::super) subnet_url: Vec<u8>,
    pub(in super::super) discord: Vec<u8>,
    pub(in super::super) description: Vec<u8>,
    pub(in super::super) logo_url: Vec<u8>,
    pub(in super::super) additional: Vec<u8>,
}

impl Identity {
    /// As runtime APIs tell it.
    pub(in super::super) fn value(&self) -> Value<()> {
        Value::named_composite([
            ("subnet_name", Value::from_bytes(&self.subnet_name)),
            ("github_repo", Value::from_bytes(&self.github_repo)),
            ("subnet_contact", Value::from_bytes(&self.subnet_contact)),
            ("subnet_url", Value::from_bytes(&self.subnet_url)),
            ("discord", Value::from_bytes(&self.discord)),
            ("description", Value::from_bytes(&self.description)),
            ("logo_url", Value::from_bytes(&self.logo_url)),
            ("additional", Value::from_bytes(&self.additional)),
        ])
    }
}

/// Arguments of `register_network_with_identity`.
#[derive(DecodeAsType)]
struct WithIdentity {
    hotkey: [u8; 32],
    identity: Option<Identity>,
}

/// Arguments of `set_subnet_identity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Identify {
    pub(in super::super) netuid: u16,
    pub(in super::super) identity: Identity,
}

/// The same as the call has them.
#[derive(DecodeAsType)]
struct IdentifyFields {
    netuid: u16,
    subnet_name: Vec<u8>,
    github_repo: Vec<u8>,
    subnet_contact: Vec<u8>,
    subnet_url: Vec<u8>,
    discord: Vec<u8>,
    description: Vec<u8>,
    logo_url: Vec<u8>,
    additional: Vec<u8>,
}

impl From<IdentifyFields> for Identify {
    fn from(fields: IdentifyFields) -> Self {
        Self {
            netuid: fields.netuid,
            identity: Identity {
                subnet_name: fields.subnet_name,
                github_repo: fields.github_repo,
                subnet_contact: fields.subnet_contact,
                subnet_url: fields.subnet_url,
                discord: fields.discord,
                description: fields.description,
                logo_url: fields.logo_url,
                additional: fields.additional,
            },
        }
    }
}

impl NetworkCall {
    /// Decodes a call, if it is one of these.
    pub(super) fn decode(
        args: &Arguments<'_>,
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        Ok(Some(match args.call {
            "burned_register" => Self::Register(args.take(bytes)?),
            "register_limit" => Self::RegisterLimit(args.take(bytes)?),
            "register_network" => Self::RegisterNetwork(args.take(bytes)?, None),
            "register_network_with_identity" => {
                let WithIdentity { hotkey, identity } = args.take(bytes)?;
                Self::RegisterNetwork(HotkeyOf { hotkey }, identity)
            }
            "start_call" => Self::StartCall(args.take(bytes)?),
            "set_subnet_identity" => Self::SetIdentity(args.take::<IdentifyFields>(bytes)?.into()),
            "set_tempo" => Self::SetTempo(args.take(bytes)?),
            "set_activity_cutoff_factor" => Self::SetActivityCutoffFactor(args.take(bytes)?),
            "trigger_epoch" => Self::TriggerEpoch(args.take(bytes)?),
            "try_associate_hotkey" => Self::AssociateHotkey(args.take(bytes)?),
            _ => return Ok(None),
        }))
    }
}
