//! The headers of the classic wire, read and written.
//!
//! Names are lower case with underscores; a real dendrite overlooks others, and
//! a proxy such as nginx drops them unless told not to. Read strictly: no header
//! twice, numbers in one spelling. The sizes that Python adds are those of its
//! own objects; they are neither written nor read.

use std::collections::BTreeMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::head::decimal;
use super::repr::float;
use crate::subnet::synapse::Value;

const AXON: &str = "bt_header_axon_";
const DENDRITE: &str = "bt_header_dendrite_";
const INPUT: &str = "bt_header_input_obj_";
const NAME: &str = "name";
const TIMEOUT: &str = "timeout";
const BODY_HASH: &str = "computed_body_hash";
/// The longest text written into a header, in characters.
const TEXT_CHARS_MAX: usize = 1024;

/// Why headers are not those of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadTrouble {
    /// There twice: two readers might take it two ways.
    #[error("the header {0} is there twice")]
    Twice(String),
    /// No text of printable ASCII characters.
    #[error("the header {0} is not readable")]
    Unreadable(String),
    /// No number, or not in its plain spelling.
    #[error("the header {0} is no number")]
    NotANumber(String),
    /// A required field has no `bt_header_input_obj_` of its type.
    #[error("the required field {0} is not announced in the headers")]
    Unannounced(String),
}

/// What one end says of itself; nothing of it is proved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terminal {
    /// HTTP's.
    pub status_code: Option<u16>,
    /// In words.
    pub status_message: Option<String>,
    /// In seconds.
    pub process_time_s: Option<f64>,
    /// Without its port.
    pub ip: Option<String>,
    /// Of the axon; on the dendrite's side the connection's.
    pub port: Option<u16>,
    /// `10005000` is 10.5.0.
    pub version: Option<u64>,
    /// Nanoseconds since 1970 from version 7.2.0 on.
    pub nonce: Option<u64>,
    /// Of the process.
    pub uuid: Option<String>,
    /// An SS58 address.
    pub hotkey: Option<String>,
    /// `0x` and 128 digits.
    pub signature: Option<String>,
}

/// The headers of a request or an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    /// The message's name; the path decides, not this.
    pub name: Option<String>,
    /// How long the caller waits, in seconds.
    pub timeout_s: Option<f64>,
    /// The one that is called.
    pub axon: Terminal,
    /// The caller.
    pub dendrite: Terminal,
    /// Announced required fields: base64 of JSON of an empty value.
    pub inputs: BTreeMap<String, String>,
    /// What the caller signed the body as.
    pub computed_body_hash: Option<String>,
}

impl Head {
    /// Reads all headers of the protocol; others are passed over.
    pub fn read(headers: &HeaderMap) -> Result<Self, HeadTrouble> {
        let mut head = Self::default();
        for name in headers.keys() {
            let key = name.as_str();
            if !is_ours(key) {
                continue;
            }
            let mut values = headers.get_all(name).iter();
            let value = values
                .next()
                .map_or("", |value| value.to_str().unwrap_or("\0"));
            if values.next().is_some() {
                return Err(HeadTrouble::Twice(key.to_owned()));
            }
            if value == "\0" {
                return Err(HeadTrouble::Unreadable(key.to_owned()));
            }
            head.take(key, value)
                .ok_or_else(|| HeadTrouble::NotANumber(key.to_owned()))?;
        }
        Ok(head)
    }

    /// `None` if a number is none.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            NAME => self.name = Some(value.to_owned()),
            TIMEOUT => self.timeout_s = Some(seconds(value)?),
            BODY_HASH => self.computed_body_hash = Some(value.to_owned()),
            _ => {
                if let Some(field) = key.strip_prefix(AXON) {
                    self.axon.take(field, value)?;
                } else if let Some(field) = key.strip_prefix(DENDRITE) {
                    self.dendrite.take(field, value)?;
                } else if let Some(field) = key.strip_prefix(INPUT) {
                    self.inputs.insert(field.to_owned(), value.to_owned());
                }
            }
        }
        Some(())
    }

    /// What [`Head::read`] reads, in Python's order.
    pub fn write(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: String| {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.insert(name, header_text(&value));
            }
        };
        if let Some(name) = &self.name {
            put(NAME, name.clone());
        }
        if let Some(timeout) = self.timeout_s {
            put(TIMEOUT, float(timeout));
        }
        for (prefix, terminal) in [(AXON, &self.axon), (DENDRITE, &self.dendrite)] {
            for (field, value) in terminal.texts() {
                put(&format!("{prefix}{field}"), value);
            }
        }
        for (field, value) in &self.inputs {
            put(&format!("{INPUT}{field}"), value.clone());
        }
        if let Some(hash) = &self.computed_body_hash {
            put(BODY_HASH, hash.clone());
        }
        headers
    }
}

fn is_ours(key: &str) -> bool {
    key.starts_with("bt_header_") || matches!(key, NAME | TIMEOUT | BODY_HASH)
}

