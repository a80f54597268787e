//! What a status means, said once for both ends.
//!
//! | status | axon: why | dendrite: taken as |
//! |---|---|---|
//! | 200 | answered | an answer, if signed and of the right type |
//! | 400 | the payload is malformed | refused |
//! | 401 | nothing proved | refused |
//! | 403 | proved, but not welcome | refused |
//! | 404 405 408 413 415 431 | no such path, method; slow; too large; wrong type | broke the protocol |
//! | 410 | the session is not known | forgotten |
//! | 422 | unable | refused |
//! | 429 | this hotkey asks too often | busy, if well-formed |
//! | 500 | failed | refused |
//! | 503 | busy | busy, if well-formed |
//! | other | never | broke the protocol |
//!
//! All but 200 carry `{"detail": "..."}`, busy ones also `"retry_ms"`.
//!
//! Why nothing was rented, extended or ended has a word too, `"code"`, and the
//! status follows from the word:
//!
//! | status | code |
//! |---|---|
//! | 400 | `malformed` |
//! | 403 | `forbidden` |
//! | 404 | `no-such-machine`, `no-such-rental` |
//! | 409 | `full`, `price-rose` with `"price_micro_usd_per_hour"` |
//! | 500 | `failed` |
//! | 502 | `upstream` |

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use crate::subnet::rental::RentError;
use crate::subnet::text::escape;
use crate::subnet::wire::Refusal;

/// The content type of everything but challenge payloads.
pub(super) const JSON: &str = "application/json";
/// The content type of challenge payloads.
pub(super) const OCTETS: &str = "application/octet-stream";
/// The body of an answer that is no 200, in bytes.
pub(super) const REFUSAL_BYTES_MAX: usize = 16 << 10;

#[derive(Default, Serialize, Deserialize)]
struct Said {
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price_micro_usd_per_hour: Option<u64>,
}

/// What an axon sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn ok(content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type,
            body: body.into(),
        }
    }

    pub(super) fn detail(status: StatusCode, detail: &str) -> Self {
        let said = Said {
            detail: escape(detail),
            ..Said::default()
        };
        Self::say(status, &said)
    }

    pub(super) fn busy(status: StatusCode, detail: &str, retry_ms: u32) -> Self {
        let said = Said {
            detail: escape(detail),
            retry_ms: Some(retry_ms),
            ..Said::default()
        };
        Self::say(status, &said)
    }

    fn say(status: StatusCode, said: &Said) -> Self {
        Self {
            status,
            content_type: JSON,
            body: serde_json::to_vec(said)
                .expect("texts and numbers are JSON")
                .into(),
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::Busy(retry_ms) => {
                let text = refusal.to_string();
                return Self::busy(StatusCode::SERVICE_UNAVAILABLE, &text, *retry_ms);
            }
            Refusal::Unable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
            Refusal::Forgotten => StatusCode::GONE,
            Refusal::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::detail(status, &refusal.to_string())
    }
}

impl From<RentError> for Reply {
    fn from(error: RentError) -> Self {
        let status = match &error {
            RentError::Malformed(_) => StatusCode::BAD_REQUEST,
            RentError::Forbidden(_) => StatusCode::FORBIDDEN,
            RentError::NoSuchMachine(_) | RentError::NoSuchRental => StatusCode::NOT_FOUND,
            RentError::Full(_) | RentError::PriceRose(_) => StatusCode::CONFLICT,
            // Not a reason of the landlord's: nobody has looked.
            RentError::Busy(retry_ms) => return Refusal::Busy(*retry_ms).into(),
            RentError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            RentError::Upstream(_) => StatusCode::BAD_GATEWAY,
        };
        let said = Said {
            detail: escape(&error.detail()),
            code: Some(error.code().to_owned()),
            price_micro_usd_per_hour: error.price_micro_usd_per_hour(),
            retry_ms: None,
        };
        Self::say(status, &said)
    }
}

/// Reads why nothing was rented; `None` if the answer is no such word.
pub(super) fn read_rent(status: StatusCode, body: &[u8]) -> Option<RentError> {
    let said: Said = serde_json::from_slice(body).ok()?;
    let (detail, price) = (escape(&said.detail), said.price_micro_usd_per_hour);
    let error = RentError::from_code(&said.code?, detail, price)?;
    (Reply::from(error.clone()).status == status).then_some(error)
}

