//! Requests recorded from Python's `bittensor.http_auth` 11.3.0.

use std::sync::Arc;

use host::subnet::key::{AccountId, Signature, Signer};
use host::synapse::btauth::{self, Btauth};
use host::synapse::replay::{ReplayLimits, ReplayStore};
use host::synapse::verify::{Arrived, AuthError, Verifier};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::support::{StillClock, alice, alice_ed25519, bob};

const CASES: &str = include_str!("../../data/btauth1_v11.3.0.json");
const EXCHANGES: &str = include_str!("../../data/btauth1_loopback_http.json");

/// Where Python is lax and this node is not: case, error, beginning of its text.
const STRICTER: [(&str, &str, &str); 9] = [
    (
        "unbound accepted with require_receiver=False",
        "WrongReceiver",
        "missing X-Bittensor-Receiver",
    ),
    (
        "nonce with plus/space (python int())",
        "MalformedAuth",
        "X-Bittensor-Nonce is not",
    ),
    (
        "nonce leading zero",
        "MalformedAuth",
        "X-Bittensor-Nonce is not",
    ),
    (
        "nonce underscore",
        "MalformedAuth",
        "X-Bittensor-Nonce is not",
    ),
    (
        "sig no 0x",
        "MalformedAuth",
        "X-Bittensor-Signature is not hex",
    ),
    (
        "sig uppercase",
        "MalformedAuth",
        "X-Bittensor-Signature is not hex",
    ),
    (
        "crypto SR25519 spelled",
        "MalformedAuth",
        "unsupported X-Bittensor-Crypto",
    ),
    (
        "crypto '1'",
        "MalformedAuth",
        "unsupported X-Bittensor-Crypto",
    ),
    (
        "<Bytes> wrapped",
        "BadSignature",
        "signature does not verify against the claimed hotkey",
    ),
];

fn verifier(now_ns: u64) -> Verifier {
    let clock = StillClock(now_ns.into());
    let replays = ReplayStore::new(ReplayLimits::default());
    Verifier::new(&bob().account(), Arc::new(clock), 0, replays)
}

fn kind(error: &AuthError) -> &'static str {
    match error {
        AuthError::Malformed(_) => "MalformedAuth",
        AuthError::WrongReceiver(_) => "WrongReceiver",
        AuthError::Stale { .. } | AuthError::Future(_) | AuthError::BeforeStart => "StaleRequest",
        AuthError::BadSignature => "BadSignature",
        AuthError::Replayed => "ReplayedRequest",
        AuthError::TooManyNonces | AuthError::TooManyCallers => "none of Python's",
    }
}

