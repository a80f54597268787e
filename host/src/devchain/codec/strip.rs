//! Makes the embedded metadata from a node's: decode, drop every documentation
//! string, encode. Run it again for another spec:
//!
//! ```text
//! HOST_METADATA=/path/to/spec461_v15.scale HOST_METADATA_OUT=host/src/devchain/metadata/spec461_v15.scale \
//!     cargo test -p host --lib strip -- --ignored
//! ```
//!
//! The files come from a local chain of subtensor (public domain, "Unlicense"),
//! spec 461, by way of the source distribution of bittensor 11.3.0 (Apache-2.0).

#![allow(clippy::unwrap_used, clippy::panic)]

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v14, v15};
use parity_scale_codec::{Decode as _, Encode as _};
use scale_info::{PortableRegistry, TypeDef};

#[test]
#[ignore = "writes the embedded metadata; see the module's doc"]
fn strip_metadata() {
    let source = std::fs::read(std::env::var("HOST_METADATA").unwrap()).unwrap();
    let mut metadata = RuntimeMetadataPrefixed::decode(&mut &*source).unwrap();
    match &mut metadata.1 {
        RuntimeMetadata::V14(metadata) => strip_v14(metadata),
        RuntimeMetadata::V15(metadata) => strip_v15(metadata),
        _ => panic!("metadata of version 14 or 15"),
    }
    let target = std::env::var("HOST_METADATA_OUT").unwrap();
    std::fs::write(target, metadata.encode()).unwrap();
}

fn strip_v14(metadata: &mut v14::RuntimeMetadataV14) {
    strip_types(&mut metadata.types);
    for pallet in &mut metadata.pallets {
        for constant in &mut pallet.constants {
            constant.docs.clear();
        }
        for entry in pallet.storage.iter_mut().flat_map(|s| &mut s.entries) {
            entry.docs.clear();
        }
    }
}

fn strip_v15(metadata: &mut v15::RuntimeMetadataV15) {
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
