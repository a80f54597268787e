//! The headers of the classic wire, read and written.
//!
//! Names are lower case with underscores; a real dendrite overlooks others, and
//! a proxy such as nginx drops them unless told not to. Read strictly: no header
//! twice, numbers in one spelling. The sizes that Python adds are those of its
//! own objects; they are neither written nor read.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::head::decimal;
use super::json::string;
use super::repr::float;
use crate::subnet::synapse::Value;

const AXON: &str = "bt_header_axon_";
const DENDRITE: &str = "bt_header_dendrite_";
const INPUT: &str = "bt_header_input_obj_";
const NAME: &str = "name";
const TIMEOUT: &str = "timeout";
const BODY_HASH: &str = "computed_body_hash";
/// A request has about so many headers.
const HEADERS_USUAL: usize = 32;
/// The names of [`Terminal::texts`], made once.
static AXON_NAMES: LazyLock<[HeaderName; 10]> = LazyLock::new(|| names(AXON));
static DENDRITE_NAMES: LazyLock<[HeaderName; 10]> = LazyLock::new(|| names(DENDRITE));
/// A terminal's fields, in Python's order.
const FIELDS: [&str; 10] = [
    "status_code",
    "status_message",
    "process_time",
    "ip",
    "port",
    "version",
    "nonce",
    "uuid",
    "hotkey",
    "signature",
];
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
        let mut headers = HeaderMap::with_capacity(HEADERS_USUAL);
        let mut put = |name: HeaderName, value: String| {
            headers.insert(name, header_text(value));
        };
        if let Some(name) = &self.name {
            put(HeaderName::from_static(NAME), name.clone());
        }
        if let Some(timeout) = self.timeout_s {
            put(HeaderName::from_static(TIMEOUT), float(timeout));
        }
        for (names, terminal) in [(&AXON_NAMES, &self.axon), (&DENDRITE_NAMES, &self.dendrite)] {
            for (name, text) in names.iter().zip(terminal.texts()) {
                if let Some(text) = text {
                    put(name.clone(), text);
                }
            }
        }
        for (field, value) in &self.inputs {
            if let Ok(name) = HeaderName::from_bytes(format!("{INPUT}{field}").as_bytes()) {
                put(name, value.clone());
            }
        }
        if let Some(hash) = &self.computed_body_hash {
            put(HeaderName::from_static(BODY_HASH), hash.clone());
        }
        headers
    }
}

fn is_ours(key: &str) -> bool {
    key.starts_with("bt_header_") || matches!(key, NAME | TIMEOUT | BODY_HASH)
}

fn is_number(field: &str) -> bool {
    matches!(
        field,
        "status_code" | "process_time" | "port" | "version" | "nonce"
    )
}

/// `float()`, without its leniency for spaces and underscores.
fn seconds(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn names(prefix: &str) -> [HeaderName; 10] {
    FIELDS.map(|field| {
        let name = format!("{prefix}{field}");
        HeaderName::try_from(name).expect("letters and underscores are a header's name")
    })
}

/// A name, a message: whatever does not belong into a header is replaced.
fn header_text(text: String) -> HeaderValue {
    let plain = |b: u8| (b' '..=b'~').contains(&b);
    let text = if text.len() <= TEXT_CHARS_MAX && text.bytes().all(plain) {
        text
    } else {
        let some = text.chars().take(TEXT_CHARS_MAX);
        some.map(|c| if (' '..='~').contains(&c) { c } else { '?' })
            .collect()
    };
    HeaderValue::try_from(text).expect("printable ASCII is header text")
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

    /// Each of [`FIELDS`] that is set, as text.
    fn texts(&self) -> [Option<String>; 10] {
        let number = |number: u64| number.to_string();
        [
            self.status_code.map(|code| number(code.into())),
            self.status_message.clone(),
            self.process_time_s.map(float),
            self.ip.clone(),
            self.port.map(|port| number(port.into())),
            self.version.map(number),
            self.nonce.map(number),
            self.uuid.clone(),
            self.hotkey.clone(),
            self.signature.clone(),
        ]
    }

    /// As it stands in a body: all fields, `null` where nothing is said.
    pub(super) fn write_json(&self, out: &mut String) {
        for (index, (field, text)) in FIELDS.iter().zip(self.texts()).enumerate() {
            out.push_str(if index == 0 { "{\"" } else { ",\"" });
            out.push_str(field);
            out.push_str("\":");
            match text {
                None => out.push_str("null"),
                Some(number) if is_number(field) => out.push_str(&number),
                Some(text) => string(out, &text),
            }
        }
        out.push('}');
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
        let mut json = String::new();
        head().axon.write_json(&mut json);
        let value = super::super::json::read(&json).unwrap();
        assert_eq!(Terminal::from_value(&value), head().axon);
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