fn header_map<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    headers
        .map(|(name, value)| {
            let name: HeaderName = name.to_ascii_lowercase().parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn check(case: &Value, verified: Result<AccountId, AuthError>) {
    let name = text(case, "name");
    let stricter = STRICTER.iter().find(|s| s.0 == name);
    match (verified, stricter) {
        (Err(error), Some((_, expected, message))) => {
            assert_eq!(kind(&error), *expected, "{name}");
            assert!(error.to_string().starts_with(message), "{name}: {error}");
        }
        (Ok(account), None) => {
            assert_eq!(account.to_ss58(), text(&case["result"], "hotkey"), "{name}");
        }
        (Err(error), None) => {
            assert_eq!(kind(&error), text(&case["result"], "error"), "{name}");
            let message = text(&case["result"], "message");
            assert_eq!(error.to_string(), message, "{name}");
        }
        (Ok(_), Some(_)) => panic!("{name} was accepted"),
    }
}

#[test]
fn requests_recorded_from_python_are_judged_as_python_does_or_more_strictly() {
    let recorded: Value = serde_json::from_str(CASES).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 37);
    let mut before = None;
    for case in cases {
        let now = case["verify_args"]["now_ns"].as_u64().unwrap();
        // Only the replay shares its store with the request before it.
        let verifier = match before.take() {
            Some(verifier) if text(case, "name") == "replay" => verifier,
            _ => verifier(now),
        };
        let headers = case["headers"].as_object().unwrap().iter();
        let headers = header_map(headers.map(|(name, value)| (&**name, value.as_str().unwrap())));
        let arrived = Arrived {
            method: text(case, "method"),
            target: text(case, "path"),
            body: text(case, "body_utf8").as_bytes(),
        };
        let verified = verifier.verify(&Btauth, &headers, arrived);
        check(case, verified.map(|caller| caller.account));
        before = Some(verifier);
    }
}

#[test]
fn requests_recorded_on_the_wire_are_judged_as_they_were() {
    let recorded: Value = serde_json::from_str(EXCHANGES).unwrap();
    assert_eq!(recorded["cases"].as_array().unwrap().len(), 11);
    let mut before: Option<Verifier> = None;
    for case in recorded["cases"].as_array().unwrap() {
        let name = text(case, "name");
        let (head, body) = text(case, "request_raw").split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let headers = header_map(lines.map(|line| line.split_once(": ").unwrap()));
        let nonce = headers.get(btauth::NONCE).map(|n| n.to_str().unwrap());
        let nonce: u64 = nonce.map_or(0, |n| n.parse().unwrap());
        let late = if name == "stale" { 11_000_000_000 } else { 0 };
        let verifier = match before.take() {
            Some(verifier) if name == "replay_second" => verifier,
            _ => verifier(nonce + late),
        };
        let arrived = Arrived {
            method,
            target,
            body: body.as_bytes(),
        };
        let verified = verifier.verify(&Btauth, &headers, arrived);
        let answer = text(case, "response_raw");
        match verified {
            Ok(_) => assert_eq!(case["status"], 200, "{name}"),
            Err(error) => {
                assert_eq!(case["status"], 401, "{name}: {error}");
                let detail = serde_json::json!({ "detail": error.to_string() });
                assert!(answer.ends_with(&detail.to_string()), "{name}: {error}");
            }
        }
        before = Some(verifier);
    }
}

struct Spy(std::sync::Mutex<Vec<u8>>);

impl Signer for Spy {
    fn account(&self) -> AccountId {
        alice().account()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        *self.0.lock().unwrap() = message.to_vec();
        alice().sign(message)
    }
}

#[test]
fn what_is_signed_is_pythons_golden_payload() {
    let recorded: Value = serde_json::from_str(CASES).unwrap();
    let spy = Spy(Vec::new().into());
    let body = br#"{"prompt": "hello"}"#;
    let arrived = Arrived {
        method: "POST",
        target: "/generate?stream=false",
        body,
    };
    btauth::sign(&spy, arrived, &bob().account(), 1_795_000_000_000_000_000);
    let signed = String::from_utf8(spy.0.lock().unwrap().clone()).unwrap();
    assert_eq!(signed, text(&recorded, "payload_example_utf8"));

    btauth::sign(&spy, arrived, &bob().account(), 1_752_076_800_000_000_000);
    let signed = String::from_utf8(spy.0.lock().unwrap().clone()).unwrap();
    let golden = "btauth/1\nsr25519\nPOST\n/generate?stream=false\n\
        341c57448e531310fbbe83f44cea2a5e838bd9e8a6b82b269f01d0dbbc23c3cc\n1752076800000000000\n\
        5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\n\
        5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    assert_eq!(signed, golden);
}

/// The SDK's own golden vector: ed25519 signatures are the same each time.
#[test]
fn what_an_ed25519_key_signs_is_pythons_golden_signature() {
    let arrived = Arrived {
        method: "POST",
        target: "/generate?stream=false",
        body: br#"{"prompt": "hello"}"#,
    };
    let (nonce, key) = (1_752_076_800_000_000_000, alice_ed25519());
    let headers = btauth::sign(key.as_ref(), arrived, &bob().account(), nonce);
    let headers: HeaderMap = headers.into_iter().collect();
    assert_eq!(headers[btauth::CRYPTO], "ed25519");
    assert_eq!(
        headers[btauth::HOTKEY],
        "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
    );
    assert_eq!(
        headers[btauth::SIGNATURE],
        "0x1a6b631988bf1f7ea093ab9d5acf61f05c316d0b0e428b24b487b75a5f6ee0e1\
         a56a26918fdf871b6cf09437e6588023a4ce423cf622621b2a7feee17612f704"
    );
    let caller = verifier(nonce).verify(&Btauth, &headers, arrived).unwrap();
    assert_eq!(caller.account, key.account());
}

#[test]
fn what_this_node_signs_it_accepts_once() {
    let arrived = Arrived {
        method: "POST",
        target: "/x",
        body: b"body",
    };
    let headers = btauth::sign(alice().as_ref(), arrived, &bob().account(), 5_000_000_000);
    let headers: HeaderMap = headers.into_iter().collect();
    let verifier = verifier(5_000_000_000);
    let caller = verifier.verify(&Btauth, &headers, arrived).unwrap();
    assert_eq!(caller.account, alice().account());
    assert_eq!(
        verifier.verify(&Btauth, &headers, arrived),
        Err(AuthError::Replayed)
    );
}

#[test]
fn a_header_sent_twice_is_refused() {
    let arrived = Arrived {
        method: "POST",
        target: "/x",
        body: b"",
    };
    let headers = btauth::sign(alice().as_ref(), arrived, &bob().account(), 5);
    for name in [
        btauth::HOTKEY,
        btauth::RECEIVER,
        btauth::NONCE,
        btauth::SIGNATURE,
        btauth::VERSION,
    ] {
        let mut twice: HeaderMap = headers.clone().into_iter().collect();
        let value = twice.get(&name).unwrap().clone();
        twice.append(&name, value);
        let refused = verifier(5).verify(&Btauth, &twice, arrived);
        assert!(matches!(refused, Err(AuthError::Malformed(_))), "{name}");
    }
}

#[test]
fn a_nonce_from_before_the_start_is_refused() {
    let arrived = Arrived {
        method: "POST",
        target: "/x",
        body: b"",
    };
    let (start, now) = (50_000_000_000, 51_000_000_000);
    // What is made within the window ahead may have been spent before the start.
    let first = start + 2_000_000_000;
    let clock = Arc::new(StillClock(now.into()));
    let replays = ReplayStore::new(ReplayLimits::default());
    let me = bob().account();
    let verifier = Verifier::new(&me, clock, start, replays);
    for (nonce, expected) in [
        (start - 1, Some(AuthError::BeforeStart)),
        (start + 1, Some(AuthError::BeforeStart)),
        (first - 1, Some(AuthError::BeforeStart)),
        (first, None),
    ] {
        let headers = btauth::sign(alice().as_ref(), arrived, &me, nonce);
        let headers: HeaderMap = headers.into_iter().collect();
        assert_eq!(verifier.verify(&Btauth, &headers, arrived).err(), expected);
    }
}

proptest::proptest! {
    #[test]
    fn no_headers_make_the_verifier_panic(values in proptest::collection::vec("[ -~]{0,140}", 6)) {
        let names = [
            btauth::VERSION, btauth::HOTKEY, btauth::NONCE,
            btauth::SIGNATURE, btauth::RECEIVER, btauth::CRYPTO,
        ];
        let mut headers: HeaderMap = names
            .into_iter()
            .zip(values.iter().map(|v| HeaderValue::from_str(v).unwrap()))
            .collect();
        let arrived = Arrived { method: "POST", target: "/x", body: b"" };
        proptest::prop_assert!(verifier(5).verify(&Btauth, &headers, arrived).is_err());
        headers.insert(btauth::VERSION, HeaderValue::from_static("1"));
        proptest::prop_assert!(verifier(5).verify(&Btauth, &headers, arrived).is_err());
    }
}