/// What a dendrite takes an answer for that is no 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    Busy(u32),
    Forgotten,
    Refused(String),
    BrokeProtocol(String),
}

/// Reads an answer that is no 200.
pub(super) fn read(status: StatusCode, content_type: Option<&str>, body: &[u8]) -> No {
    let said = if content_type == Some(JSON) {
        serde_json::from_slice::<Said>(body).ok()
    } else {
        None
    };
    let text = said.as_ref().map_or_else(
        || format!("answered with status {}", status.as_u16()),
        |said| escape(&said.detail),
    );
    match status.as_u16() {
        429 | 503 => match said.and_then(|said| said.retry_ms) {
            Some(retry_ms) => No::Busy(retry_ms),
            None => No::BrokeProtocol(format!("{}: {text}", status.as_u16())),
        },
        410 => No::Forgotten,
        400 | 401 | 403 | 422 | 500 => No::Refused(text),
        code => No::BrokeProtocol(format!("{code}: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(refusal: Refusal) -> No {
        let reply = Reply::from(refusal);
        read(reply.status, Some(reply.content_type), &reply.body)
    }

    #[test]
    fn each_refusal_arrives_as_what_it_was() {
        let text = || "no".to_owned();
        for refusal in [
            Refusal::Forbidden(text()),
            Refusal::Unable(text()),
            Refusal::Malformed(text()),
            Refusal::Failed(text()),
        ] {
            assert_eq!(there_and_back(refusal), No::Refused(text()));
        }
        assert_eq!(there_and_back(Refusal::Busy(1500)), No::Busy(1500));
        assert_eq!(there_and_back(Refusal::Forgotten), No::Forgotten);
    }

    #[test]
    fn each_reason_not_to_rent_arrives_as_what_it_was() {
        let text = || "why".to_owned();
        for error in [
            RentError::Malformed(text()),
            RentError::NoSuchMachine(text()),
            RentError::Full(text()),
            RentError::PriceRose(7),
            RentError::Forbidden(text()),
            RentError::NoSuchRental,
            RentError::Upstream(text()),
            RentError::Failed(text()),
        ] {
            let reply = Reply::from(error.clone());
            assert_eq!(read_rent(reply.status, &reply.body), Some(error));
            assert_eq!(read_rent(StatusCode::GONE, &reply.body), None);
        }
        let priceless = br#"{"detail":"x","code":"price-rose"}"#;
        assert_eq!(read_rent(StatusCode::CONFLICT, priceless), None);
    }

    #[test]
    fn a_landlord_that_is_busy_has_said_nothing_about_its_machines() {
        let reply = Reply::from(RentError::Busy(1_500));
        assert_eq!(read_rent(reply.status, &reply.body), None);
        let read = read(reply.status, Some(reply.content_type), &reply.body);
        assert_eq!(read, No::Busy(1_500));
    }

    #[test]
    fn busy_counts_only_in_its_own_form() {
        let busy = br#"{"detail":"x","retry_ms":5}"#;
        for status in [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
        ] {
            assert_eq!(read(status, Some(JSON), busy), No::Busy(5));
            for (kind, body) in [
                (None, &busy[..]),
                (Some("text/html"), busy),
                (Some(JSON), b"{\"detail\":\"x\"}"),
                (Some(JSON), b"{\"detail\":\"x\",\"retry_ms\":-1}"),
                (Some(JSON), b"\xff"),
            ] {
                assert!(matches!(read(status, kind, body), No::BrokeProtocol(_)));
            }
        }
        assert!(matches!(
            read(StatusCode::BAD_GATEWAY, Some(JSON), busy),
            No::BrokeProtocol(_)
        ));
    }

    #[test]
    fn a_redirect_is_no_answer() {
        assert!(matches!(
            read(StatusCode::FOUND, None, b""),
            No::BrokeProtocol(_)
        ));
    }

    #[test]
    fn a_peers_words_are_escaped_on_both_ends() {
        let reply = Reply::detail(StatusCode::FORBIDDEN, "\u{1b}[2J");
        assert!(!reply.body.contains(&0x1b));
        let raw = br#"{"detail":"\u001b[2J"}"#;
        assert_eq!(
            read(StatusCode::FORBIDDEN, Some(JSON), raw),
            No::Refused("\\u{1b}[2J".to_owned())
        );
    }
}
