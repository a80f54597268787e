//! Signing a text for a person, without signing for a protocol.
//!
//! Every protocol around here is a signature over a short text, so whoever can
//! talk an operator into signing a text could have it replayed as a request or
//! an approval. Such texts are refused by how they begin and by how they look.

use crate::subnet::key::{AccountId, Scheme, Signature, Signer};
use crate::subnet::text::escape;
use crate::wallet::WalletError;

/// What a text for people never begins with.
pub const RESERVED_PREFIXES: [&str; 6] = [
    "btauth/",
    "twresp/",
    "compute-subnet/",
    "<Bytes>",
    "handshake:",
    "handshake_response:",
];
/// The longest text.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Signs `text` as it is.
pub fn sign(key: &dyn Signer, text: &str) -> Result<Signature, WalletError> {
    if let Some(reason) = reserved(text) {
        return Err(WalletError::Reserved(reason));
    }
    Ok(key.sign(text.as_bytes()))
}

/// Whether `account` signed `text`, bare or wrapped in `<Bytes>` as browser
/// wallets do, and in which scheme: an address does not say. `signature` is 64
/// bytes in hexadecimal, with or without `0x`.
pub fn verify(account: &AccountId, text: &str, signature: &str) -> Option<Scheme> {
    let digits = signature.strip_prefix("0x").unwrap_or(signature);
    let mut bytes = [0; 64];
    if text.len() > TEXT_BYTES_MAX || hex::decode_to_slice(digits, &mut bytes).is_err() {
        return None;
    }
    let wrapped = format!("<Bytes>{text}</Bytes>");
    [Scheme::Sr25519, Scheme::Ed25519]
        .into_iter()
        .find(|scheme| {
            [text, &wrapped]
                .iter()
                .any(|text| scheme.verify(account, text.as_bytes(), &Signature(bytes)))
        })
}

fn reserved(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Some(format!("a text has 1 to {TEXT_BYTES_MAX} bytes"));
    }
    let start = text.trim_start();
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|p| start.starts_with(*p)) {
        return Some(format!(
            "texts that begin with {prefix:?} belong to a protocol"
        ));
    }
    looks_like_a_request(start).map(|piece| {
        format!(
            "it looks like a signed request, with {:?} in it",
            escape(piece)
        )
    })
}

/// The request signatures of axon, Epistula, fiber and their kin: no white
/// space, pieces joined by `.` or `:`, one of them an address or a digest.
fn looks_like_a_request(text: &str) -> Option<&str> {
    if text.contains(char::is_whitespace) {
        return None;
    }
    text.split(['.', ':'])
        .find(|piece| AccountId::from_ss58(piece).is_ok() || is_digest(piece))
}

fn is_digest(piece: &str) -> bool {
    let digits = piece.strip_prefix("0x").unwrap_or(piece);
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wallet::Hotkey;

    const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

    fn alice() -> Hotkey {
        Hotkey::development("//Alice").unwrap()
    }

    #[test]
    fn a_text_for_people_is_signed_and_verified() {
        let text = format!("I, the owner of {BOB}, agree.");
        let account = alice().account();
        let signature = hex::encode(sign(&alice(), &text).unwrap().0);
        let signed = Some(Scheme::Sr25519);
        assert_eq!(verify(&account, &text, &signature), signed);
        assert_eq!(verify(&account, &text, &format!("0x{signature}")), signed);
        assert_eq!(verify(&account, "something else", &signature), None);
        assert_eq!(verify(&account, &text, "0x00"), None);
        assert_eq!(verify(&account, &text, "not hex"), None);
    }

    #[test]
    fn a_browser_wallet_s_signature_counts() {
        let signature = hex::encode(alice().sign(b"<Bytes>hello</Bytes>").0);
        let signed = verify(&alice().account(), "hello", &signature);
        assert_eq!(signed, Some(Scheme::Sr25519));
    }

    #[test]
    fn a_text_of_a_protocol_is_never_signed() {
        for text in [
            "btauth/1\nsr25519".to_owned(),
            "twresp/1\n".to_owned(),
            "compute-subnet/manifest/1\n".to_owned(),
            "  compute-subnet/manifest/1\n".to_owned(),
            "<Bytes>x</Bytes>".to_owned(),
            format!("1752076800000000000.{BOB}.{BOB}.uuid.{}", "a".repeat(64)),
            format!("{}.uuid.1752076800000.", "a".repeat(64)),
            format!("1752076800000000000_abcdefghij:{BOB}:x"),
            String::new(),
            "x".repeat(TEXT_BYTES_MAX + 1),
        ] {
            assert!(sign(&alice(), &text).is_err(), "{}", escape(&text));
        }
    }
}
