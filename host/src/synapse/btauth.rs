//! btauth/1, the signed requests of bittensor 11, both ends.
//!
//! Eight lines are signed: protocol, scheme, method, target, SHA-256 of the
//! body, nonce, sender, receiver. This end is stricter than Python's: one
//! spelling of the nonce (`int()` takes spaces, signs, underscores and leading
//! zeros), of the signature (`0x`, lower case) and of the scheme (its name), no
//! header twice, no `<Bytes>` wrapping, and no request that names no receiver. A
//! signature counts under the scheme it declares alone.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::head::{HeaderTrouble, SignatureTrouble, decimal, signature, single, write_signature};
use super::verify::{Arrived, AuthError, Canonicaliser, Claim, Receiver, Window};
use crate::subnet::key::{AccountId, Scheme, Signature, Signer};

/// Always `1`.
pub const VERSION: HeaderName = HeaderName::from_static("x-bittensor-version");
/// The sender's SS58 address.
pub const HOTKEY: HeaderName = HeaderName::from_static("x-bittensor-hotkey");
/// The receiver's SS58 address.
pub const RECEIVER: HeaderName = HeaderName::from_static("x-bittensor-receiver");
/// Nanoseconds since 1970, decimal.
pub const NONCE: HeaderName = HeaderName::from_static("x-bittensor-nonce");
/// The scheme's name; left out for sr25519.
pub const CRYPTO: HeaderName = HeaderName::from_static("x-bittensor-crypto");
/// `0x` and 128 digits.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-bittensor-signature");

/// The protocol's own.
const WINDOW: Window = Window {
    age_max: Duration::from_secs(10),
    ahead_max: Duration::from_secs(2),
};
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
        let scheme = scheme(headers)?;
        let signature = one(headers, &SIGNATURE, "missing X-Bittensor-Signature")?;
        let signature = read_signature(signature)?;
        let sender = AccountId::from_ss58(sender_text).map_err(|_| NO_IDENTITY)?;
        Ok(Claim {
            sender,
            sender_text: sender_text.to_owned(),
            scheme,
            receiver: receiver(headers)?,
            made_at_unix_ns: nonce,
            once: nonce.into(),
            window: WINDOW,
            signed: Vec::new(),
            signature,
        })
    }

    fn message(&self, claim: &Claim, me: &str, arrived: Arrived<'_>) -> Vec<u8> {
        let receiver = match &claim.receiver {
            Receiver::Named(receiver) => receiver,
            Receiver::Implied => me,
            Receiver::Unbound => NO_RECEIVER,
        };
        let (sender, nonce) = (&claim.sender_text, claim.made_at_unix_ns);
        message(claim.scheme, arrived, nonce, sender, receiver)
    }
}

/// The headers that prove `signer` sent `request` to `receiver`.
///
/// The nonce is the time in nanoseconds; every request needs a new one, one
/// that is sent again too.
pub fn sign(
    signer: &dyn Signer,
    request: Arrived<'_>,
    receiver: &AccountId,
    nonce_unix_ns: u64,
) -> Vec<(HeaderName, HeaderValue)> {
    let scheme = signer.scheme();
    let (sender, receiver) = (signer.account().to_ss58(), receiver.to_ss58());
    let signed = message(scheme, request, nonce_unix_ns, &sender, &receiver);
    let signature = signer.sign(&signed);
    let mut headers = vec![
        (VERSION, HeaderValue::from_static("1")),
        (HOTKEY, plain(sender)),
        (RECEIVER, plain(receiver)),
        (NONCE, nonce_unix_ns.into()),
        (SIGNATURE, plain(write_signature(&signature))),
    ];
    if scheme != Scheme::default() {
        headers.push((CRYPTO, HeaderValue::from_static(scheme.name())));
    }
    headers
}

fn message(
    scheme: Scheme,
    request: Arrived<'_>,
    nonce: u64,
    sender: &str,
    receiver: &str,
) -> Vec<u8> {
    [
        "btauth/1",
        scheme.name(),
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

fn scheme(headers: &HeaderMap) -> Result<Scheme, AuthError> {
    super::head::scheme(headers, &CRYPTO)
        .ok_or(AuthError::Malformed("unsupported X-Bittensor-Crypto"))
}

fn read_signature(text: &str) -> Result<Signature, AuthError> {
    signature(text).map_err(|trouble| match trouble {
        SignatureTrouble::NotHex => AuthError::Malformed("X-Bittensor-Signature is not hex"),
        SignatureTrouble::Length => NO_IDENTITY,
    })
}

fn receiver(headers: &HeaderMap) -> Result<Receiver, AuthError> {
    match single(headers, &RECEIVER) {
        Ok(text) => Ok(Receiver::Named(text.to_owned())),
        Err(HeaderTrouble::Missing) => Ok(Receiver::Unbound),
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
