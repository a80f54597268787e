//! A signed extrinsic: taken apart and verified as the runtime does.
//!
//! The address, the signature and each transaction extension have the types
//! that the metadata declares. What is signed is the call, the extensions as
//! sent and what each extension implies (spec and transaction version, genesis,
//! the hash of the era's first block); a payload over 256 bytes is hashed.
//! Only version 4 is taken, with sr25519 or ed25519.

use parity_scale_codec::{Compact, Decode as _};
use scale_decode::DecodeAsType;

use super::codec::{Codec, CodecError};
use super::hash::blake2_256;
use crate::subnet::key::{AccountId, Scheme, Signature};

/// Longest extrinsic taken; the largest call here is a weight vector.
pub(super) const MAX_EXTRINSIC_BYTES: usize = 64 * 1024;
/// "Signed", version 4.
const SIGNED_V4: u8 = 0x84;
/// Payloads longer than this are hashed before they are signed.
const MAX_PLAIN_PAYLOAD_BYTES: usize = 256;

/// Bytes that are no extrinsic of this runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an extrinsic of this runtime: {0}")]
pub(super) struct Malformed(pub(super) String);

impl From<CodecError> for Malformed {
    fn from(error: CodecError) -> Self {
        Self(error.to_string())
    }
}

/// Who an extrinsic is from.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) enum Address {
    /// An account.
    Id([u8; 32]),
    /// An account, written otherwise.
    Address32([u8; 32]),
}

impl Address {
    /// The account.
    pub(super) fn account(&self) -> [u8; 32] {
        match self {
            Self::Id(account) | Self::Address32(account) => *account,
        }
    }
}

/// How an extrinsic is signed.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
enum MultiSignature {
    Ed25519([u8; 64]),
    Sr25519([u8; 64]),
}

/// For how long an extrinsic may be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// For ever.
    Immortal,
    /// Within `period` blocks of one whose height is `phase` modulo `period`.
    Mortal {
        /// Blocks it lives.
        period: u64,
        /// Where in a period it was born.
        phase: u64,
    },
}

impl Era {
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match *bytes {
            [0] => Ok(Self::Immortal),
            [low, high] => {
                let encoded = u64::from(u16::from_le_bytes([low, high]));
                let period = 2 << (encoded % 16);
                let phase = (encoded >> 4) * (period >> 12).max(1);
                if period < 4 || phase >= period {
                    return Err(Malformed("an era that cannot be".into()));
                }
                Ok(Self::Mortal { period, phase })
            }
            _ => Err(Malformed("an era of one or two bytes".into())),
        }
    }

    /// The block it was born in, seen from block `current`.
    pub(super) fn birth(self, current: u64) -> u64 {
        match self {
            Self::Immortal => 0,
            Self::Mortal { period, phase } => {
                (current.max(phase) - phase) / period * period + phase
            }
        }
    }
}

/// What a transaction extension implies beside what is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Implied {
    /// The runtime's version.
    pub(super) spec_version: u32,
    /// The version of its transactions.
    pub(super) transaction_version: u32,
    /// Hash of block zero.
    pub(super) genesis: [u8; 32],
    /// Hash of the block the era was born in.
    pub(super) birth: [u8; 32],
}

/// A signed extrinsic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extrinsic {
    /// All of it, as sent.
    pub(super) bytes: Vec<u8>,
    /// Its hash.
    pub(super) hash: [u8; 32],
    /// Who signed it.
    pub(super) signer: [u8; 32],
    /// Its number among the signer's.
    pub(super) nonce: u64,
    /// How long it lives.
    pub(super) era: Era,
    /// It wants the metadata's hash to be signed as well.
    pub(super) metadata_hash: bool,
    /// The call.
    pub(super) call: Vec<u8>,
    signature: MultiSignature,
    extra: Vec<u8>,
}

