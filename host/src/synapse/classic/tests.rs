//! Hashes recorded from bittensor 10.5.0, and how tables are made and read.
#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;

use super::json::{NonFinite, read};
use super::*;
use crate::subnet::synapse::{Declaration, Fields, Kind};

const VECTORS: &str = include_str!("vectors/synapse_body_hash.json");

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap()
}

fn echo() -> Entry {
    let any = || Box::new(Kind::Any);
    let declaration = Declaration::new("Echo")
        .required("prompt", Kind::Text)
        .optional("n", Kind::Int, Value::Int(3))
        .optional("tags", Kind::List(any()), Value::List(Vec::new()))
        .optional("answer", Kind::Text.or_none(), Value::None)
        .hashed(&["prompt", "n"]);
    Entry::new(declaration).unwrap()
}

#[test]
fn python_texts_and_hashes_are_those_recorded() {
    let recorded: Json = serde_json::from_str(VECTORS).unwrap();
    let values = recorded["values"].as_array().unwrap();
    assert_eq!(values.len(), 39);
    for case in values {
        let value = read(text(case, "json")).unwrap();
        assert_eq!(repr::str(&value), text(case, "python_str"));
        let hash = body_hash([&value].into_iter());
        assert_eq!(hash, text(case, "body_hash_single_field"));
    }
    assert_eq!(body_hash(std::iter::empty()), text(&recorded, "empty"));
}

#[test]
fn a_hash_goes_by_the_declared_order() {
    let recorded: Json = serde_json::from_str(VECTORS).unwrap();
    let entry = |order: &[&str]| {
        let declaration = Declaration::new("Two")
            .optional("a", Kind::Text, Value::from("x"))
            .optional("b", Kind::Int, Value::Int(1))
            .hashed(order);
        Entry::new(declaration).unwrap()
    };
    let hash = |entry: Entry| entry.body_hash(&entry.fields(b"{}").unwrap());
    let (ba, ab) = (hash(entry(&["b", "a"])), hash(entry(&["a", "b"])));
    assert_eq!(ba, text(&recorded, "classvar_order_(b,a)"));
    let by_model = "pydantic_field_style_uses_model_order_(a,b)";
    assert_eq!(ab, text(&recorded, by_model));
}

#[test]
fn a_body_is_read_in_the_words_of_its_declaration() {
    let body = br#"{"n":"4","prompt":"p","zzz":1,"dendrite":{"hotkey":"x"}}"#;
    let fields = echo().fields(body).unwrap();
    let names: Vec<_> = fields.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["prompt", "n", "tags", "answer"]);
    assert_eq!(fields.get("n"), Some(&Value::Int(4)));
    assert_eq!(fields.get("answer"), Some(&Value::None));
    let trouble = |body: &[u8]| echo().fields(body).unwrap_err();
    assert_eq!(trouble(b"{}"), BodyTrouble::Missing("prompt".to_owned()));
    assert_eq!(
        trouble(br#"{"prompt":1}"#),
        BodyTrouble::Unfit("prompt".to_owned())
    );
    assert_eq!(trouble(b"[]"), BodyTrouble::NotADict);
    assert_eq!(trouble(b""), BodyTrouble::Empty);
    assert_eq!(trouble(b"\xff"), BodyTrouble::NotText);
    assert!(matches!(trouble(b"{x"), BodyTrouble::NotJson(_)));
}

#[test]
fn a_required_field_is_announced_by_an_empty_value() {
    let fields = Fields(vec![("prompt".to_owned(), Value::from("p"))]);
    let inputs = echo().announcements(&fields);
    assert_eq!(inputs["prompt"], "IiI=");
    let mut head = Head {
        inputs,
        ..Head::default()
    };
    assert_eq!(echo().check_announced(&head), Ok(()));
    for odd in ["", "MA==", "not base64"] {
        head.inputs.insert("prompt".to_owned(), odd.to_owned());
        assert!(echo().check_announced(&head).is_err(), "{odd}");
    }
}

#[test]
fn a_body_that_is_written_is_read_again() {
    let fields = echo().fields(br#"{"prompt":"\u00e9'"}"#).unwrap();
    let envelope = Envelope {
        name: "Echo".to_owned(),
        timeout_s: Some(12.0),
        ..Envelope::default()
    };
    let body = write_body(&envelope, &fields, NonFinite::AsNull);
    assert_eq!(echo().fields(body.as_bytes()).unwrap(), fields);
    let json: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(json["axon"]["status_code"], Json::Null);
    assert_eq!(json["timeout"], 12.0);
}

#[test]
fn a_declaration_that_makes_no_sense_is_refused() {
    let int = Value::Int(1);
    for (declaration, why) in [
        (Declaration::new("no name"), "its name is no class's name"),
        (Declaration::new(PING), "it is declared twice"),
        (
            Declaration::new("A").required("axon", Kind::Any),
            "axon cannot be a field",
        ),
        (
            Declaration::new("A")
                .required("x", Kind::Any)
                .required("x", Kind::Any),
            "the field x is there twice",
        ),
        (
            Declaration::new("A").optional("x", Kind::Text, int),
            "the default of x is not of its type",
        ),
        (
            Declaration::new("A").hashed(&["x"]),
            "the hash field x is no field",
        ),
    ] {
        assert_eq!(Table::new([declaration]).unwrap_err().why, why);
    }
    let table = Table::new([Declaration::new("Specs")]).unwrap();
    assert_eq!(table.names(), "['Synapse', 'Specs']");
}

proptest::proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(body: Vec<u8>) {
        let _ = echo().fields(&body);
    }
}
