//! Three runtimes, for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};
use subxt::dynamic::Value;
use subxt::ext::scale_value::scale::encode_as_type;
use subxt::ext::scale_value::{Composite, ValueDef};

use super::link::Versions;
use super::runtime::Runtime;

/// Mainnet's metadata of December 2025.
pub(super) const SPEC_365: &[u8] = include_bytes!("../../tests/data/metadata/spec365_v15.scale");
/// Mainnet's of April 2026.
pub(super) const SPEC_393: &[u8] = include_bytes!("../devchain/metadata/spec393_v15.scale");
/// A local chain's of October 2026: newtypes for netuid and balances.
pub(super) const SPEC_461: &[u8] = include_bytes!("../devchain/metadata/spec461_v15.scale");

pub(super) fn spec365() -> Runtime {
    runtime(SPEC_365, [0; 32], 365)
}

pub(super) fn spec393() -> Runtime {
    runtime(SPEC_393, [0; 32], 393)
}

pub(super) fn spec461(genesis: [u8; 32]) -> Runtime {
    runtime(SPEC_461, genesis, 461)
}

pub(super) fn shared461() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| spec461([0; 32]))
}

pub(super) fn runtime(metadata: &[u8], genesis: [u8; 32], spec_version: u32) -> Runtime {
    let versions = Versions {
        spec_version,
        transaction_version: 1,
    };
    Runtime::new(metadata, genesis, versions).unwrap()
}

/// What `get_metagraph` answers, encoded by the runtime's own description:
/// zeros and empty lists, except for the `fields` named.
pub(super) fn metagraph_answer(runtime: &Runtime, fields: Vec<(&str, Value)>) -> Vec<u8> {
    let output = runtime.api_output("SubnetInfoRuntimeApi", "get_metagraph");
    let types = runtime.types();
    // Option: the second variant holds the metagraph.
    let TypeDef::Variant(option) = &types.resolve(output).unwrap().type_def else {
        unreachable!("it is an Option");
    };
    let id = option.variants[1].fields[0].ty.id;
    let ValueDef::Composite(Composite::Named(mut all)) = zero(types, id).value else {
        unreachable!("it is a struct");
    };
    for (name, value) in fields {
        let field = all.iter_mut().find(|(known, _)| known == name);
        field.unwrap_or_else(|| unreachable!("{name}")).1 = value;
    }
    let some = Value::unnamed_variant("Some", [Value::named_composite(all)]);
    let mut bytes = Vec::new();
    encode_as_type(&some, output, types, &mut bytes).unwrap();
    bytes
}

/// The smallest value of a type.
fn zero(types: &PortableRegistry, id: u32) -> Value {
    match &types.resolve(id).unwrap().type_def {
        TypeDef::Composite(composite) => {
            let fields = composite.fields.iter();
            match composite.fields.first().is_some_and(|f| f.name.is_some()) {
                true => Value::named_composite(
                    fields.map(|f| (f.name.clone().unwrap(), zero(types, f.ty.id))),
                ),
                false => Value::unnamed_composite(fields.map(|f| zero(types, f.ty.id))),
            }
        }
        TypeDef::Tuple(tuple) => {
            Value::unnamed_composite(tuple.fields.iter().map(|f| zero(types, f.id)))
        }
        TypeDef::Array(array) => {
            Value::unnamed_composite((0..array.len).map(|_| zero(types, array.type_param.id)))
        }
        TypeDef::Compact(compact) => zero(types, compact.type_param.id),
        TypeDef::Variant(variant) => {
            let first = &variant.variants[0];
            let fields = first.fields.iter().map(|f| zero(types, f.ty.id));
            Value::unnamed_variant(first.name.clone(), fields)
        }
        TypeDef::Primitive(TypeDefPrimitive::Bool) => Value::bool(false),
        TypeDef::Primitive(TypeDefPrimitive::Str) => Value::string(""),
        TypeDef::Primitive(_) => Value::u128(0),
        TypeDef::Sequence(_) | TypeDef::BitSequence(_) => Value::unnamed_composite([]),
    }
}
