//! twresp/1, taowire's signed answers: who answered, and to which request.
//!
//! Seven lines are signed: protocol, scheme, the request's nonce, who asked, who
//! answers, HTTP status, SHA-256 of the body. The nonce is new for each request,
//! so an answer is good for one request only.
//!
//! Stricter than taowire 0.1.0a2, which also takes digits in upper case.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::head::{HeaderTrouble, scheme, signature, single, write_signature};
use crate::subnet::key::{AccountId, Scheme, Signer};

/// Always `1`.
pub const VERSION: HeaderName = HeaderName::from_static("x-tw-resp-version");
/// The SS58 address of who answers.
pub const HOTKEY: HeaderName = HeaderName::from_static("x-tw-resp-hotkey");
/// The scheme's name; left out for sr25519.
pub const CRYPTO: HeaderName = HeaderName::from_static("x-tw-resp-crypto");
/// `0x` and 128 digits.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-tw-resp-signature");

/// An answer and what it answers.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The request's nonce.
    pub nonce: u128,
    /// Who asked, as it wrote itself.
    pub asker: &'a str,
    /// HTTP's.
    pub status: u16,
    /// Raw.
    pub body: &'a [u8],
}

/// Why an answer is not known to be its miner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// No such headers.
    #[error("the answer is not signed")]
    Unsigned,
    /// A header of another version or scheme, twice or unreadable.
    #[error("the answer's signature headers are malformed")]
    Malformed,
    /// By somebody else.
    #[error("the answer is signed by another hotkey")]
    OtherHotkey,
    /// Over something else.
    #[error("the answer's signature does not verify")]
    BadSignature,
}

/// The headers that prove `signer` gave this answer.
pub fn sign(signer: &dyn Signer, answered: Answered<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let (scheme, answerer) = (signer.scheme(), signer.account().to_ss58());
    let signature = signer.sign(&message(scheme, answered, &answerer));
    let mut headers = vec![
        (VERSION, HeaderValue::from_static("1")),
        (HOTKEY, plain(answerer)),
        (SIGNATURE, plain(write_signature(&signature))),
    ];
    if scheme != Scheme::default() {
        headers.push((CRYPTO, HeaderValue::from_static(scheme.name())));
    }
    headers
}

/// Whether `answerer` gave this answer.
pub fn check(
    headers: &HeaderMap,
    answerer: &AccountId,
    answered: Answered<'_>,
) -> Result<(), NotProven> {
    if one(headers, &VERSION)? != "1" {
        return Err(NotProven::Malformed);
    }
    let scheme = scheme(headers, &CRYPTO).ok_or(NotProven::Malformed)?;
    let expected = answerer.to_ss58();
    if one(headers, &HOTKEY)? != expected {
        return Err(NotProven::OtherHotkey);
    }
    let text = one(headers, &SIGNATURE)?;
    let signature = signature(text).map_err(|_| NotProven::Malformed)?;
    if scheme.verify(answerer, &message(scheme, answered, &expected), &signature) {
        Ok(())
    } else {
        Err(NotProven::BadSignature)
    }
}

fn message(scheme: Scheme, answered: Answered<'_>, answerer: &str) -> Vec<u8> {
    [
        "twresp/1",
        scheme.name(),
        &answered.nonce.to_string(),
        answered.asker,
        answerer,
        &answered.status.to_string(),
        &hex::encode(Sha256::digest(answered.body)),
    ]
    .join("\n")
    .into_bytes()
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, NotProven> {
    single(headers, name).map_err(|trouble| match trouble {
        HeaderTrouble::Missing => NotProven::Unsigned,
        HeaderTrouble::Ambiguous => NotProven::Malformed,
    })
}

fn plain(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("base58 and hexadecimal digits are header text")
}
