//! twresp/1 as taowire 0.1.0a2 signs and verifies it, recorded.

use host::subnet::key::AccountId;
use host::synapse::twresp::{self, Answered, NotProven};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::support::alice_ed25519;

const CASES: &str = include_str!("../../data/twresp1_taowire_0.1.0a2.json");

/// Where taowire is lax and this node is not.
const STRICTER: [&str; 1] = ["upper case"];

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn headers(case: &Value) -> HeaderMap {
    let pairs = case["headers"].as_array().unwrap().iter();
    pairs
        .map(|pair| {
            let name = pair[0].as_str().unwrap().to_ascii_lowercase();
            let value = HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap();
            (name.parse::<HeaderName>().unwrap(), value)
        })
        .fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        })
}

fn answered(case: &Value) -> Answered<'_> {
    Answered {
        nonce: case["request_nonce"].as_u64().unwrap().into(),
        asker: text(case, "sender_ss58"),
        status: u16::try_from(case["status"].as_u64().unwrap()).unwrap(),
        body: text(case, "body_utf8").as_bytes(),
    }
}

fn kind(reason: &str) -> NotProven {
    match reason {
        "response is not signed" => NotProven::Unsigned,
        "response signed by another hotkey" => NotProven::OtherHotkey,
        "invalid response signature" => NotProven::BadSignature,
        _ => NotProven::Malformed,
    }
}

fn cases() -> Vec<Value> {
    let recorded: Value = serde_json::from_str(CASES).unwrap();
    recorded["cases"].as_array().unwrap().clone()
}

#[test]
fn answers_are_judged_as_taowire_does_or_more_strictly() {
    let cases = cases();
    assert_eq!(cases.len(), 23);
    for case in &cases {
        let name = text(case, "name");
        let answerer = AccountId::from_ss58(text(case, "expected_responder")).unwrap();
        let checked = twresp::check(&headers(case), &answerer, answered(case));
        let expected = match case["reason"].as_str() {
            _ if STRICTER.contains(&name) => Err(NotProven::Malformed),
            // It says what is wrong; that a header is not there is all we say.
            Some(_) if name == "no signature" => Err(NotProven::Unsigned),
            Some(reason) => Err(kind(reason)),
            None => Ok(()),
        };
        assert_eq!(checked, expected, "{name}");
    }
}

/// ed25519 signatures are the same each time.
#[test]
fn what_this_node_signs_is_what_taowire_signs() {
    let cases = cases();
    let case = cases.iter().find(|c| text(c, "name") == "ed25519").unwrap();
    let signed = twresp::sign(alice_ed25519().as_ref(), answered(case));
    let signed: HeaderMap = signed.into_iter().collect();
    assert_eq!(signed, headers(case));
}
