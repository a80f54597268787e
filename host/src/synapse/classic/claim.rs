//! The classic wire's proof, for the one [`Verifier`](super::super::verify).
//!
//! Refusals have Python's words, whose `default_verify` this replaces. It is
//! stricter in what follows; `axon`'s documentation lists all of it.
//!
//! * The caller's `timeout` widens the window by [`TIMEOUT_COUNTED_S_MAX`] at
//!   most, and a nonce may lie [`AHEAD_MAX`] ahead; Python bounds neither.
//! * Every request is new by its own nonce, whatever came before it: Python
//!   remembers the last nonce of a uuid, lets anything newer in and refuses two
//!   requests that overtook one another.
//! * Callers before 7.2.0 make nonces of another clock, and what they signed
//!   years ago would still be good: they are refused like anybody whose nonce is
//!   not the time.

use std::time::Duration;

use hyper::header::HeaderMap;
use sha3::{Digest as _, Sha3_256};

use super::super::head::{SignatureTrouble, signature};
use super::super::verify::{Arrived, AuthError, Canonicaliser, Claim, Receiver, Window};
use super::headers::Head;
use super::message;
use crate::subnet::key::{AccountId, Scheme};

/// What Python allows beside the caller's timeout.
const DELTA: Duration = Duration::from_secs(4);
/// How much of the caller's timeout counts, in seconds.
pub const TIMEOUT_COUNTED_S_MAX: f64 = 60.0;
/// How far ahead of this clock the caller's may be.
pub const AHEAD_MAX: Duration = DELTA;

/// Reads the classic wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct Classic;

impl Canonicaliser for Classic {
    fn speaks(&self, headers: &HeaderMap) -> bool {
        headers
            .keys()
            .any(|name| name.as_str().starts_with("bt_header_"))
    }

    fn claim(&self, headers: &HeaderMap) -> Result<Claim, AuthError> {
        let head = Head::read(headers).map_err(|_| UNREADABLE)?;
        let dendrite = head.dendrite;
        let sender_text = dendrite.hotkey.ok_or(NO_ADDRESS)?;
        let sender = AccountId::from_ss58(&sender_text).map_err(|_| NO_ADDRESS)?;
        let nonce = dendrite
            .nonce
            .ok_or(AuthError::Malformed("Missing Nonce"))?;
        let signed = dendrite.signature.filter(|text| !text.is_empty());
        let signed = signed.ok_or(AuthError::Malformed("Missing Signature"))?;
        let signature = signature(&signed).map_err(|trouble| {
            AuthError::Malformed(match trouble {
                SignatureTrouble::NotHex => "Invalid signature format",
                SignatureTrouble::Length => "Invalid signature length",
            })
        })?;
        let uuid = dendrite.uuid.ok_or(AuthError::Malformed("Missing uuid"))?;
        let hash = head.computed_body_hash;
        let hash = hash.ok_or(AuthError::Malformed("Missing computed_body_hash"))?;
        Ok(Claim {
            sender,
            sender_text,
            scheme: Scheme::Sr25519,
            receiver: Receiver::Implied,
            made_at_unix_ns: nonce,
            once: once(&uuid),
            window: window(head.timeout_s),
            signed: vec![uuid, hash],
            signature,
        })
    }

    fn message(&self, claim: &Claim, me: &str, _arrived: Arrived<'_>) -> Vec<u8> {
        let part = |index: usize| claim.signed.get(index).map_or("", String::as_str);
        let (uuid, hash) = (part(0), part(1));
        message(claim.made_at_unix_ns, &claim.sender_text, me, uuid, hash).into_bytes()
    }
}

const UNREADABLE: AuthError = AuthError::Malformed("the headers cannot be read");
const NO_ADDRESS: AuthError =
    AuthError::Malformed("No SS58 formatted address or public key provided.");

/// Two processes of one hotkey may well sign at the same nanosecond.
fn once(uuid: &str) -> u128 {
    let digest = Sha3_256::digest(uuid);
    let (first, _) = digest.split_at(16);
    u128::from_be_bytes(first.try_into().expect("a digest has more than 16 bytes"))
}

fn window(timeout_s: Option<f64>) -> Window {
    // `clamp` leaves what is no number as it is, and `max` does not.
    let counted = timeout_s.unwrap_or(0.0).max(0.0).min(TIMEOUT_COUNTED_S_MAX);
    Window {
        age_max: DELTA + Duration::from_secs_f64(counted),
        ahead_max: AHEAD_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_widens_the_window_without_bound() {
        let age = |timeout| window(timeout).age_max.as_secs();
        assert_eq!(age(Some(12.0)), 16);
        assert_eq!(age(None), 4);
        assert_eq!(age(Some(-5.0)), 4);
        assert_eq!(age(Some(f64::NAN)), 4);
        assert_eq!(age(Some(1e300)), 64);
        assert_eq!(age(Some(f64::INFINITY)), 64);
    }
}
