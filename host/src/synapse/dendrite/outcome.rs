//! What a classic axon's answer comes to, as a real dendrite takes it.
//!
//! Python merges the body, the `bt_header_` headers and HTTP's status into one
//! synapse; whether it was a success is the axon's own status, which must be in
//! the headers, their names in lower case, or in the body. HTTP's alone is not
//! enough. Where Python reports a 422 of its own making, the answer broke the
//! protocol.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName};

use super::transfer::Arrival;
use super::trouble::{Trouble, broke};
use crate::subnet::synapse::{Fields, Value};
use crate::subnet::text::escape;
use crate::subnet::wire::PeerError;

use super::super::classic::{Entry, Head, Terminal, json};
use super::super::head::content_type;

/// Where a classic axon says how it went.
const STATUS_CODE: HeaderName = HeaderName::from_static("bt_header_axon_status_code");
/// How its 404 begins where a proxy has taken its headers away.
const UNKNOWN_SYNAPSE: &str = "Synapse name '";

/// What a classic axon answered. Nobody signed any of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The fields: the axon's where it answered with 200, else those sent.
    pub fields: Fields,
    /// The axon's own status; `None` if it gave none, which is no success.
    pub status_code: Option<u16>,
    /// In its words.
    pub status_message: Option<String>,
}

impl Outcome {
    /// What Python calls `is_success`.
    pub fn is_success(&self) -> bool {
        self.status_code == Some(200)
    }

    /// The fields of a success.
    pub fn into_fields(self) -> Result<Fields, PeerError> {
        match self.status_code {
            Some(200) => Ok(self.fields),
            Some(code) => Err(PeerError::Refused(match &self.status_message {
                Some(words) => format!("{code}: {}", escape(words)),
                None => format!("answered with status {code}"),
            })),
            None => Err(PeerError::BrokeProtocol(
                "its answer has no bt_header_axon_status_code".to_owned(),
            )),
        }
    }
}

/// Whether an answer is a classic axon's, whatever was asked.
pub(super) fn is_classic(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    headers.contains_key(STATUS_CODE)
        || (status == StatusCode::NOT_FOUND && is_unknown_synapse(headers, body))
}

fn is_unknown_synapse(headers: &HeaderMap, body: &[u8]) -> bool {
    is_json(headers)
        && json_of(body).is_some_and(|said| {
            let message = said.member("message").and_then(Value::text);
            message.is_some_and(|text| text.starts_with(UNKNOWN_SYNAPSE))
        })
}

/// Reads an answer to a message that was sent with `sent`.
pub(super) fn read(entry: &Entry, sent: Fields, arrival: &Arrival) -> Result<Outcome, Trouble> {
    let status = arrival.status.as_u16();
    if !is_json(&arrival.headers) {
        let kind = content_type(&arrival.headers).unwrap_or_else(|| "nothing".to_owned());
        let kind = escape(&kind);
        return Err(broke(format!(
            "answered {status} as {kind}, not as application/json"
        )));
    }
    let said = json_of(&arrival.body)
        .ok_or_else(|| broke(format!("answered {status} without a JSON object")))?;
    let (fields, axon) = if arrival.status == StatusCode::OK {
        let fields = entry.fields(&arrival.body);
        let fields = fields.map_err(|why| broke(format!("its answer does not parse: {why}")))?;
        (fields, said.member("axon").map(Terminal::from_value))
    } else {
        let message = said.member("message").and_then(Value::text);
        let refused = Terminal {
            status_code: Some(status),
            status_message: message.map(str::to_owned),
            ..Terminal::default()
        };
        (sent, Some(refused))
    };
    outcome(fields, axon.unwrap_or_default(), arrival)
}

/// What a stream's head says, its bytes aside.
pub(super) fn read_stream_head(sent: Fields, arrival: &Arrival) -> Result<Outcome, Trouble> {
    outcome(sent, Terminal::default(), arrival)
}

/// Headers count for more than the body.
fn outcome(fields: Fields, body: Terminal, arrival: &Arrival) -> Result<Outcome, Trouble> {
    let headers = as_written(&arrival.headers, &arrival.raw_head);
    let head = Head::read(&headers).map_err(|why| broke(why.to_string()))?;
    Ok(Outcome {
        fields,
        status_code: head.axon.status_code.or(body.status_code),
        status_message: head.axon.status_message.or(body.status_message),
    })
}

/// Without the protocol's headers whose names were not sent in lower case: a
/// real dendrite overlooks them.
fn as_written(headers: &HeaderMap, raw_head: &[u8]) -> HeaderMap {
    let mut kept = headers.clone();
    for name in headers.keys() {
        let line = format!("\n{name}:");
        let written = raw_head
            .windows(line.len())
            .any(|bytes| bytes == line.as_bytes());
        if name.as_str().starts_with("bt_header_") && !written {
            kept.remove(name);
        }
    }
    kept
}

/// What aiohttp takes for JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    kind.as_deref()
        .and_then(|kind| kind.strip_prefix("application/"))
        .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn json_of(body: &[u8]) -> Option<Value> {
    let said = json::read(std::str::from_utf8(body).ok()?).ok()?;
    matches!(said, Value::Dict(_)).then_some(said)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hyper::header::HeaderValue;

    use super::*;
    use crate::subnet::synapse::{Declaration, Kind};

    fn arrival(status: u16, headers: &[(&str, &str)], body: &str) -> Arrival {
        let mut arrival = Arrival {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            elapsed: None,
            raw_head: Vec::new(),
        };
        for (name, value) in headers {
            let line = format!("{name}: {value}\r\n");
            arrival.raw_head.extend_from_slice(b"\n");
            arrival.raw_head.extend_from_slice(line.as_bytes());
            let value = HeaderValue::from_str(value).unwrap();
            let name: HeaderName = name.to_ascii_lowercase().parse().unwrap();
            arrival.headers.append(name, value);
        }
        arrival
    }

    #[test]
    fn a_classic_answer_is_known_by_its_header_or_by_its_words() {
        let known = |arrival: Arrival| is_classic(arrival.status, &arrival.headers, &arrival.body);
        let json = ("content-type", "application/json");
        let words = r#"{"message": "Synapse name 'x' not found. Available synapses []"}"#;
        let marked = ("bt_header_axon_status_code", "500");
        assert!(known(arrival(500, &[marked], "")));
        assert!(known(arrival(404, &[json], words)));
        assert!(!known(arrival(200, &[json], words)));
        assert!(!known(arrival(404, &[json], r#"{"detail": "Not Found"}"#)));
        assert!(!known(arrival(500, &[json], r#"{"message": "no"}"#)));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(
            status in 200..600_u16,
            body in "(\\{\"(axon|message|x)\": )?[\\[\\]{}\",:0-9a-z ]{0,60}",
            name in "(Content-Type|bt_header_axon_(status_code|port|nonce)|timeout)",
            value in "(application/json|[ -~]{0,20})",
        ) {
            let declaration = Declaration::new("X").optional("x", Kind::Any, Value::None);
            let entry = Entry::new(declaration).unwrap();
            let json = ("content-type", "application/json");
            for headers in [&[(&*name, &*value)][..], &[json, (&name, &value)]] {
                let arrival = arrival(status, headers, &body);
                let _ = is_classic(arrival.status, &arrival.headers, &arrival.body);
                if let Ok(outcome) = read(&entry, Fields::default(), &arrival) {
                    let _ = outcome.into_fields();
                }
            }
        }
    }
}
