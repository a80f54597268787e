//! The chain's only codec: subtensor's own metadata.
//!
//! Storage keys, storage values, call arguments, events and runtime results are
//! encoded and decoded by the types the metadata declares, never by layouts
//! written here, so that this chain and a client under test cannot share a
//! mistake. The metadata is a real runtime's without its documentation strings
//! (how it was made: [`strip`](self::strip)), with a little beside it
//! ([`served`](self::served)).

use std::collections::HashMap;

use frame_metadata::v14::RuntimeMetadataV14;
use frame_metadata::v15::{RuntimeMetadataV15, StorageEntryMetadata, StorageEntryType};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::Decode as _;
use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, Variant};

use super::hash::{storage_key_part, twox_128};

mod served;
#[cfg(test)]
mod strip;
#[cfg(test)]
mod tests;

/// What the metadata does not have or a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct CodecError(pub(super) String);

impl From<scale_decode::Error> for CodecError {
    fn from(error: scale_decode::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<scale_encode::Error> for CodecError {
    fn from(error: scale_encode::Error) -> Self {
        Self(error.to_string())
    }
}

/// One part of a storage key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A netuid, a uid or a mechanism's storage index.
    U16(u16),
    /// A block number.
    U32(u32),
    /// A beacon's round or an epoch.
    U64(u64),
    /// What a rate limit is for.
    Limit(super::limits::RateLimitKey),
    /// An account.
    Account([u8; 32]),
}

impl From<u16> for Key {
    fn from(number: u16) -> Self {
        Self::U16(number)
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<[u8; 32]> for Key {
    fn from(account: [u8; 32]) -> Self {
        Self::Account(account)
    }
}

/// A storage item as the metadata declares it.
pub(super) struct Item {
    prefix: [u8; 32],
    hashers: Vec<frame_metadata::v14::StorageHasher>,
    keys: Vec<u32>,
    /// The type of its value.
    pub(super) value: u32,
    /// What stands for it where it is absent.
    pub(super) default: Vec<u8>,
}

/// The metadata, indexed.
pub(super) struct Codec {
    metadata: RuntimeMetadataV15,
    items: HashMap<String, HashMap<String, Item>>,
    newer: Option<Box<Codec>>,
}

impl Codec {
    /// Reads metadata of version 15. `newer` knows the items that came later.
    pub(super) fn new(
        bytes: &[u8],
        block_ms: u64,
        newer: Option<Self>,
    ) -> Result<Self, CodecError> {
        let prefixed = RuntimeMetadataPrefixed::decode(&mut &*bytes)
            .map_err(|error| CodecError(format!("metadata: {error}")))?;
        let RuntimeMetadata::V15(mut metadata) = prefixed.1 else {
            return Err(CodecError("metadata: not of version 15".into()));
        };
        served::add_epoch_consensus(&mut metadata)?;
        served::set_block_ms(&mut metadata, block_ms);
        Ok(Self {
            items: index(&metadata)?,
            metadata,
            newer: newer.map(Box::new),
        })
    }

    /// The same in version 14.
    pub(super) fn version_14(&self) -> Result<RuntimeMetadataV14, CodecError> {
        served::version_14(&self.metadata)
    }

    /// A storage item with the codec whose types it has: this one, or that of
    /// the newer runtime for what this one does not have yet.
    pub(super) fn home(&self, pallet: &str, name: &str) -> Result<(&Self, &Item), CodecError> {
        match (self.item(pallet, name), &self.newer) {
            (Ok(item), _) => Ok((self, item)),
            (Err(_), Some(newer)) => Ok((newer, newer.item(pallet, name)?)),
            (Err(error), None) => Err(error),
        }
    }

    /// The types.
    pub(super) fn types(&self) -> &PortableRegistry {
        &self.metadata.types
    }

    /// The metadata itself.
    pub(super) fn metadata(&self) -> &RuntimeMetadataV15 {
        &self.metadata
    }

    /// A storage item.
    pub(super) fn item(&self, pallet: &str, name: &str) -> Result<&Item, CodecError> {
        self.items
            .get(pallet)
            .and_then(|items| items.get(name))
            .ok_or_else(|| CodecError(format!("no storage item {pallet}.{name}")))
    }

    /// The key of an entry, or the prefix of several if parts are left out.
    pub(super) fn key(&self, item: &Item, parts: &[Key]) -> Result<Vec<u8>, CodecError> {
        if parts.len() > item.keys.len() {
            return Err(CodecError("more key parts than the item has".into()));
        }
        let mut key = item.prefix.to_vec();
        for ((part, hasher), type_id) in parts.iter().zip(&item.hashers).zip(&item.keys) {
            let encoded = match part {
                Key::U16(number) => self.encode(number, *type_id)?,
                Key::U32(number) => self.encode(number, *type_id)?,
                Key::U64(number) => self.encode(number, *type_id)?,
                Key::Limit(limit) => self.encode(limit, *type_id)?,
                Key::Account(account) => self.encode(account, *type_id)?,
            };
            storage_key_part(hasher, &encoded, &mut key);
        }
        Ok(key)
    }

    /// Encodes `value` as a type of the runtime.
    pub(super) fn encode<T: EncodeAsType + ?Sized>(
        &self,
        value: &T,
        type_id: u32,
    ) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        value.encode_as_type_to(type_id, self.types(), &mut bytes)?;
        Ok(bytes)
    }

    /// Decodes a value of a type of the runtime; all of `bytes` must be it.
    pub(super) fn decode<T: DecodeAsType>(
        &self,
        mut bytes: &[u8],
        type_id: u32,
    ) -> Result<T, CodecError> {
        let value = T::decode_as_type(&mut bytes, type_id, self.types())?;
        if bytes.is_empty() {
            Ok(value)
        } else {
            Err(CodecError(format!("{} bytes left over", bytes.len())))
        }
    }

    /// How many bytes at the start of `bytes` a value of this type takes.
    pub(super) fn length(&self, bytes: &[u8], type_id: u32) -> Result<usize, CodecError> {
        let mut rest = bytes;
        let visitor = scale_decode::visitor::IgnoreVisitor::<PortableRegistry>::new();
        scale_decode::visitor::decode_with_visitor(&mut rest, type_id, self.types(), visitor)
            .map_err(|error| CodecError(error.to_string()))?;
        Ok(bytes.len() - rest.len())
    }

    /// A constant's bytes.
    pub(super) fn constant(&self, pallet: &str, name: &str) -> Result<(&[u8], u32), CodecError> {
        self.metadata
            .pallets
            .iter()
            .find(|found| found.name == pallet)
            .and_then(|found| {
                found
                    .constants
                    .iter()
                    .find(|constant| constant.name == name)
            })
            .map(|constant| (constant.value.as_slice(), constant.ty.id))
            .ok_or_else(|| CodecError(format!("no constant {pallet}.{name}")))
    }

    /// A constant, decoded.
    pub(super) fn constant_as<T: DecodeAsType>(
        &self,
        pallet: &str,
        name: &str,
    ) -> Result<T, CodecError> {
        let (bytes, type_id) = self.constant(pallet, name)?;
        self.decode(bytes, type_id)
    }

    /// The indices of a pallet and of one of its errors.
    pub(super) fn error(&self, pallet: &str, name: &str) -> Result<(u8, u8), CodecError> {
        let found = self
            .metadata
            .pallets
            .iter()
            .find(|found| found.name == pallet);
        let index = found
            .and_then(|found| found.error.as_ref())
            .and_then(|error| variants(self.types(), error.ty.id))
            .and_then(|all| all.iter().find(|variant| variant.name == name));
        match (found, index) {
            (Some(pallet), Some(variant)) => Ok((pallet.index, variant.index)),
            _ => Err(CodecError(format!("no error {pallet}.{name}"))),
        }
    }

    /// The pallet and the call that a call's first two bytes name.
    pub(super) fn call(&self, bytes: &[u8]) -> Option<(&str, &Variant<PortableForm>)> {
        let [pallet, call, ..] = bytes else {
            return None;
        };
        let pallet = self
            .metadata
            .pallets
            .iter()
            .find(|found| found.index == *pallet)?;
        let variants = variants(self.types(), pallet.calls.as_ref()?.ty.id)?;
        let call = variants.iter().find(|variant| variant.index == *call)?;
        Some((&pallet.name, call))
    }

    /// The two index bytes of a call.
    pub(super) fn call_index(&self, pallet: &str, name: &str) -> Result<[u8; 2], CodecError> {
        let found = self
            .metadata
            .pallets
            .iter()
            .find(|found| found.name == pallet);
        let call = found
            .and_then(|found| found.calls.as_ref())
            .and_then(|calls| variants(self.types(), calls.ty.id))
            .and_then(|all| all.iter().find(|variant| variant.name == name));
        match (found, call) {
            (Some(pallet), Some(variant)) => Ok([pallet.index, variant.index]),
            _ => Err(CodecError(format!("no call {pallet}.{name}"))),
        }
    }

    /// Whether a pallet has an event of this name.
    pub(super) fn has_event(&self, pallet: &str, name: &str) -> bool {
        let mut pallets = self.metadata.pallets.iter();
        let found = pallets.find(|found| found.name == pallet);
        found
            .and_then(|found| found.event.as_ref())
            .and_then(|event| variants(self.types(), event.ty.id))
            .is_some_and(|all| all.iter().any(|variant| variant.name == name))
    }

    /// A runtime API's inputs and output, by its name in `state_call`.
    pub(super) fn api(&self, name: &str) -> Option<(Vec<u32>, u32)> {
        self.metadata.apis.iter().find_map(|api| {
            let method = name.strip_prefix(api.name.as_str())?.strip_prefix('_')?;
            let found = api.methods.iter().find(|found| found.name == method)?;
            let inputs = found.inputs.iter().map(|input| input.ty.id).collect();
            Some((inputs, found.output.id))
        })
    }
}

fn index(
    metadata: &RuntimeMetadataV15,
) -> Result<HashMap<String, HashMap<String, Item>>, CodecError> {
    let mut pallets = HashMap::new();
    for pallet in &metadata.pallets {
        let Some(storage) = &pallet.storage else {
            continue;
        };
        let mut items = HashMap::new();
        for entry in &storage.entries {
            let item = item(&metadata.types, &storage.prefix, entry)?;
            items.insert(entry.name.clone(), item);
        }
        pallets.insert(pallet.name.clone(), items);
    }
    Ok(pallets)
}

fn item(
    types: &PortableRegistry,
    pallet: &str,
    entry: &StorageEntryMetadata<PortableForm>,
) -> Result<Item, CodecError> {
    let (hashers, keys, value) = match &entry.ty {
        StorageEntryType::Plain(value) => (Vec::new(), Vec::new(), value.id),
        StorageEntryType::Map {
            hashers,
            key,
            value,
        } => (
            hashers.clone(),
            key_parts(types, key.id, hashers.len())?,
            value.id,
        ),
    };
    let mut prefix = [0; 32];
    prefix[..16].copy_from_slice(&twox_128(pallet.as_bytes()));
    prefix[16..].copy_from_slice(&twox_128(entry.name.as_bytes()));
    Ok(Item {
        prefix,
        hashers,
        keys,
        value,
        default: entry.default.clone(),
    })
}

/// One hasher takes the whole key, several take the fields of a tuple.
fn key_parts(types: &PortableRegistry, key: u32, hashers: usize) -> Result<Vec<u32>, CodecError> {
    if hashers == 1 {
        return Ok(vec![key]);
    }
    match types.resolve(key).map(|found| &found.type_def) {
        Some(TypeDef::Tuple(tuple)) if tuple.fields.len() == hashers => {
            Ok(tuple.fields.iter().map(|field| field.id).collect())
        }
        _ => Err(CodecError("a map's key does not fit its hashers".into())),
    }
}

/// The variants of an enumeration.
pub(super) fn variants(types: &PortableRegistry, type_id: u32) -> Option<&[Variant<PortableForm>]> {
    match &types.resolve(type_id)?.type_def {
        TypeDef::Variant(variant) => Some(&variant.variants),
        _ => None,
    }
}
