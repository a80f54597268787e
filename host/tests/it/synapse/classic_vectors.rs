//! Requests recorded between a Dendrite and an Axon of bittensor 10.5.0, played
//! to this node's axon: the same status and message, but for Python's holes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::synapse::AxonOptions;
use serde_json::Value;

use super::support::{Axon, StillClock, status, talk};
use super::synapses::Synapses;

const CAPTURE: &str = include_str!("../../data/axon_v10.5.0.json");
/// When most of it was recorded.
const RECORDED_NS: u64 = 1_795_353_540_000_000_000;

/// What Python answered with 200, and this node must not.
const HOLES: [(&str, u16, &str); 3] = [
    ("nonce_future_1h", 401, "Nonce is too new"),
    ("old_version_any_nonce", 401, "Nonce is too old"),
    ("no_version_any_nonce", 401, "Nonce is too old"),
];
/// What Python echoes of what was signed.
const ECHOED: &str = "Signature mismatch";

/// How long after it was signed a request arrives.
fn delay_ns(name: &str) -> i64 {
    match name {
        "nonce_too_old_401" => 17_010_000_000,
        "nonce_15s_old_ok" => 15_000_000_000,
        "nonce_future_1h" => -3_600_000_000_000,
        _ => 5_000_000,
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// The recorded bytes, with a connection that ends.
fn request(case: &Value) -> Vec<u8> {
    let raw = STANDARD.decode(text(case, "request_b64")).unwrap();
    let end = raw
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let (head, body) = raw.split_at(end);
    let head = String::from_utf8(head.to_vec()).unwrap();
    let lines = head
        .split("\r\n")
        .filter(|line| !line.starts_with("Connection"));
    let head: Vec<&str> = lines.chain(["Connection: close"]).collect();
    [head.join("\r\n").as_bytes(), body].concat()
}

fn nonce(request: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(request);
    let (_, rest) = text.split_once("bt_header_dendrite_nonce: ")?;
    rest.split("\r\n").next()?.parse().ok()
}

fn without_ids(message: &str) -> &str {
    let cut = message.find('#').unwrap_or(message.len());
    &message[..cut]
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let mut lines = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    lines.find(|(own, _)| *own == name).map(|(_, value)| value)
}

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

fn recorded_header<'a>(case: &'a Value, name: &str) -> Option<&'a str> {
    let headers = case["response"]["headers"].as_array().unwrap();
    let mut pairs = headers
        .iter()
        .map(|pair| (&pair[0], pair[1].as_str().unwrap()));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

#[tokio::test]
async fn each_recorded_request_is_answered_as_python_answered_it() {
    let recorded: Value = serde_json::from_str(CAPTURE).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 34);
    let clock = Arc::new(StillClock(RECORDED_NS.into()));
    let options = AxonOptions {
        clock: clock.clone(),
        requests_burst: 1000,
        ..AxonOptions::default()
    };
    let axon = Axon::serve(options, Arc::new(Synapses::default())).await;
    for case in cases {
        let request = request(case);
        let signed = nonce(&request).filter(|nonce| *nonce > RECORDED_NS / 2);
        let delay = delay_ns(text(case, "name"));
        let now = signed.unwrap_or(RECORDED_NS).saturating_add_signed(delay);
        clock.0.store(now, Ordering::SeqCst);
        let deny = text(case, "name") == "deny_403";
        let answer = if deny {
            let options = AxonOptions {
                clock: clock.clone(),
                ..AxonOptions::default()
            };
            let axon = Axon::serve(options, Arc::new(Synapses::denying())).await;
            talk(axon.address, &request).await
        } else {
            talk(axon.address, &request).await
        };
        check(case, &request, &answer);
    }
}

fn check(case: &Value, request: &[u8], answer: &str) {
    let name = text(case, "name");
    let hole = HOLES.iter().find(|hole| hole.0 == name);
    let recorded_line = text(&case["response"], "line");
    let expected = hole.map_or_else(|| status(recorded_line), |hole| Some(hole.1));
    assert_no_echo(name, request, answer);
    if name == "client_timeout_408" {
        // The client was gone before Python had answered; this axon answers in
        // the time that the caller waits.
        assert_eq!(status(answer), Some(408), "{name}: {answer}");
        return;
    }
    assert_eq!(status(answer), expected, "{name}: {answer}");
    for needed in ["content-type", "name", "bt_header_axon_status_code"] {
        let theirs = recorded_header(case, needed);
        let code = hole.map(|hole| hole.1.to_string());
        let theirs = match (needed, &code) {
            ("bt_header_axon_status_code", Some(code)) => Some(code.as_str()),
            ("content-type", Some(_)) => Some("application/json"),
            _ => theirs,
        };
        assert_eq!(header(answer, needed), theirs, "{name}: {answer}");
    }
    if name == "stream" {
        let (_, chunks) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(chunks, text(&case["response"], "body_utf8"));
        return;
    }
    let (ours, theirs) = (body(answer), text(&case["response"], "body_utf8"));
    let theirs: Value = serde_json::from_str(theirs).unwrap();
    if let Some((_, _, message)) = hole {
        assert!(text(&ours, "message").contains(message), "{name}: {ours}");
    } else if let Some(message) = theirs["message"].as_str() {
        compare_messages(name, text(&ours, "message"), message);
    } else if status(answer) == Some(422) {
        assert_eq!(ours, theirs, "{name}");
    } else {
        compare_fields(name, &ours, &theirs);
    }
}

fn compare_messages(name: &str, ours: &str, theirs: &str) {
    let (_, found) = theirs.split_once(ECHOED).unwrap_or(("", ""));
    if found.is_empty() {
        assert_eq!(without_ids(ours), without_ids(theirs), "{name}");
    } else {
        assert_eq!(ours, format!("Not Verified with error: {ECHOED}"), "{name}");
    }
}

fn compare_fields(name: &str, ours: &Value, theirs: &Value) {
    for (field, theirs) in theirs.as_object().unwrap() {
        match field.as_str() {
            // Sizes of Python's own objects.
            "total_size" | "header_size" => {}
            "dendrite" => assert_eq!(ours[field]["signature"], Value::Null, "{name}"),
            "axon" => {
                for own in ["status_code", "status_message"] {
                    assert_eq!(ours[field][own], theirs[own], "{name}");
                }
            }
            _ => assert_eq!(&ours[field], theirs, "{name}: {field}"),
        }
    }
}

/// Neither the signature nor the body's hash, nor a text made of both.
fn assert_no_echo(name: &str, request: &[u8], answer: &str) {
    let request = String::from_utf8_lossy(request);
    for header in [
        "bt_header_dendrite_signature",
        "computed_body_hash",
        "bt_header_dendrite_nonce",
    ] {
        let Some((_, rest)) = request.split_once(&format!("{header}: ")) else {
            continue;
        };
        let signed = rest.split("\r\n").next().unwrap();
        let short = signed.len() < 8;
        assert!(
            short || !answer.contains(signed),
            "{name}: {header}: {answer}"
        );
    }
}
