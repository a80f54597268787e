//! Headers that carry proofs: each at most once, in plain ASCII, in one spelling.

use hyper::header::{HeaderMap, HeaderName};

use crate::subnet::key::{Scheme, Signature};

/// Why a header is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderTrouble {
    Missing,
    /// Twice, or not ASCII: two readers might take it two ways.
    Ambiguous,
}

/// The only value of `name`.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<&'a str, HeaderTrouble> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(HeaderTrouble::Missing)?;
    if values.next().is_some() {
        return Err(HeaderTrouble::Ambiguous);
    }
    value.to_str().map_err(|_| HeaderTrouble::Ambiguous)
}

/// The scheme a header names, sr25519 if there is none; `None` if it is no scheme.
pub(super) fn scheme(headers: &HeaderMap, name: &HeaderName) -> Option<Scheme> {
    match single(headers, name) {
        Ok(text) => Scheme::from_name(text),
        Err(HeaderTrouble::Missing) => Some(Scheme::default()),
        Err(HeaderTrouble::Ambiguous) => None,
    }
}

/// Decimal, no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Why a text is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureTrouble {
    NotHex,
    Length,
}

/// `0x` and lowercase hexadecimal digits, as every implementation writes them.
pub(super) fn signature(text: &str) -> Result<Signature, SignatureTrouble> {
    let digits = text.strip_prefix("0x").ok_or(SignatureTrouble::NotHex)?;
    let lowercase = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if !digits.bytes().all(lowercase) {
        return Err(SignatureTrouble::NotHex);
    }
    let mut bytes = [0; 64];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| SignatureTrouble::Length)?;
    Ok(Signature(bytes))
}

/// What [`signature`] reads.
pub(super) fn write_signature(signature: &Signature) -> String {
    format!("0x{}", hex::encode(signature.0))
}

/// The content type without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = single(headers, &hyper::header::CONTENT_TYPE).ok()?;
    let essence = text.split(';').next().unwrap_or(text);
    Some(essence.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_number_is_read_in_its_own_spelling_only(text in "[-+_ 0-9]{0,24}") {
            if let Some(number) = decimal(&text) {
                proptest::prop_assert_eq!(number.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_the_signature_reader_panic(text in ".{0,140}") {
            if let Ok(read) = signature(&text) {
                proptest::prop_assert_eq!(write_signature(&read), text);
            }
        }
    }
}
