//! The calls this chain carries out, decoded by the metadata.
//!
//! Only these are taken apart: anything else keeps its two index bytes and
//! fails with `System.CallFiltered` when its turn comes, so a call can nest as
//! deep as a stranger likes without being followed.

use scale_decode::{DecodeAsFields, DecodeAsType, Field};

use super::codec::Codec;
use super::extrinsic::{Address, Malformed};
use super::shield::SubmitEncrypted;

/// A call that is covered, or the mark of one that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// `System.remark` and `remark_with_event`, which do nothing here.
    Remark(Remark),
    /// `Balances.transfer_allow_death` and `transfer_keep_alive`.
    Transfer(Transfer, Keep),
    /// `SubtensorModule.burned_register`.
    Register(Register),
    /// `SubtensorModule.register_limit`.
    RegisterLimit(RegisterLimit),
    /// `SubtensorModule.add_stake`.
    AddStake(AddStake),
    /// `SubtensorModule.add_stake_limit`, which the Python SDK prefers.
    AddStakeLimit(AddStakeLimit),
    /// `SubtensorModule.serve_axon`.
    ServeAxon(ServeAxon),
    /// `SubtensorModule.set_weights`.
    SetWeights(SetWeights),
    /// `SubtensorModule.set_mechanism_weights`.
    SetMechanismWeights(SetMechanismWeights),
    /// `MevShield.submit_encrypted`.
    SubmitEncrypted(SubmitEncrypted),
    /// Anything else.
    Uncovered,
}

/// Whether the sender must survive a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It must keep the existential deposit.
    Alive,
    /// It may be emptied.
    No,
}

/// Arguments of a remark.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct Remark {
    remark: Vec<u8>,
}

/// Arguments of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct Transfer {
    pub(super) dest: Address,
    pub(super) value: u64,
}

/// Arguments of `burned_register`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct Register {
    pub(super) netuid: u16,
    pub(super) hotkey: [u8; 32],
}

/// Arguments of `register_limit`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct RegisterLimit {
    pub(super) netuid: u16,
    pub(super) hotkey: [u8; 32],
    pub(super) limit_price: u64,
}

/// Arguments of `add_stake`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct AddStake {
    pub(super) hotkey: [u8; 32],
    pub(super) netuid: u16,
    pub(super) amount_staked: u64,
}

/// Arguments of `add_stake_limit`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct AddStakeLimit {
    pub(super) hotkey: [u8; 32],
    pub(super) netuid: u16,
    pub(super) amount_staked: u64,
    pub(super) limit_price: u64,
}

/// Arguments of `serve_axon`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct ServeAxon {
    pub(super) netuid: u16,
    pub(super) version: u32,
    pub(super) ip: u128,
    pub(super) port: u16,
    pub(super) ip_type: u8,
    pub(super) protocol: u8,
    pub(super) placeholder1: u8,
    pub(super) placeholder2: u8,
}

/// Arguments of `set_weights`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct SetWeights {
    pub(super) netuid: u16,
    pub(super) dests: Vec<u16>,
    pub(super) weights: Vec<u16>,
    pub(super) version_key: u64,
}

/// Arguments of `set_mechanism_weights`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct SetMechanismWeights {
    pub(super) netuid: u16,
    pub(super) mecid: u8,
    pub(super) dests: Vec<u16>,
    pub(super) weights: Vec<u16>,
    pub(super) version_key: u64,
}

impl Call {
    /// Decodes a call.
    pub(super) fn decode(codec: &Codec, bytes: &[u8]) -> Result<Self, Malformed> {
        let Some((pallet, call)) = codec.call(bytes) else {
            return Err(Malformed("no such call".into()));
        };
        let args = Arguments {
            codec,
            fields: &call.fields,
            bytes: &bytes[2..],
        };
        Ok(match (pallet, call.name.as_str()) {
            ("System", "remark") => Self::Remark(args.decode()?),
            ("Balances", "transfer_allow_death") => Self::Transfer(args.decode()?, Keep::No),
            ("Balances", "transfer_keep_alive") => Self::Transfer(args.decode()?, Keep::Alive),
            ("SubtensorModule", "burned_register") => Self::Register(args.decode()?),
            ("SubtensorModule", "register_limit") => Self::RegisterLimit(args.decode()?),
            ("SubtensorModule", "add_stake") => Self::AddStake(args.decode()?),
            ("SubtensorModule", "add_stake_limit") => Self::AddStakeLimit(args.decode()?),
            ("SubtensorModule", "serve_axon") => Self::ServeAxon(args.decode()?),
            ("SubtensorModule", "set_weights") => Self::SetWeights(args.decode()?),
            ("SubtensorModule", "set_mechanism_weights") => {
                Self::SetMechanismWeights(args.decode()?)
            }
            ("MevShield", "submit_encrypted") => Self::SubmitEncrypted(args.decode()?),
            _ => Self::Uncovered,
        })
    }
}

struct Arguments<'a> {
    codec: &'a Codec,
    fields: &'a [scale_info::Field<scale_info::form::PortableForm>],
    bytes: &'a [u8],
}

impl Arguments<'_> {
    fn decode<T: DecodeAsFields>(mut self) -> Result<T, Malformed> {
        let mut fields = self
            .fields
            .iter()
            .map(|field| Field::new(field.ty.id, field.name.as_deref()));
        let decoded = T::decode_as_fields(&mut self.bytes, &mut fields, self.codec.types())
            .map_err(|error| Malformed(error.to_string()))?;
        if self.bytes.is_empty() {
            Ok(decoded)
        } else {
            Err(Malformed("bytes after the call".into()))
        }
    }
}
