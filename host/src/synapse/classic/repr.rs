//! Python's `str()` and `repr()` of values, byte for byte.
//!
//! A text stands for itself at the top and in quotes within a container: single
//! ones, unless it holds a single and no double quote. What does not print is
//! escaped; which characters print follows the Unicode tables of this build,
//! and a Python of another year may differ over characters that were assigned
//! since.

use std::fmt::Write as _;

use crate::subnet::synapse::Value;

/// `str(value)`
pub fn str(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)`
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Text(text) => quoted(out, text),
        Value::Bytes(bytes) => bytes_literal(out, bytes),
        Value::List(items) => {
            out.push('[');
            sequence(out, items);
            out.push(']');
        }
        Value::Tuple(items) => {
            out.push('(');
            sequence(out, items);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Value::Dict(pairs) => {
            out.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                comma(out, index);
                write(out, key);
                out.push_str(": ");
                write(out, value);
            }
            out.push('}');
        }
    }
}

fn sequence(out: &mut String, items: &[Value]) {
    for (index, item) in items.iter().enumerate() {
        comma(out, index);
        write(out, item);
    }
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push_str(", ");
    }
}

/// The shortest digits that read back as the same number; in powers of ten from
/// 1e16 up and below 1e-4.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, power) = scientific
        .split_once('e')
        .expect("the format has an exponent");
    let power: i32 = power.parse().expect("the exponent is a number");
    if (-4..16).contains(&power) {
        let plain = number.to_string();
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.unsigned_abs())
}

fn quote_for(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

fn quoted(out: &mut String, text: &str) {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            c if !c.is_ascii() && prints(c) => out.push(c),
            c => escaped(out, u32::from(c)),
        }
    }
    out.push(quote);
}

fn escaped(out: &mut String, code: u32) {
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// Whether Rust prints it within a text, which goes by the same categories as
/// `str.isprintable`.
fn prints(c: char) -> bool {
    let mut buffer = [b'a'; 5];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=len]).expect("a letter and a character");
    text.escape_debug().nth(1) == Some(c)
}

fn bytes_literal(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match char::from(*byte) {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c @ ' '..='~' => out.push(c),
            c => escaped(out, u32::from(c)),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_does_not_print_is_escaped_as_python_does() {
        // Python 3.11's repr of a list of each.
        for (text, expected) in [
            ("\u{ad}", "['\\xad']"),
            ("\u{200b}", "['\\u200b']"),
            ("\u{a0}", "['\\xa0']"),
            ("\u{2028}", "['\\u2028']"),
            ("\u{301}", "['\u{301}']"),
            ("\u{e000}", "['\\ue000']"),
            ("\u{e0001}", "['\\U000e0001']"),
            ("\u{378}", "['\\u0378']"),
            ("\u{3000}", "['\\u3000']"),
            ("é", "['é']"),
            ("\u{85}", "['\\x85']"),
            ("\u{7f}", "['\\x7f']"),
            ("\0", "['\\x00']"),
            ("😀", "['😀']"),
            ("it's", "[\"it's\"]"),
            ("both ' and \"", "['both \\' and \"']"),
            ("back\\slash", "['back\\\\slash']"),
        ] {
            assert_eq!(str(&Value::List(vec![text.into()])), expected);
        }
    }

    #[test]
    fn tuples_and_bytes_have_forms_of_their_own() {
        let one = Value::Tuple(vec![Value::Int(1)]);
        assert_eq!(str(&one), "(1,)");
        let two = Value::Tuple(vec![Value::Int(1), "a".into()]);
        assert_eq!(str(&two), "(1, 'a')");
        assert_eq!(str(&Value::Bytes(b"ab\0".to_vec())), "b'ab\\x00'");
        assert_eq!(str(&Value::Bytes(b"it's".to_vec())), "b\"it's\"");
        let keyed = Value::Dict(vec![(Value::Int(1), Value::None)]);
        assert_eq!(str(&keyed), "{1: None}");
    }

    proptest::proptest! {
        #[test]
        fn a_floats_text_reads_back_as_the_same_float(bits: u64) {
            let number = f64::from_bits(bits);
            let text = float(number);
            if number.is_finite() {
                proptest::prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
                proptest::prop_assert!(text.contains(['.', 'e']), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_the_emitter_panic(text in ".{0,40}", bytes: Vec<u8>) {
            let _ = repr(&Value::Tuple(vec![Value::Text(text), Value::Bytes(bytes)]));
        }
    }
}
