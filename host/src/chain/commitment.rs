//! What an account publishes about itself in a subnet: a few bytes, kept by the
//! chain for everybody to read. Many subnets keep addresses or digests there.
//!
//! Whatever is read was written by a stranger. Nothing is decrypted.

use scale_decode::DecodeAsType;
use subxt::dynamic::Value;
use subxt::ext::scale_value::{Composite, Primitive, ValueDef};

use super::read::{expect_subnet, id};
use super::session::Session;
use crate::subnet::chain::ChainError;
use crate::subnet::key::AccountId;
use crate::subnet::{BlockNumber, Netuid};

/// What an account has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// When.
    pub block: BlockNumber,
    /// Its fields; nearly always one.
    pub fields: Vec<Field>,
}

/// One field of a commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The runtime's name of its kind: `Raw5`, `Sha256`, `TimelockEncrypted`...
    pub kind: String,
    /// What it holds; of an encrypted one, the ciphertext.
    pub bytes: Vec<u8>,
}

/// The runtime's `Registration`, by its names.
#[derive(DecodeAsType)]
struct Raw {
    block: u64,
    info: Info,
}

#[derive(DecodeAsType)]
struct Info {
    fields: Vec<Value>,
}

pub(super) async fn read(
    session: &Session,
    netuid: Netuid,
    account: AccountId,
) -> Result<Option<Commitment>, ChainError> {
    let at = session.at_finalized().await?;
    expect_subnet(&at, netuid).await?;
    let keys = vec![id(netuid), Value::from_bytes(account.0)];
    let found: Option<Raw> = at.commitment(keys).await?;
    Ok(found.map(|raw| Commitment {
        block: raw.block,
        fields: raw.info.fields.into_iter().filter_map(field).collect(),
    }))
}

fn field(value: Value) -> Option<Field> {
    let ValueDef::Variant(variant) = value.value else {
        return None;
    };
    let first = variant.values.into_values().next();
    Some(Field {
        kind: variant.name,
        bytes: first.map(|value| bytes(&value)).unwrap_or_default(),
    })
}

/// All bytes in a value, in their order: lists come wrapped in their newtypes.
fn bytes(value: &Value) -> Vec<u8> {
    match &value.value {
        ValueDef::Primitive(Primitive::U128(byte)) => u8::try_from(*byte).into_iter().collect(),
        ValueDef::Composite(Composite::Unnamed(values)) => values.iter().flat_map(bytes).collect(),
        ValueDef::Composite(Composite::Named(values)) => {
            values.iter().flat_map(|(_, value)| bytes(value)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::testing;

    #[test]
    fn what_was_published_is_read_whatever_its_kind() {
        // A deposit of 0, block 7, one field: Raw5 "hello", as runtime 461 stores it.
        let runtime = testing::shared461();
        let info = |fields: &[u8]| {
            let call = super::super::calls::set_commitment(1, fields);
            runtime.call_data(&call).unwrap()[4..].to_vec()
        };
        for text in [&b"hello"[..], b"", &[7; 128], &[8; 129], &[9; 512]] {
            let deposit_and_block = [0_u64.to_le_bytes().to_vec(), 7_u32.to_le_bytes().to_vec()];
            let stored = [deposit_and_block.concat(), info(text)].concat();
            let raw: Raw = runtime
                .storage_value("Commitments", "CommitmentOf", Some(&stored))
                .unwrap();
            assert_eq!(raw.block, 7);
            let fields: Vec<Field> = raw.info.fields.into_iter().filter_map(field).collect();
            assert_eq!(fields[0].bytes, text);
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_commitment_makes_the_reader_panic(stored: Vec<u8>) {
            let runtime = testing::shared461();
            if let Ok(raw) = runtime.storage_value::<Raw>("Commitments", "CommitmentOf", Some(&stored)) {
                let _ = raw.info.fields.into_iter().filter_map(field).count();
            }
        }
    }
}