/// `float()`, without its leniency for spaces and underscores.
fn seconds(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A name, a message: whatever does not belong into a header is replaced.
fn header_text(text: &str) -> HeaderValue {
    let plain: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect();
    HeaderValue::try_from(plain).expect("printable ASCII is header text")
}

impl Terminal {
    /// `None` if a number is none; fields that Python does not know are passed over.
    fn take(&mut self, field: &str, value: &str) -> Option<()> {
        let text = || Some(value.to_owned());
        match field {
            "status_code" => self.status_code = Some(decimal(value)?.try_into().ok()?),
            "status_message" => self.status_message = text(),
            "process_time" => self.process_time_s = Some(seconds(value)?),
            "ip" => self.ip = text(),
            "port" => self.port = Some(decimal(value)?.try_into().ok()?),
            "version" => self.version = Some(decimal(value)?),
            "nonce" => self.nonce = Some(decimal(value)?),
            "uuid" => self.uuid = text(),
            "hotkey" => self.hotkey = text(),
            "signature" => self.signature = text(),
            _ => {}
        }
        Some(())
    }

    /// What is set, as text, in Python's order.
    fn texts(&self) -> impl Iterator<Item = (&'static str, String)> {
        let number = |number: u64| number.to_string();
        [
            (
                "status_code",
                self.status_code.map(|code| number(code.into())),
            ),
            ("status_message", self.status_message.clone()),
            ("process_time", self.process_time_s.map(float)),
            ("ip", self.ip.clone()),
            ("port", self.port.map(|port| number(port.into()))),
            ("version", self.version.map(number)),
            ("nonce", self.nonce.map(number)),
            ("uuid", self.uuid.clone()),
            ("hotkey", self.hotkey.clone()),
            ("signature", self.signature.clone()),
        ]
        .into_iter()
        .filter_map(|(field, text)| Some((field, text?)))
    }

    /// As it stands in a body: all fields, `null` where nothing is said.
    pub fn to_value(&self) -> Value {
        let int = |number: u64| Value::Int(number.into());
        let text = |text: &Option<String>| {
            let text = text.as_deref();
            text.map_or(Value::None, Value::from)
        };
        let or_none = |value: Option<Value>| value.unwrap_or(Value::None);
        Value::dict([
            (
                "status_code",
                or_none(self.status_code.map(|n| int(n.into()))),
            ),
            ("status_message", text(&self.status_message)),
            (
                "process_time",
                or_none(self.process_time_s.map(Value::Float)),
            ),
            ("ip", text(&self.ip)),
            ("port", or_none(self.port.map(|n| int(n.into())))),
            ("version", or_none(self.version.map(int))),
            ("nonce", or_none(self.nonce.map(int))),
            ("uuid", text(&self.uuid)),
            ("hotkey", text(&self.hotkey)),
            ("signature", text(&self.signature)),
        ])
    }

    /// What a body says of an end; what is not of its type is passed over.
    pub fn from_value(value: &Value) -> Self {
        let mut terminal = Self::default();
        let Value::Dict(pairs) = value else {
            return terminal;
        };
        for (key, value) in pairs {
            let Value::Text(field) = key else { continue };
            let text = match value {
                Value::Text(text) => text.clone(),
                Value::Int(number) => number.to_string(),
                Value::Float(number) => float(*number),
                _ => continue,
            };
            let _ = terminal.take(field, &text);
        }
        terminal
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head() -> Head {
        Head {
            name: Some("Echo".to_owned()),
            timeout_s: Some(12.0),
            axon: Terminal {
                status_code: Some(200),
                process_time_s: Some(1e-5),
                port: Some(8091),
                ..Terminal::default()
            },
            dendrite: Terminal {
                nonce: Some(u64::MAX),
                version: Some(10_005_000),
                hotkey: Some("5F".to_owned()),
                ..Terminal::default()
            },
            inputs: [("prompt".to_owned(), "IiI=".to_owned())].into(),
            computed_body_hash: Some("a7".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let headers = head().write();
        assert_eq!(headers["timeout"], "12.0");
        assert_eq!(headers["bt_header_axon_process_time"], "1e-05");
        assert_eq!(Head::read(&headers), Ok(head()));
        assert_eq!(Terminal::from_value(&head().axon.to_value()), head().axon);
    }

    #[test]
    fn a_header_that_could_be_taken_two_ways_is_refused() {
        for (name, value) in [
            ("timeout", "abc"),
            ("bt_header_dendrite_nonce", "1_000"),
            ("bt_header_dendrite_nonce", "-1"),
            ("bt_header_dendrite_version", "010"),
            ("bt_header_axon_port", "65536"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let expected = HeadTrouble::NotANumber(name.to_owned());
            assert_eq!(Head::read(&headers), Err(expected));
        }
        let mut twice = head().write();
        twice.append(BODY_HASH, HeaderValue::from_static("00"));
        assert!(matches!(Head::read(&twice), Err(HeadTrouble::Twice(_))));
        let mut odd = HeaderMap::new();
        odd.insert(NAME, HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(matches!(Head::read(&odd), Err(HeadTrouble::Unreadable(_))));
    }

    #[test]
    fn no_line_is_smuggled_into_a_header() {
        let mut smuggling = head();
        smuggling.axon.status_message = Some("a\r\nx: 1\u{e9}".to_owned());
        let headers = smuggling.write();
        assert_eq!(headers["bt_header_axon_status_message"], "a??x: 1?");
    }

    proptest::proptest! {
        #[test]
        fn no_headers_make_the_reader_panic(
            pairs in proptest::collection::vec((
                "(bt_header_(axon|dendrite|input_obj)_)?(nonce|port|version|status_code|process_time|hotkey|timeout|x)",
                proptest::collection::vec(32..=255_u8, 0..24),
            ), 0..8),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(name, value);
                }
            }
            if let Ok(head) = Head::read(&headers) {
                let again = Head::read(&head.write()).unwrap();
                proptest::prop_assert_eq!(format!("{again:?}"), format!("{head:?}"));
            }
        }
    }
}
