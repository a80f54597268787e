//! A commitment's fields, taken apart by the metadata as far as needed.

use parity_scale_codec::{Compact, Decode as _, Encode as _};
use scale_decode::DecodeAsType;
use scale_info::TypeDef;

use crate::devchain::codec::{Codec, CodecError};
use crate::devchain::encoded::Encoded;

/// The most fields looked at; the runtime allows fewer.
const MAX_FIELDS: u32 = 16;

/// A field: its variant's name, its encoding, and what is sealed in it.
#[derive(Debug, Clone)]
pub(super) struct Field {
    name: String,
    encoded: Vec<u8>,
    timelock: Option<Timelock>,
}

/// What is sealed, and until when.
#[derive(Debug, Clone, DecodeAsType)]
pub(super) struct Timelock {
    pub(super) encrypted: Vec<u8>,
    pub(super) reveal_round: u64,
}

/// `Data::TimelockEncrypted`, alone of its kind.
#[derive(DecodeAsType)]
enum Sealed {
    TimelockEncrypted {
        encrypted: Vec<u8>,
        reveal_round: u64,
    },
}

impl Field {
    /// What is sealed in it, if it is.
    pub(super) fn timelock(&self) -> Option<&Timelock> {
        self.timelock.as_ref()
    }

    /// Whether it is what only the chain itself may write.
    pub(super) fn is_timelock_failure(&self) -> bool {
        self.name == "TimelockRevealFailed"
    }

    /// Bytes it counts for: what it says, without how it is written.
    pub(super) fn space(&self) -> u64 {
        let bytes = match (self.name.as_str(), &self.timelock) {
            ("None" | "ResetBondsFlag", _) => 0,
            (_, Some(timelock)) => timelock.encrypted.len(),
            ("BigRaw", _) => Compact::<u32>::decode(&mut &self.encoded[1..])
                .map_or(0, |Compact(length)| usize::try_from(length).unwrap_or(0)),
            _ => self.encoded.len() - 1,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// The fields of a `CommitmentInfo`.
pub(super) fn fields(codec: &Codec, info: &Encoded) -> Result<Vec<Field>, CodecError> {
    let data = data_type(codec)?;
    let mut rest = info.0.as_slice();
    let Compact(count) =
        Compact::<u32>::decode(&mut rest).map_err(|error| CodecError(error.to_string()))?;
    (0..count.min(MAX_FIELDS))
        .map(|_| {
            let length = codec.length(rest, data)?;
            let (encoded, after) = rest.split_at(length);
            rest = after;
            field(codec, data, encoded)
        })
        .collect()
}

/// The `CommitmentInfo` of these fields.
pub(super) fn joined(fields: &[Field]) -> Result<Encoded, CodecError> {
    let count = u32::try_from(fields.len()).map_err(|_| CodecError("fields".into()))?;
    let mut bytes = Compact(count).encode();
    for field in fields {
        bytes.extend_from_slice(&field.encoded);
    }
    Ok(Encoded(bytes))
}

fn field(codec: &Codec, data: u32, encoded: &[u8]) -> Result<Field, CodecError> {
    let name = variant(codec, data, encoded).ok_or_else(|| CodecError("no such field".into()))?;
    let timelock = match name {
        "TimelockEncrypted" => {
            let Sealed::TimelockEncrypted {
                encrypted,
                reveal_round,
            } = codec.decode(encoded, data)?;
            Some(Timelock {
                encrypted,
                reveal_round,
            })
        }
        _ => None,
    };
    Ok(Field {
        name: name.to_owned(),
        encoded: encoded.to_vec(),
        timelock,
    })
}

fn variant<'a>(codec: &'a Codec, type_id: u32, encoded: &[u8]) -> Option<&'a str> {
    let TypeDef::Variant(variants) = &codec.types().resolve(type_id)?.type_def else {
        return None;
    };
    let index = encoded.first()?;
    let mut all = variants.variants.iter();
    let found = all.find(|variant| variant.index == *index)?;
    Some(&found.name)
}

/// The type of a field: what `CommitmentInfo.fields` is a list of.
fn data_type(codec: &Codec) -> Result<u32, CodecError> {
    let registration = codec.item("Commitments", "CommitmentOf")?.value;
    let info = member(codec, registration, "info");
    let fields = info.and_then(|info| member(codec, info, "fields"));
    let list = fields.and_then(|fields| codec.types().resolve(fields));
    let list = list.and_then(|list| match &list.type_def {
        // A bounded list is a struct around a list.
        TypeDef::Composite(bounded) => codec.types().resolve(bounded.fields.first()?.ty.id),
        _ => Some(list),
    });
    match list.map(|list| &list.type_def) {
        Some(TypeDef::Sequence(sequence)) => Ok(sequence.type_param.id),
        _ => Err(CodecError("no type of a commitment's fields".into())),
    }
}

fn member(codec: &Codec, type_id: u32, name: &str) -> Option<u32> {
    match &codec.types().resolve(type_id)?.type_def {
        TypeDef::Composite(composite) => composite
            .fields
            .iter()
            .find(|field| field.name.as_deref() == Some(name))
            .map(|field| field.ty.id),
        _ => None,
    }
}
