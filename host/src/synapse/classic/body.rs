//! Bodies: the fields of a message within what both ends say of themselves.

use super::headers::Terminal;
use super::json::{NonFinite, NotJson, string, write};
use crate::subnet::synapse::{Fields, Value};

/// An envelope and a few fields.
const BODY_BYTES_USUAL: usize = 1024;

/// Why a body is not one of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyTrouble {
    /// No UTF-8.
    #[error("There was an error parsing the body")]
    NotText,
    /// No JSON.
    #[error(transparent)]
    NotJson(#[from] NotJson),
    /// Nothing at all.
    #[error("the body is empty")]
    Empty,
    /// JSON, but no object.
    #[error("the body is no object")]
    NotADict,
    /// A required field is not there.
    #[error("the field {0} is missing")]
    Missing(String),
    /// A field is not of its type.
    #[error("the field {0} is not of its type")]
    Unfit(String),
}

/// What stands around the fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    /// The message's name.
    pub name: String,
    /// In seconds; Python's default is 12.
    pub timeout_s: Option<f64>,
    /// The caller.
    pub dendrite: Terminal,
    /// The one that is called.
    pub axon: Terminal,
}

/// A whole body as JSON.
pub fn write_body(envelope: &Envelope, fields: &Fields, non_finite: NonFinite) -> String {
    let mut out = String::with_capacity(BODY_BYTES_USUAL);
    out.push_str("{\"name\":");
    string(&mut out, &envelope.name);
    out.push_str(",\"timeout\":");
    let timeout = envelope.timeout_s.map_or(Value::None, Value::Float);
    write(&mut out, &timeout, non_finite);
    out.push_str(",\"total_size\":0,\"header_size\":0,\"dendrite\":");
    envelope.dendrite.write_json(&mut out);
    out.push_str(",\"axon\":");
    envelope.axon.write_json(&mut out);
    out.push_str(",\"computed_body_hash\":\"\"");
    for (name, value) in &fields.0 {
        out.push(',');
        string(&mut out, name);
        out.push(':');
        write(&mut out, value, non_finite);
    }
    out.push('}');
    out
}