impl Extrinsic {
    /// Takes `bytes` apart.
    pub(super) fn decode(codec: &Codec, bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_EXTRINSIC_BYTES {
            return Err(Malformed(format!("more than {MAX_EXTRINSIC_BYTES} bytes")));
        }
        let mut rest = bytes;
        let length = Compact::<u32>::decode(&mut rest)
            .map_err(|_| Malformed("no length before it".into()))?;
        if usize::try_from(length.0) != Ok(rest.len()) {
            return Err(Malformed("its length is not what it says".into()));
        }
        if rest.split_off_first() != Some(&SIGNED_V4) {
            return Err(Malformed("not signed, or not of version 4".into()));
        }
        let types = &codec.metadata().extrinsic;
        let address: Address = take(codec, &mut rest, types.address_ty.id)?;
        let signature = take(codec, &mut rest, types.signature_ty.id)?;
        let extensions = Extensions::decode(codec, &mut rest)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            hash: blake2_256(bytes),
            signer: address.account(),
            nonce: extensions.nonce,
            era: extensions.era,
            metadata_hash: extensions.metadata_hash,
            call: rest.to_vec(),
            signature,
            extra: extensions.bytes,
        })
    }

    /// Whether its signer signed it, for this chain and this runtime.
    pub(super) fn verify(&self, codec: &Codec, implied: &Implied) -> Result<bool, CodecError> {
        let payload = self.payload(codec, implied)?;
        let (scheme, signature) = match self.signature {
            MultiSignature::Ed25519(signature) => (Scheme::Ed25519, signature),
            MultiSignature::Sr25519(signature) => (Scheme::Sr25519, signature),
        };
        let signer = AccountId(self.signer);
        Ok(scheme.verify(&signer, &payload, &Signature(signature)))
    }

    /// What is signed.
    fn payload(&self, codec: &Codec, implied: &Implied) -> Result<Vec<u8>, CodecError> {
        let mut payload = self.call.clone();
        payload.extend_from_slice(&self.extra);
        for extension in &codec.metadata().extrinsic.signed_extensions {
            let type_id = extension.additional_signed.id;
            let bytes = match extension.identifier.as_str() {
                "CheckSpecVersion" => codec.encode(&implied.spec_version, type_id),
                "CheckTxVersion" => codec.encode(&implied.transaction_version, type_id),
                "CheckGenesis" => codec.encode(&implied.genesis, type_id),
                "CheckMortality" => codec.encode(&implied.birth, type_id),
                "CheckMetadataHash" => codec.encode(&None::<[u8; 32]>, type_id),
                _ => codec.encode(&(), type_id),
            }?;
            payload.extend_from_slice(&bytes);
        }
        if payload.len() > MAX_PLAIN_PAYLOAD_BYTES {
            payload = blake2_256(&payload).to_vec();
        }
        Ok(payload)
    }
}

/// The extensions' own bytes, with what the chain reads of them.
struct Extensions {
    bytes: Vec<u8>,
    nonce: u64,
    era: Era,
    metadata_hash: bool,
}

impl Extensions {
    fn decode(codec: &Codec, rest: &mut &[u8]) -> Result<Self, Malformed> {
        let mut found = Self {
            bytes: Vec::new(),
            nonce: 0,
            era: Era::Immortal,
            metadata_hash: false,
        };
        for extension in &codec.metadata().extrinsic.signed_extensions {
            let length = codec.length(rest, extension.ty.id)?;
            let (part, after) = rest.split_at(length);
            match extension.identifier.as_str() {
                "CheckNonce" => found.nonce = codec.decode(part, extension.ty.id)?,
                "CheckMortality" => found.era = Era::decode(part)?,
                "CheckMetadataHash" => found.metadata_hash = part != [0],
                _ => {}
            }
            found.bytes.extend_from_slice(part);
            *rest = after;
        }
        Ok(found)
    }
}

fn take<T: DecodeAsType>(codec: &Codec, rest: &mut &[u8], type_id: u32) -> Result<T, Malformed> {
    T::decode_as_type(rest, type_id, codec.types()).map_err(|error| Malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
