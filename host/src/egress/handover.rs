//! What a plugin sees of an answer, or of an error: no secret, nothing of the
//! connection, no session.

use super::exchange::Answer;
use super::scrub::Scrubber;
use crate::subnet::outbound::{Header, OutboundError, Response};

/// Headers that no plugin sees: those of the connection, and those that make a
/// session a credential of its own.
const WITHHELD: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "set-cookie2",
    "authentication-info",
    "proxy-authentication-info",
];

/// What the plugin sees, and whether something had to be taken out.
pub(super) fn response(answer: Answer, scrubber: &Scrubber) -> (Response, bool) {
    let clean = scrubber.scrub(&answer.body);
    let mut found = clean.is_some();
    let is_same_length = clean.is_none();
    let mut headers = Vec::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        let name = name.as_str();
        if WITHHELD.contains(&name) || name == "content-length" && !is_same_length {
            continue;
        }
        if scrubber.scrub_text(name).is_some() {
            found = true;
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        let clean = scrubber.scrub_text(&value);
        found |= clean.is_some();
        headers.push(Header {
            name: name.to_owned(),
            value: clean.unwrap_or_else(|| value.into_owned()),
        });
    }
    let response = Response {
        status: answer.status,
        headers,
        body: clean.unwrap_or(answer.body),
    };
    (response, found)
}

/// The words of an error may be a server's.
pub(super) fn error(error: OutboundError, scrubber: &Scrubber) -> OutboundError {
    let clean = |text: String| scrubber.scrub_text(&text).unwrap_or(text);
    match error {
        OutboundError::Unreachable(why) => OutboundError::Unreachable(clean(why)),
        OutboundError::Denied(why) => OutboundError::Denied(clean(why)),
        OutboundError::Malformed(why) => OutboundError::Malformed(clean(why)),
        other => other,
    }
}
