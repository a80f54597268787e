//! btauth/1, the signed requests of bittensor 11, both ends.
//!
//! Eight lines are signed: protocol, scheme, method, target, SHA-256 of the
//! body, nonce, sender, receiver. This end is stricter than Python's: one
//! spelling of the nonce (`int()` takes spaces, signs, underscores and leading
//! zeros) and of the signature (`0x`, lower case), no header twice, no
//! `<Bytes>` wrapping, and sr25519 alone, which is what Bittensor's hotkeys are.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::head::{HeaderTrouble, SignatureTrouble, decimal, signature, single, write_signature};
use super::verify::{Arrived, AuthError, Canonicaliser, Claim, Window};
use crate::subnet::key::{AccountId, Signature, Signer};

/// Always `1`.
pub const VERSION: HeaderName = HeaderName::from_static("x-bittensor-version");
/// The sender's SS58 address.
pub const HOTKEY: HeaderName = HeaderName::from_static("x-bittensor-hotkey");
/// The receiver's SS58 address.
pub const RECEIVER: HeaderName = HeaderName::from_static("x-bittensor-receiver");
/// Nanoseconds since 1970, decimal.
pub const NONCE: HeaderName = HeaderName::from_static("x-bittensor-nonce");
/// Absent for sr25519.
pub const CRYPTO: HeaderName = HeaderName::from_static("x-bittensor-crypto");
/// `0x` and 128 digits.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-bittensor-signature");

/// What an unbound request has for a receiver.
const NO_RECEIVER: &str = "-";

/// Reads btauth/1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Btauth;

impl Canonicaliser for Btauth {
    fn speaks(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(VERSION)
    }

    fn claim(&self, headers: &HeaderMap) -> Result<Claim, AuthError> {
        if single(headers, &VERSION) != Ok("1") {
            return Err(AuthError::Malformed(
                "missing or unsupported X-Bittensor-Version (expected '1')",
            ));
        }
        let sender_text = one(headers, &HOTKEY, "missing X-Bittensor-Hotkey")?;
        let nonce = one(headers, &NONCE, "missing X-Bittensor-Nonce")?;
        let nonce = decimal(nonce).ok_or(AuthError::Malformed(
            "X-Bittensor-Nonce is not a decimal integer",
        ))?;
        check_scheme(headers)?;
        let signature = one(headers, &SIGNATURE, "missing X-Bittensor-Signature")?;
        let signature = read_signature(signature)?;
        let sender = AccountId::from_ss58(sender_text).map_err(|_| NO_IDENTITY)?;
        Ok(Claim {
            sender,
            sender_text: sender_text.to_owned(),
            receiver: receiver(headers)?,
            made_at_unix_ns: nonce,
            once: nonce.into(),
            signature,
        })
    }

    fn window(&self) -> Window {
        Window {
            age_max: Duration::from_secs(10),
            ahead_max: Duration::from_secs(2),
        }
    }

    fn message(&self, claim: &Claim, arrived: Arrived<'_>) -> Vec<u8> {
        let receiver = claim.receiver.as_deref().unwrap_or(NO_RECEIVER);
        message(arrived, claim.made_at_unix_ns, &claim.sender_text, receiver)
    }
}

/// The headers that prove `signer` sent `request` to `receiver`.
///
/// The nonce is the time in nanoseconds; every request needs a new one.
pub fn sign(
    signer: &dyn Signer,
    request: Arrived<'_>,
    receiver: &AccountId,
    nonce_unix_ns: u64,
) -> [(HeaderName, HeaderValue); 5] {
    let (sender, receiver) = (signer.account().to_ss58(), receiver.to_ss58());
    let signature = signer.sign(&message(request, nonce_unix_ns, &sender, &receiver));
    [
        (VERSION, HeaderValue::from_static("1")),
        (HOTKEY, plain(sender)),
        (RECEIVER, plain(receiver)),
        (NONCE, nonce_unix_ns.into()),
        (SIGNATURE, plain(write_signature(&signature))),
    ]
}

fn message(request: Arrived<'_>, nonce: u64, sender: &str, receiver: &str) -> Vec<u8> {
    [
        "btauth/1",
        "sr25519",
        &request.method.to_ascii_uppercase(),
        request.target,
        &hex::encode(Sha256::digest(request.body)),
        &nonce.to_string(),
        sender,
        receiver,
    ]
    .join("\n")
    .into_bytes()
}

const NO_IDENTITY: AuthError = AuthError::Malformed("invalid hotkey address or signature encoding");

fn check_scheme(headers: &HeaderMap) -> Result<(), AuthError> {
    match single(headers, &CRYPTO) {
        Err(HeaderTrouble::Missing) | Ok("sr25519") => Ok(()),
        _ => Err(AuthError::Malformed(
            "unsupported X-Bittensor-Crypto (expected 'sr25519')",
        )),
    }
}

fn read_signature(text: &str) -> Result<Signature, AuthError> {
    signature(text).map_err(|trouble| match trouble {
        SignatureTrouble::NotHex => AuthError::Malformed("X-Bittensor-Signature is not hex"),
        SignatureTrouble::Length => NO_IDENTITY,
    })
}

fn receiver(headers: &HeaderMap) -> Result<Option<String>, AuthError> {
    match single(headers, &RECEIVER) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(HeaderTrouble::Missing) => Ok(None),
        Err(HeaderTrouble::Ambiguous) => Err(AMBIGUOUS),
    }
}

const AMBIGUOUS: AuthError = AuthError::Malformed("an X-Bittensor header is there twice");

fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    missing: &'static str,
) -> Result<&'a str, AuthError> {
    match single(headers, name) {
        Ok("") | Err(HeaderTrouble::Missing) => Err(AuthError::Malformed(missing)),
        Ok(text) => Ok(text),
        Err(HeaderTrouble::Ambiguous) => Err(AMBIGUOUS),
    }
}

fn plain(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("base58 and hexadecimal digits are header text")
}
