//! Parameters as clients send them: by position or by name, with or without
//! trailing nulls, hex with or without `0x`.

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::Value as Json;

/// A request's parameters by position.
pub(super) struct Positional(Vec<Json>);

/// Parameters by position; `names` says which name stands where, with
/// alternatives after a `|`.
pub(super) fn positional(
    params: &Params<'_>,
    names: &[&str],
) -> Result<Positional, ErrorObjectOwned> {
    let params: Option<Json> = params.parse()?;
    Ok(Positional(match params {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(values)) => values,
        Some(Json::Object(mut named)) => names
            .iter()
            .map(|names| {
                let value = names.split('|').find_map(|name| named.remove(name));
                value.unwrap_or(Json::Null)
            })
            .collect(),
        Some(_) => return Err(invalid("neither a list nor an object")),
    }))
}

impl Positional {
    /// A parameter, null if it was left out.
    pub(super) fn get(&self, index: usize) -> &Json {
        self.0.get(index).unwrap_or(&Json::Null)
    }

    /// A text.
    pub(super) fn text(&self, index: usize) -> Result<&str, ErrorObjectOwned> {
        self.get(index)
            .as_str()
            .ok_or_else(|| invalid(&format!("parameter {index} is not a text")))
    }

    /// A number.
    pub(super) fn number(&self, index: usize) -> Result<u64, ErrorObjectOwned> {
        number(self.get(index))
            .ok_or_else(|| invalid(&format!("parameter {index} is not a number")))
    }

    /// Bytes.
    pub(super) fn bytes(&self, index: usize) -> Result<Vec<u8>, ErrorObjectOwned> {
        bytes(self.get(index)).ok_or_else(|| invalid(&format!("parameter {index} is not hex")))
    }

    /// Bytes, if any.
    pub(super) fn maybe_bytes(&self, index: usize) -> Result<Option<Vec<u8>>, ErrorObjectOwned> {
        match self.get(index) {
            Json::Null => Ok(None),
            _ => self.bytes(index).map(Some),
        }
    }

    /// A list of bytes.
    pub(super) fn list(&self, index: usize) -> Result<Vec<Vec<u8>>, ErrorObjectOwned> {
        self.get(index)
            .as_array()
            .and_then(|values| values.iter().map(bytes).collect())
            .ok_or_else(|| invalid(&format!("parameter {index} is not a list of hex")))
    }

    /// A block's hash, if any.
    pub(super) fn hash(&self, index: usize) -> Result<Option<[u8; 32]>, ErrorObjectOwned> {
        let Some(bytes) = self.maybe_bytes(index)? else {
            return Ok(None);
        };
        let hash = bytes.try_into();
        hash.map(Some)
            .map_err(|_| invalid(&format!("parameter {index} is not a hash")))
    }
}

/// A number, plain or in hex.
pub(super) fn number(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => u64::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        _ => None,
    }
}

fn bytes(value: &Json) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()
}

/// The request is not as the method wants it.
pub(super) fn invalid(why: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32602, format!("Invalid params: {why}"), None::<()>)
}
