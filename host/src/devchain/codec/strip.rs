//! Makes the embedded metadata from a node's: decode, bring version 16 to
//! version 15, drop every documentation string, encode. Run it again for
//! another spec:
//!
//! ```text
//! HOST_METADATA=/path/to/spec393_v16.scale HOST_METADATA_OUT=host/src/devchain/metadata/spec393_v15.scale \
//!     cargo test -p host --lib strip -- --ignored
//! ```
//!
//! That of spec 461 comes from a local chain of subtensor (public domain,
//! "Unlicense") by way of the source distribution of bittensor 11.3.0
//! (Apache-2.0); that of spec 393 is the main network's of April 2026.

#![allow(clippy::unwrap_used, clippy::panic)]

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v15, v16};
use parity_scale_codec::{Decode as _, Encode as _};
use scale_info::form::PortableForm;
use scale_info::interner::UntrackedSymbol;
use scale_info::{Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefTuple};

#[test]
#[ignore = "writes the embedded metadata; see the module's doc"]
fn strip_metadata() {
    let source = std::fs::read(std::env::var("HOST_METADATA").unwrap()).unwrap();
    let metadata = RuntimeMetadataPrefixed::decode(&mut &*source).unwrap();
    let mut metadata = match metadata.1 {
        RuntimeMetadata::V15(metadata) => metadata,
        RuntimeMetadata::V16(metadata) => version_15(metadata),
        _ => panic!("metadata of version 15 or 16"),
    };
    strip(&mut metadata);
    let target = std::env::var("HOST_METADATA_OUT").unwrap();
    let prefixed: RuntimeMetadataPrefixed = metadata.into();
    std::fs::write(target, prefixed.encode()).unwrap();
}

/// Version 16 says more, except for two types that version 15 names: that of
/// all extensions together and that of the runtime itself.
fn version_15(metadata: v16::RuntimeMetadataV16) -> v15::RuntimeMetadataV15 {
    let mut types = metadata.types;
    let extensions: Vec<_> = metadata.extrinsic.transaction_extensions.clone();
    let together = TypeDefTuple::new_portable(extensions.iter().map(|found| found.ty));
    let extra_ty = find_or_add(&mut types, Path::default(), together.into());
    let runtime =
        Path::from_segments_unchecked(["node_subtensor_runtime", "Runtime"].map(str::to_owned));
    let nothing = TypeDefTuple::new_portable([]);
    let ty = find_or_add(&mut types, runtime, nothing.into());
    v15::RuntimeMetadataV15 {
        types,
        pallets: metadata.pallets.into_iter().map(pallet).collect(),
        extrinsic: v15::ExtrinsicMetadata {
            version: metadata.extrinsic.versions[0],
            address_ty: metadata.extrinsic.address_ty,
            call_ty: metadata.extrinsic.call_ty,
            signature_ty: metadata.extrinsic.signature_ty,
            extra_ty,
            signed_extensions: extensions.into_iter().map(extension).collect(),
        },
        ty,
        apis: metadata.apis.into_iter().map(api).collect(),
        outer_enums: metadata.outer_enums,
        custom: v15::CustomMetadata {
            map: metadata.custom.map,
        },
    }
}

fn find_or_add(
    types: &mut PortableRegistry,
    path: Path<PortableForm>,
    definition: TypeDef<PortableForm>,
) -> UntrackedSymbol<std::any::TypeId> {
    let wanted = Type::new(path, [], definition, vec![]);
    let mut known = types.types.iter();
    let found =
        known.find(|found| found.ty.path == wanted.path && found.ty.type_def == wanted.type_def);
    let id = match found {
        Some(found) => found.id,
        None => {
            let id = u32::try_from(types.types.len()).unwrap();
            types.types.push(PortableType { id, ty: wanted });
            id
        }
    };
    id.into()
}

fn extension(
    found: v16::TransactionExtensionMetadata<PortableForm>,
) -> v15::SignedExtensionMetadata<PortableForm> {
    v15::SignedExtensionMetadata {
        identifier: found.identifier,
        ty: found.ty,
        additional_signed: found.implicit,
    }
}

fn pallet(found: v16::PalletMetadata<PortableForm>) -> v15::PalletMetadata<PortableForm> {
    let entry = |entry: v16::StorageEntryMetadata<PortableForm>| v15::StorageEntryMetadata {
        name: entry.name,
        modifier: entry.modifier,
        ty: entry.ty,
        default: entry.default,
        docs: entry.docs,
    };
    let constant =
        |constant: v16::PalletConstantMetadata<PortableForm>| v15::PalletConstantMetadata {
            name: constant.name,
            ty: constant.ty,
            value: constant.value,
            docs: constant.docs,
        };
    v15::PalletMetadata {
        name: found.name,
        storage: found.storage.map(|storage| v15::PalletStorageMetadata {
            prefix: storage.prefix,
            entries: storage.entries.into_iter().map(entry).collect(),
        }),
        calls: found
            .calls
            .map(|calls| v15::PalletCallMetadata { ty: calls.ty }),
        event: found
            .event
            .map(|event| v15::PalletEventMetadata { ty: event.ty }),
        constants: found.constants.into_iter().map(constant).collect(),
        error: found
            .error
            .map(|error| v15::PalletErrorMetadata { ty: error.ty }),
        index: found.index,
        docs: found.docs,
    }
}

fn api(found: v16::RuntimeApiMetadata<PortableForm>) -> v15::RuntimeApiMetadata<PortableForm> {
    let method =
        |method: v16::RuntimeApiMethodMetadata<PortableForm>| v15::RuntimeApiMethodMetadata {
            name: method.name,
            inputs: method.inputs,
            output: method.output,
            docs: method.docs,
        };
    v15::RuntimeApiMetadata {
        name: found.name,
        methods: found.methods.into_iter().map(method).collect(),
        docs: found.docs,
    }
}

fn strip(metadata: &mut v15::RuntimeMetadataV15) {
    strip_types(&mut metadata.types);
    for pallet in &mut metadata.pallets {
        pallet.docs.clear();
        for constant in &mut pallet.constants {
            constant.docs.clear();
        }
        for entry in pallet.storage.iter_mut().flat_map(|s| &mut s.entries) {
            entry.docs.clear();
        }
    }
    for api in &mut metadata.apis {
        api.docs.clear();
        api.methods
            .iter_mut()
            .for_each(|method| method.docs.clear());
    }
}

fn strip_types(types: &mut PortableRegistry) {
    for found in &mut types.types {
        found.ty.docs.clear();
        match &mut found.ty.type_def {
            TypeDef::Composite(composite) => {
                composite.fields.iter_mut().for_each(|f| f.docs.clear());
            }
            TypeDef::Variant(variant) => {
                for variant in &mut variant.variants {
                    variant.docs.clear();
                    variant.fields.iter_mut().for_each(|f| f.docs.clear());
                }
            }
            _ => {}
        }
    }
}
