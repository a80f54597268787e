//! Hyperparameters by name, as the third version of their API lists them: the
//! fields of the second, each with its type's tag.

use scale_info::TypeDef;
use scale_value::Value;

use super::super::codec::{Codec, CodecError};
use super::super::info::{Facts, struct_fields};

/// The API whose fields are listed.
const SECOND: &str = "SubnetInfoRuntimeApi_get_subnet_hyperparams_v2";

/// Each hyperparameter's name and tagged value.
pub(super) fn entries(codec: &Codec, facts: &Facts) -> Result<Value<()>, CodecError> {
    let missing = || CodecError("no second version of the hyperparameters".into());
    let (_, option) = codec.api(SECOND).ok_or_else(missing)?;
    let second = codec.types().resolve(option).ok_or_else(missing)?;
    let second = second.type_params.first().and_then(|inner| inner.ty);
    let mut entries = Vec::new();
    for (name, type_id) in struct_fields(codec, second.ok_or_else(missing)?.id)? {
        let value = facts
            .get(name)
            .ok_or_else(|| CodecError(format!("no fact {name}")))?;
        let tagged = Value::unnamed_variant(tag(codec, type_id)?, [value.clone()]);
        let name = Value::from_bytes(name.as_bytes());
        entries.push(Value::named_composite([("name", name), ("value", tagged)]));
    }
    Ok(Value::unnamed_composite(entries))
}

/// The variant of `HyperparamValue` for a type.
fn tag(codec: &Codec, type_id: u32) -> Result<String, CodecError> {
    let unknown = || CodecError("a hyperparameter of an unknown type".into());
    let found = codec.types().resolve(type_id).ok_or_else(unknown)?;
    match &found.type_def {
        TypeDef::Compact(compact) => tag(codec, compact.type_param.id),
        TypeDef::Primitive(primitive) => Ok(format!("{primitive:?}")),
        TypeDef::Composite(_) => match found.path.ident().as_deref() {
            Some("FixedI64") => Ok("I32F32".into()),
            Some("FixedU128") => Ok("U64F64".into()),
            Some(name) => Ok(name.to_owned()),
            None => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}
