//! The calls this chain carries out, decoded by the metadata.
//!
//! Each pallet's part has its own list. Anything else keeps its two index bytes
//! and fails with `System.CallFiltered` when its turn comes.
//!
//! Calls that hold calls (`Utility.batch`, `Sudo.sudo`) are followed one step:
//! what they hold must itself be covered and hold none, else the whole is not
//! covered. So a call may nest as deep as a stranger likes and nothing follows.

mod batch;
mod network;
mod serving;
mod staking;
mod weights;

use scale_decode::{DecodeAsFields, DecodeAsType, Field};
use scale_info::form::PortableForm;

use super::admin::Change;
use super::codec::Codec;
use super::encoded::Encoded;
use super::extrinsic::{Address, Malformed};
use super::shield::SubmitEncrypted;

pub(super) use batch::OnFailure;
pub(super) use network::{HotkeyOf, Identity, NetworkCall, RegisterLimit};
pub(super) use serving::{ServeAxon, ServePrometheus, ServingCall};
pub(super) use staking::{AddStake, StakingCall, Transition};
pub(super) use weights::{
    BatchCommit, BatchReveal, BatchSet, Commit, Reveal, SetWeights, TimelockedCommit, WeightsCall,
};

/// A call that is covered, or the mark of one that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// `System.remark`, which does nothing here.
    Remark(Remark),
    /// `Balances.transfer_allow_death` and `transfer_keep_alive`.
    Transfer(Transfer, Keep),
    /// Subnets, slots in them, owners' calls.
    Network(NetworkCall),
    /// Stake.
    Staking(StakingCall),
    /// Endpoints.
    Serving(ServingCall),
    /// Weights, plain and committed.
    Weights(WeightsCall),
    /// `Commitments.set_commitment`.
    SetCommitment(SetCommitment),
    /// `AdminUtils.sudo_set_*`.
    Admin(Change),
    /// `Sudo.sudo`.
    Sudo(Box<Call>),
    /// `Utility.batch`, `batch_all` and `force_batch`.
    Batch(Vec<Call>, OnFailure),
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

/// Arguments of `set_commitment`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct SetCommitment {
    pub(super) netuid: u16,
    pub(super) info: Encoded,
}

impl Call {
    /// Decodes a call.
    pub(super) fn decode(codec: &Codec, mut bytes: &[u8]) -> Result<Self, Malformed> {
        let args = Arguments::of(codec, &mut bytes)?;
        let call = match args.name() {
            ("Sudo", "sudo") => batch::sudo(codec, &mut bytes)?,
            ("Utility", name) => batch::batch(codec, name, &mut bytes)?,
            _ => args.flat(&mut bytes)?,
        };
        match call {
            None => Ok(Self::Uncovered),
            Some(_) if !bytes.is_empty() => Err(Malformed("bytes after the call".into())),
            Some(call) => Ok(call),
        }
    }
}

/// A call's name and the types of its arguments.
struct Arguments<'a> {
    codec: &'a Codec,
    pallet: &'a str,
    call: &'a str,
    fields: &'a [scale_info::Field<PortableForm>],
}

impl<'a> Arguments<'a> {
    /// Reads the two index bytes.
    fn of(codec: &'a Codec, bytes: &mut &[u8]) -> Result<Self, Malformed> {
        let Some((pallet, call)) = codec.call(bytes) else {
            return Err(Malformed("no such call".into()));
        };
        *bytes = &bytes[2..];
        Ok(Self {
            codec,
            pallet,
            call: &call.name,
            fields: &call.fields,
        })
    }

    fn name(&self) -> (&'a str, &'a str) {
        (self.pallet, self.call)
    }

    /// A call that holds no other, or `None` if it is not covered.
    fn flat(&self, bytes: &mut &[u8]) -> Result<Option<Call>, Malformed> {
        Ok(match self.name() {
            ("System", "remark") => Some(Call::Remark(self.take(bytes)?)),
            ("Balances", "transfer_allow_death") => {
                Some(Call::Transfer(self.take(bytes)?, Keep::No))
            }
            ("Balances", "transfer_keep_alive") => {
                Some(Call::Transfer(self.take(bytes)?, Keep::Alive))
            }
            ("Commitments", "set_commitment") => Some(Call::SetCommitment(self.take(bytes)?)),
            ("MevShield", "submit_encrypted") => Some(Call::SubmitEncrypted(self.take(bytes)?)),
            ("AdminUtils", name) => {
                Change::decode(self.codec, name, self.fields, bytes)?.map(Call::Admin)
            }
            ("SubtensorModule", _) => self.subtensor(bytes)?,
            _ => None,
        })
    }

    fn subtensor(&self, bytes: &mut &[u8]) -> Result<Option<Call>, Malformed> {
        if let Some(call) = WeightsCall::decode(self, bytes)? {
            return Ok(Some(Call::Weights(call)));
        }
        if let Some(call) = StakingCall::decode(self, bytes)? {
            return Ok(Some(Call::Staking(call)));
        }
        if let Some(call) = ServingCall::decode(self, bytes)? {
            return Ok(Some(Call::Serving(call)));
        }
        Ok(NetworkCall::decode(self, bytes)?.map(Call::Network))
    }

    /// The arguments, taken off the front of `bytes`.
    fn take<T: DecodeAsFields>(&self, bytes: &mut &[u8]) -> Result<T, Malformed> {
        let mut fields = self
            .fields
            .iter()
            .map(|field| Field::new(field.ty.id, field.name.as_deref()));
        T::decode_as_fields(bytes, &mut fields, self.codec.types())
            .map_err(|error| Malformed(error.to_string()))
    }
}
