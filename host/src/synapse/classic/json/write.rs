//! The writer: compact, and with Python's two ways for numbers that are none.

use super::super::repr::float;
use crate::subnet::synapse::Value;

/// How a number that is not finite is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonFinite {
    /// `NaN` and `Infinity`, as `json.dumps` does and dendrites send.
    AsPython,
    /// `null`, as pydantic does and axons answer.
    AsNull,
}

/// `value` as JSON; bytes that are no UTF-8 lose what is not.
pub fn to_json(value: &Value, non_finite: NonFinite) -> String {
    let mut out = String::new();
    write(&mut out, value, non_finite);
    out
}

pub(in super::super) fn write(out: &mut String, value: &Value, non_finite: NonFinite) {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_finite() => out.push_str(&float(*number)),
        Value::Float(number) => out.push_str(match non_finite {
            NonFinite::AsNull => "null",
            NonFinite::AsPython if number.is_nan() => "NaN",
            NonFinite::AsPython if *number > 0.0 => "Infinity",
            NonFinite::AsPython => "-Infinity",
        }),
        Value::Text(text) => string(out, text),
        Value::Bytes(bytes) => string(out, &String::from_utf8_lossy(bytes)),
        Value::List(items) | Value::Tuple(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(out, index);
                write(out, item, non_finite);
            }
            out.push(']');
        }
        Value::Dict(pairs) => {
            out.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                comma(out, index);
                write_key(out, key, non_finite);
                out.push(':');
                write(out, value, non_finite);
            }
            out.push('}');
        }
    }
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

/// A key is a text whatever it was: `1` becomes `"1"`.
fn write_key(out: &mut String, key: &Value, non_finite: NonFinite) {
    match key {
        Value::Text(text) => string(out, text),
        other => string(out, &to_json(other, non_finite)),
    }
}

pub(in super::super) fn string(out: &mut String, text: &str) {
    let plain = |b: u8| b >= b' ' && b != b'"' && b != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).expect("a text is JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_values_become_json() {
        let value = Value::dict([
            (
                "t",
                Value::Tuple(vec![Value::Int(1), Value::Bytes(b"b\xff".to_vec())]),
            ),
            ("f", Value::Float(1e-7)),
            ("n", Value::Float(f64::NAN)),
        ]);
        let text = "{\"t\":[1,\"b\u{fffd}\"],\"f\":1e-07,\"n\":null}";
        assert_eq!(to_json(&value, NonFinite::AsNull), text);
        let numbered = Value::Dict(vec![(Value::Int(1), Value::Float(f64::NEG_INFINITY))]);
        let written = to_json(&numbered, NonFinite::AsPython);
        assert_eq!(written, "{\"1\":-Infinity}");
    }
}
