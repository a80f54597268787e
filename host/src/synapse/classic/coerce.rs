//! Makes JSON's values the types of a declaration, as pydantic does.
//!
//! The body's hash is taken after that: a `"3"` sent into an `int` is hashed as
//! `3`. The rules are those of pydantic 2 in its lax mode; what it refuses is
//! refused here.

use crate::subnet::synapse::{Kind, Value};

/// `2^63`, above which pydantic takes no float for an integer.
const INT_FROM_FLOAT_MAX: f64 = 9_223_372_036_854_775_808.0;

/// `value` as a `kind`; `None` if it cannot be one.
pub fn coerce(value: Value, kind: &Kind) -> Option<Value> {
    match (kind, value) {
        (Kind::Any, value) => Some(value),
        (Kind::Optional(_), Value::None) => Some(Value::None),
        (Kind::Optional(inner), value) => coerce(value, inner),
        (Kind::Bool, value) => bool_of(&value).map(Value::Bool),
        (Kind::Int, value) => int_of(&value).map(Value::Int),
        (Kind::Float, value) => float_of(&value).map(Value::Float),
        (Kind::Text, Value::Text(text)) => Some(Value::Text(text)),
        (Kind::Bytes, Value::Text(text)) => Some(Value::Bytes(text.into_bytes())),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(Value::Bytes(bytes)),
        (Kind::List(kind), Value::List(items) | Value::Tuple(items)) => {
            let items: Option<_> = items.into_iter().map(|item| coerce(item, kind)).collect();
            items.map(Value::List)
        }
        (Kind::Tuple(kinds), Value::List(items) | Value::Tuple(items)) => tuple(items, kinds),
        (Kind::Dict(key, value), Value::Dict(pairs)) => dict(pairs, key, value),
        _ => None,
    }
}

fn tuple(items: Vec<Value>, kinds: &[Kind]) -> Option<Value> {
    if items.len() != kinds.len() {
        return None;
    }
    let items: Option<_> = items
        .into_iter()
        .zip(kinds)
        .map(|(item, kind)| coerce(item, kind))
        .collect();
    items.map(Value::Tuple)
}

fn dict(pairs: Vec<(Value, Value)>, key_kind: &Kind, value_kind: &Kind) -> Option<Value> {
    // JSON's keys are texts and differ; they may be equal as something else.
    let may_meet = !matches!(key_kind, Kind::Any | Kind::Text);
    let mut out: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
    let mut places = std::collections::HashMap::new();
    for (key, value) in pairs {
        let key = coerce(key, key_kind)?;
        let value = coerce(value, value_kind)?;
        if may_meet {
            match places.entry(super::repr::repr(&key)) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    let place: usize = *place.get();
                    out[place].1 = value;
                    continue;
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(out.len());
                }
            }
        }
        out.push((key, value));
    }
    Some(Value::Dict(out))
}

fn bool_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Float(number) if *number == 0.0 => Some(false),
        Value::Float(number) if *number == 1.0 => Some(true),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
            "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
            _ => None,
        },
        _ => None,
    }
}

fn int_of(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(flag) => Some(i128::from(*flag)),
        Value::Int(number) => Some(*number),
        Value::Float(number) => {
            let whole = number.is_finite()
                && number.fract() == 0.0
                && (-INT_FROM_FLOAT_MAX..INT_FROM_FLOAT_MAX).contains(number);
            // A cast would round in silence; the text of a whole number does not.
            whole.then(|| format!("{number:.0}").parse().ok()).flatten()
        }
        Value::Text(text) => int_of_text(text),
        _ => None,
    }
}

/// A sign, digits, and zeros after a point.
fn int_of_text(text: &str) -> Option<i128> {
    let plain = without_underscores(text.trim())?;
    let whole = match plain.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => &plain,
    };
    whole.parse().ok()
}

fn float_of(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(if *flag { 1.0 } else { 0.0 }),
        // Rounded as Python rounds.
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(text) => without_underscores(text.trim())?.parse().ok(),
        _ => None,
    }
}

/// Single underscores between other characters go; others are an error.
fn without_underscores(text: &str) -> Option<String> {
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    Some(text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::json::read;
    use super::super::repr::repr;
    use super::*;

    /// What pydantic 2.14 makes of each; empty where it refuses.
    fn check(kind: &Kind, cases: &[(&str, &str)]) {
        for (json, expected) in cases {
            let coerced = coerce(read(json).unwrap(), kind);
            let shown = coerced.map_or(String::new(), |value| repr(&value));
            assert_eq!(&shown, expected, "{json} as {kind:?}");
        }
    }

    #[test]
    fn an_int_is_taken_from_what_pydantic_takes_it_from() {
        let taken = [
            ("\" 3 \"", "3"),
            ("\"+3\"", "3"),
            ("\"3.00\"", "3"),
            ("\"1_000\"", "1000"),
            ("\"-03\"", "-3"),
            ("\"3_0.0\"", "30"),
            ("true", "1"),
            ("3.0", "3"),
            ("9007199254740992.0", "9007199254740992"),
        ];
        check(&Kind::Int, &taken);
        for refused in [
            "\"3.5\"",
            "\"3.\"",
            "\"_1\"",
            "\"1__0\"",
            "\"0x1\"",
            "\"\"",
            "\"1e3\"",
            "\"- 3\"",
            "\".0\"",
            "3.5",
            "1e30",
            "1e19",
            "NaN",
            "null",
            "[3]",
            "\"\u{663}\"",
        ] {
            check(&Kind::Int, &[(refused, "")]);
        }
    }

    #[test]
    fn a_float_is_taken_from_what_pydantic_takes_it_from() {
        let taken = [
            ("\" 1.5 \"", "1.5"),
            ("\"1_0.5\"", "10.5"),
            ("\"iNf\"", "inf"),
            ("\"+nan\"", "nan"),
            ("\".5\"", "0.5"),
            ("\"5.\"", "5.0"),
            ("\"1e400\"", "inf"),
            ("true", "1.0"),
            ("3", "3.0"),
        ];
        check(&Kind::Float, &taken);
        for refused in ["null", "\"\"", "\"0x1p3\"", "\"_1.0\"", "\"1__0\""] {
            check(&Kind::Float, &[(refused, "")]);
        }
    }

    #[test]
    fn a_bool_is_taken_from_what_pydantic_takes_it_from() {
        let taken = [
            ("\"TRUE\"", "True"),
            ("\"No\"", "False"),
            ("1", "True"),
            ("0.0", "False"),
        ];
        check(&Kind::Bool, &taken);
        for refused in ["\" true\"", "\"\"", "2", "0.5", "null"] {
            check(&Kind::Bool, &[(refused, "")]);
        }
    }

    #[test]
    fn containers_are_coerced_within() {
        let int = || Box::new(Kind::Int);
        check(&Kind::Text, &[("\"a\"", "'a'"), ("1", ""), ("true", "")]);
        check(&Kind::List(int()), &[("[\"1\",2.0]", "[1, 2]"), ("{}", "")]);
        let keyed = Kind::Dict(int(), Box::new(Kind::Float));
        check(&keyed, &[("{\"1\":1,\" 1\":\"2\"}", "{1: 2.0}")]);
        let pair = Kind::Tuple(vec![Kind::Int, Kind::Text]);
        check(&pair, &[("[\"1\",\"b\"]", "(1, 'b')"), ("[1]", "")]);
        check(&Kind::Int.or_none(), &[("null", "None"), ("\"x\"", "")]);
        check(&Kind::Bytes, &[("\"a\\u0000\"", "b'a\\x00'"), ("1", "")]);
    }
}
