//! What is served of a runtime's metadata: what newer clients ask for beside
//! it, the pace of this chain's blocks, and version 14 from version 15.
//!
//! bittensor 11.3.0 reads `SubtensorModule.SubnetEpochConsensus` before it sets
//! weights, which came after spec 461, and takes the length of a block from
//! `Aura.SlotDuration`. The rest is as the runtime has it.

use frame_metadata::v14::{self, StorageEntryModifier, StorageEntryType, StorageHasher};
use frame_metadata::v15::{PalletMetadata, RuntimeMetadataV15, StorageEntryMetadata};
use parity_scale_codec::Encode as _;
use scale_info::form::{Form, PortableForm};
use scale_info::{
    Field, Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefComposite, TypeDefSequence,
    TypeDefVariant, TypeParameter, Variant,
};

use super::CodecError;

/// A type of a registry.
type TypeId = <PortableForm as Form>::Type;

/// The item that newer clients ask for.
const EPOCH_CONSENSUS: &str = "SubnetEpochConsensus";

/// Adds `SubnetEpochConsensus` where the runtime is of its generation.
pub(super) fn add_epoch_consensus(metadata: &mut RuntimeMetadataV15) -> Result<(), CodecError> {
    let mut pallets = metadata.pallets.iter_mut();
    let storage = pallets
        .find(|pallet| pallet.name == "SubtensorModule")
        .and_then(|pallet| pallet.storage.as_mut())
        .ok_or_else(|| CodecError("no pallet SubtensorModule".into()))?;
    let find = |name: &str| storage.entries.iter().find(|entry| entry.name == name);
    if find(EPOCH_CONSENSUS).is_some() {
        return Ok(());
    }
    // Keyed as the epoch's index is, without which there is no such epoch.
    let key = match find("SubnetEpochIndex").map(|entry| &entry.ty) {
        Some(StorageEntryType::Map { key, .. }) => *key,
        _ => return Ok(()),
    };
    let value = add(&mut metadata.types, epoch_consensus())?;
    storage.entries.push(StorageEntryMetadata {
        name: EPOCH_CONSENSUS.to_owned(),
        modifier: StorageEntryModifier::Default,
        ty: StorageEntryType::Map {
            hashers: vec![StorageHasher::Identity],
            key,
            value,
        },
        default: vec![0],
        docs: Vec::new(),
    });
    Ok(())
}

/// `EpochConsensus`: Yuma or none.
fn epoch_consensus() -> Type<PortableForm> {
    let variant = |name: &str, index| Variant {
        name: name.to_owned(),
        fields: Vec::new(),
        index,
        docs: Vec::new(),
    };
    let variants = [variant("Yuma", 0), variant("Null", 1)];
    let definition = TypeDef::Variant(TypeDefVariant::new(variants));
    named(
        &["pallet_subtensor", "pallet", "EpochConsensus"],
        definition,
    )
}

/// Says how long a block takes.
pub(super) fn set_block_ms(metadata: &mut RuntimeMetadataV15, block_ms: u64) {
    let mut pallets = metadata.pallets.iter_mut();
    let aura = pallets.find(|pallet| pallet.name == "Aura");
    let constants = aura.into_iter().flat_map(|aura| &mut aura.constants);
    for constant in constants.filter(|constant| constant.name == "SlotDuration") {
        constant.value = block_ms.encode();
    }
}

/// Version 14 says less, but for the type of an extrinsic.
pub(super) fn version_14(
    metadata: &RuntimeMetadataV15,
) -> Result<v14::RuntimeMetadataV14, CodecError> {
    let mut types = metadata.types.clone();
    let from = &metadata.extrinsic;
    let ty = unchecked_extrinsic(
        &mut types,
        [
            ("Address", from.address_ty),
            ("Call", from.call_ty),
            ("Signature", from.signature_ty),
            ("Extra", from.extra_ty),
        ],
    )?;
    let extensions = from.signed_extensions.iter();
    let signed_extensions = extensions.map(|found| v14::SignedExtensionMetadata {
        identifier: found.identifier.clone(),
        ty: found.ty,
        additional_signed: found.additional_signed,
    });
    Ok(v14::RuntimeMetadataV14 {
        types,
        pallets: metadata.pallets.iter().map(pallet).collect(),
        extrinsic: v14::ExtrinsicMetadata {
            ty,
            version: from.version,
            signed_extensions: signed_extensions.collect(),
        },
        ty: metadata.ty,
    })
}

/// `UncheckedExtrinsic`, which is bytes to whoever has no more than its type.
fn unchecked_extrinsic(
    types: &mut PortableRegistry,
    parameters: [(&str, TypeId); 4],
) -> Result<TypeId, CodecError> {
    let byte = types
        .types
        .iter()
        .find(|found| found.ty.type_def == TypeDef::Primitive(scale_info::TypeDefPrimitive::U8));
    let byte = byte
        .map(|found| found.id)
        .ok_or_else(|| CodecError("no type u8".into()))?;
    let bytes = TypeDef::Sequence(TypeDefSequence::new(byte.into()));
    let bytes = match types.types.iter().find(|found| found.ty.type_def == bytes) {
        Some(found) => found.id.into(),
        None => add(types, named(&[], bytes))?,
    };
    let field = Field {
        name: None,
        ty: bytes,
        type_name: None,
        docs: Vec::new(),
    };
    let path = [
        "sp_runtime",
        "generic",
        "unchecked_extrinsic",
        "UncheckedExtrinsic",
    ];
    let mut extrinsic = named(&path, TypeDef::Composite(TypeDefComposite::new([field])));
    let parameters =
        parameters.map(|(name, ty)| TypeParameter::new_portable(name.to_owned(), Some(ty)));
    extrinsic.type_params = parameters.into();
    add(types, extrinsic)
}

fn named(path: &[&str], definition: TypeDef<PortableForm>) -> Type<PortableForm> {
    let path = Path::from_segments_unchecked(path.iter().map(|&part| part.to_owned()));
    Type::new(path, [], definition, Vec::new())
}

fn add(types: &mut PortableRegistry, ty: Type<PortableForm>) -> Result<TypeId, CodecError> {
    let id = u32::try_from(types.types.len()).map_err(|_| CodecError("too many types".into()))?;
    types.types.push(PortableType { id, ty });
    Ok(id.into())
}

fn pallet(found: &PalletMetadata<PortableForm>) -> v14::PalletMetadata<PortableForm> {
    v14::PalletMetadata {
        name: found.name.clone(),
        storage: found.storage.clone(),
        calls: found.calls.clone(),
        event: found.event.clone(),
        constants: found.constants.clone(),
        error: found.error.clone(),
        index: found.index,
    }
}
