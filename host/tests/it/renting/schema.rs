//! As much of JSON Schema as the operator API's description uses, read strictly:
//! a keyword that is not known here, and a field that is not described, fail.

use serde_json::{Map, Value};

/// The answer to `operation` is what the description says: a refusal if `status`
/// is not 200.
pub(super) fn check_answer(document: &Value, operation: &str, status: u16, answer: &Value) {
    let responses = &post(document, operation)["responses"];
    let response = match status {
        200 => &responses["200"],
        _ => &responses["default"],
    };
    check(document, &content(response), answer, operation);
}

/// What is sent for `operation` is what the description says.
pub(super) fn check_request(document: &Value, operation: &str, asked: &Value) {
    let body = &post(document, operation)["requestBody"];
    check(document, &content(body), asked, operation);
}

fn post<'a>(document: &'a Value, operation: &str) -> &'a Value {
    let path = format!("/compute-subnet/1/operator/{operation}");
    let post = &document["paths"][&path]["post"];
    assert!(post.is_object(), "{path} is not described");
    post
}

fn content(of: &Value) -> Value {
    of["content"]["application/json"]["schema"].clone()
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Err(why) = matches(document, schema, value) {
        panic!("{place}: {why}: {value}");
    }
}

fn matches(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, expected) in schema.as_object().ok_or("a schema is an object")? {
        match keyword.as_str() {
            "description" | "format" => {}
            "$ref" => matches(document, referred(document, expected), value)?,
            "type" => hold(is_of_type(expected, value), "another type", expected)?,
            "enum" => hold(
                expected.as_array().unwrap().contains(value),
                "another word",
                expected,
            )?,
            "minimum" => hold(
                bounded(value, |n| n >= number(expected)),
                "too small",
                expected,
            )?,
            "maximum" => hold(
                bounded(value, |n| n <= number(expected)),
                "too large",
                expected,
            )?,
            "pattern" => hold(is_key(expected, value), "another form", expected)?,
            "items" => items(document, expected, value)?,
            "oneOf" => one_of(document, expected, value)?,
            "properties" => properties(document, expected, value)?,
            "required" => required(expected, value)?,
            // Every object is read as if it said so.
            "additionalProperties" => {}
            other => return Err(format!("the keyword {other} is not known")),
        }
    }
    Ok(())
}

fn hold(holds: bool, what: &str, expected: &Value) -> Result<(), String> {
    holds
        .then_some(())
        .ok_or_else(|| format!("{what}, not {expected}"))
}

fn referred<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let path = reference.as_str().unwrap().strip_prefix('#').unwrap();
    let found = document.pointer(path);
    found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_of_type(expected: &Value, value: &Value) -> bool {
    match expected {
        Value::Array(types) => types.iter().any(|one| is_of_type(one, value)),
        one => match one.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "null" => value.is_null(),
            other => panic!("the type {other} is not known"),
        },
    }
}

fn number(value: &Value) -> i128 {
    let unsigned = value.as_u64().map(i128::from);
    unsigned.or(value.as_i64().map(i128::from)).unwrap()
}

/// What is no number has no bounds.
fn bounded(value: &Value, holds: impl Fn(i128) -> bool) -> bool {
    !value.is_number() || holds(number(value))
}

/// The one pattern there is.
fn is_key(pattern: &Value, value: &Value) -> bool {
    assert_eq!(pattern, "^[a-z0-9-]{1,128}$");
    let text = value.as_str().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

fn items(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let mut items = value.as_array().into_iter().flatten();
    items.try_for_each(|item| matches(document, schema, item))
}

fn one_of(document: &Value, schemas: &Value, value: &Value) -> Result<(), String> {
    let schemas = schemas.as_array().unwrap().iter();
    let fitting = schemas
        .filter(|schema| matches(document, schema, value).is_ok())
        .count();
    match fitting {
        1 => Ok(()),
        other => Err(format!("{other} of the alternatives fit")),
    }
}

fn properties(document: &Value, described: &Value, value: &Value) -> Result<(), String> {
    for (name, field) in value.as_object().unwrap_or(&Map::new()) {
        let schema = described.get(name);
        let schema = schema.ok_or_else(|| format!("`{name}` is not described"))?;
        matches(document, schema, field).map_err(|why| format!("`{name}`: {why}"))?;
    }
    Ok(())
}

fn required(names: &Value, value: &Value) -> Result<(), String> {
    let mut names = names.as_array().unwrap().iter();
    let missing = names.find(|name| value.get(name.as_str().unwrap()).is_none());
    missing.map_or(Ok(()), |name| Err(format!("{name} is missing")))
}

#[test]
fn what_is_not_described_is_found() {
    let document: Value = serde_json::from_str(host::role::operator::OPENAPI).unwrap();
    let named = serde_json::json!({"$ref": "#/components/schemas/Named"});
    let fits = |value: Value| matches(&document, &named, &value).is_ok();
    assert!(fits(serde_json::json!({"key": "k"})));
    assert!(!fits(serde_json::json!({})));
    assert!(!fits(serde_json::json!({"key": 1})));
    assert!(!fits(serde_json::json!({"key": "k", "more": 1})));
}
