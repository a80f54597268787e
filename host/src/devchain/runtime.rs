//! The runtimes the chain can run: subtensor's own, by their metadata.
//!
//! The rules are the same under each; what differs is what metadata decides:
//! which calls, items, events and errors there are, their indices, and what an
//! extrinsic has to sign. An upgrade exchanges one for the other and leaves
//! storage alone: values have the same bytes in both. What the older runtime
//! has no item for lies where the newer one will look for it, as if a migration
//! had written it (see [`Codec::home`](super::codec::Codec::home)).

use std::sync::Arc;

use frame_metadata::RuntimeMetadataPrefixed;
use frame_metadata::v15::RuntimeMetadataV15;
use parity_scale_codec::Encode as _;

use super::codec::{Codec, CodecError};

/// A runtime of subtensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spec {
    /// Spec 393, the main network's in April 2026.
    V393,
    /// Spec 461, and what bittensor 11.3.0 reads beside it.
    #[default]
    V461,
}

impl Spec {
    /// All of them, oldest first.
    pub const ALL: [Self; 2] = [Self::V393, Self::V461];

    /// Its `spec_version`.
    pub fn number(self) -> u32 {
        match self {
            Self::V393 => 393,
            Self::V461 => 461,
        }
    }

    /// The one of that `spec_version`, if it is here.
    pub fn of(number: u64) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|spec| u64::from(spec.number()) == number)
    }

    /// Its metadata, version 15, without documentation.
    pub(super) fn metadata(self) -> &'static [u8] {
        match self {
            Self::V393 => include_bytes!("metadata/spec393_v15.scale"),
            Self::V461 => include_bytes!("metadata/spec461_v15.scale"),
        }
    }
}

/// A runtime with what it serves.
pub(super) struct Runtime {
    /// Which one.
    pub(super) spec: Spec,
    /// Its encodings.
    pub(super) codec: Codec,
    /// Spec version and transaction version.
    pub(super) versions: (u32, u32),
    /// Metadata of version 14, as `state_getMetadata` answers it.
    pub(super) metadata_v14: Vec<u8>,
    /// Metadata of version 15, as the runtime API answers it.
    pub(super) metadata_v15: Vec<u8>,
}

impl Runtime {
    /// Reads a runtime's metadata; `block_ms` is what it says a block takes.
    pub(super) fn new(spec: Spec, block_ms: u64) -> Result<Arc<Self>, CodecError> {
        let newest = Spec::default();
        let newer = (spec != newest)
            .then(|| Codec::new(newest.metadata(), block_ms, None))
            .transpose()?;
        let codec = Codec::new(spec.metadata(), block_ms, newer)?;
        let served = |metadata: RuntimeMetadataPrefixed| metadata.encode();
        let metadata: RuntimeMetadataV15 = codec.metadata().clone();
        Ok(Arc::new(Self {
            spec,
            versions: versions(&codec)?,
            metadata_v14: served(codec.version_14()?.into()),
            metadata_v15: served(metadata.into()),
            codec,
        }))
    }
}

/// Spec version and transaction version, from the runtime's own constant.
fn versions(codec: &Codec) -> Result<(u32, u32), CodecError> {
    #[derive(scale_decode::DecodeAsType)]
    struct Version {
        spec_version: u32,
        transaction_version: u32,
    }
    let version: Version = codec.constant_as("System", "Version")?;
    Ok((version.spec_version, version.transaction_version))
}
