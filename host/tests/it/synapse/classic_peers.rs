//! Our dendrite on the classic wire, against servers made up by hand: what a
//! real dendrite made of each answer, the bytes of a request, and peers that
//! mean ill.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host::subnet::key::Signer as _;
use host::subnet::synapse::{Declaration, Fields, Kind, Value};
use host::subnet::wire::{Dendrite as _, Peer, PeerError, Wire};
use host::synapse::classic::Entry;
use host::synapse::{HttpDendrite, Outcome, Repeat, SynapseCall};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::support::{PATIENCE, alice, alice_ed25519, bob, dendrite, loopback_options};

const CASES: &str = include_str!("../../data/dendrite_v10.5.0_minimal_responses.json");

/// The class that the recorded answers were read into.
fn echo() -> Entry {
    let echo = Declaration::new("Echo")
        .required("prompt", Kind::Text)
        .optional("answer", Kind::Text.or_none(), Value::None)
        .hashed(&["prompt"]);
    Entry::new(echo).unwrap()
}

fn call(entry: &Entry) -> SynapseCall<'_> {
    SynapseCall {
        entry,
        fields: Fields(vec![("prompt".to_owned(), "x".into())]),
        timeout: PATIENCE,
        answer_bytes_max: 64 << 10,
        repeat: Repeat::Never,
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap_or(0);
        read.extend_from_slice(&bytes[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "a whole head comes");
            continue;
        };
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split('\r').next().unwrap().parse().unwrap();
        if count == 0 || body.len() >= length {
            return text;
        }
    }
}

/// A server that says, on one connection after the other, what `answer` makes of
/// each request, and then hangs up.
async fn server(
    answer: impl Fn(&str) -> Vec<u8> + Send + 'static,
) -> (Peer, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel(100);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked = request(&mut stream).await;
            let _ = stream.write_all(&answer(&asked)).await;
            let _ = tell.send(asked).await;
        }
    });
    let hotkey = bob().account();
    (Peer { hotkey, address }, told)
}

async fn saying(answer: &str) -> Peer {
    let answer = answer.as_bytes().to_vec();
    server(move |_| answer.clone()).await.0
}

fn json(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let kind = "content-type: application/json";
    format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// What Python calls an answer that could not be had at all.
fn code_of(error: &PeerError) -> u16 {
    match error {
        PeerError::BrokeProtocol(_) => 422,
        PeerError::Unreachable(_) => 503,
        PeerError::TimedOut(_) => 408,
        other => panic!("{other}"),
    }
}

fn compare(case: &Json, outcome: Result<Outcome, PeerError>) {
    let name = case["name"].as_str().unwrap();
    let status = &case["dendrite.status_code"];
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            assert_eq!(*status, code_of(&error), "{name}: {error}");
            assert_eq!(case["is_success"], false, "{name}");
            return;
        }
    };
    assert_eq!(case["is_success"], outcome.is_success(), "{name}");
    assert_eq!(
        status.as_u64(),
        outcome.status_code.map(u64::from),
        "{name}"
    );
    let message = case["dendrite.status_message"].as_str();
    assert_eq!(message, outcome.status_message.as_deref(), "{name}");
    let answer = match outcome.fields.get("answer") {
        Some(Value::Text(text)) => Json::from(text.as_str()),
        _ => Json::Null,
    };
    assert_eq!(case["answer"], answer, "{name}");
}

#[tokio::test]
async fn each_recorded_answer_comes_to_what_a_real_dendrite_made_of_it() {
    let recorded: Json = serde_json::from_str(CASES).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 14);
    let (dendrite, echo) = (dendrite(), echo());
    for case in cases {
        let peer = saying(case["response"].as_str().unwrap()).await;
        compare(case, dendrite.synapse(&peer, call(&echo)).await);
    }
}

/// As 10.5.0 sends them, but for what aiohttp adds of its own.
#[tokio::test]
async fn a_request_has_pythons_headers_in_pythons_order() {
    let (peer, mut told) = server(|_| json("200 OK", "", "{}")).await;
    let echo = echo();
    let _ = dendrite().synapse(&peer, call(&echo)).await;
    let asked = told.recv().await.unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("POST /Echo HTTP/1.1"));
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "host",
            "name",
            "timeout",
            "bt_header_axon_ip",
            "bt_header_axon_port",
            "bt_header_axon_hotkey",
            "bt_header_dendrite_ip",
            "bt_header_dendrite_version",
            "bt_header_dendrite_nonce",
            "bt_header_dendrite_uuid",
            "bt_header_dendrite_hotkey",
            "bt_header_dendrite_signature",
            "bt_header_input_obj_prompt",
            "header_size",
            "total_size",
            "computed_body_hash",
            "accept",
            "user-agent",
            "content-length",
            "content-type",
        ]
    );
    let value = |name| headers.iter().find(|(n, _)| *n == name).unwrap().1;
    assert_eq!(value("timeout"), "30.0");
    assert_eq!(value("bt_header_dendrite_version"), "10005000");
    assert_eq!(value("bt_header_input_obj_prompt"), "IiI=");
    let body: Json = serde_json::from_str(body).unwrap();
    assert_eq!(body["name"], "Echo");
    assert_eq!(body["prompt"], "x");
    assert_eq!(body["axon"]["hotkey"], bob().account().to_ss58());
    assert_eq!(body["dendrite"]["hotkey"], alice().account().to_ss58());
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_clear_error_and_costs_a_bounded_amount() {
    let ok = "bt_header_axon_status_code: 200\r\n";
    let (dendrite, echo) = (dendrite(), echo());
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>!";
    let away =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let huge =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n";
    let deep = json("200 OK", ok, &"[".repeat(20_000));
    for (said, why) in [
        (
            page.as_bytes().to_vec(),
            "answered 200 as text/html, not as application/json",
        ),
        (
            away.into(),
            "answered 302 as nothing, not as application/json",
        ),
        (
            json("200 OK", ok, "{"),
            "answered 200 without a JSON object",
        ),
        (
            json("200 OK", ok, "[]"),
            "answered 200 without a JSON object",
        ),
        (deep, "answered 200 without a JSON object"),
        (
            json("200 OK", ok, "{\"prompt\": 1}"),
            "its answer does not parse",
        ),
        (
            json(
                "200 OK",
                "bt_header_axon_nonce: x\r\n",
                "{\"prompt\": \"\"}",
            ),
            "bt_header_axon_nonce",
        ),
        (
            json("200 OK", &format!("{ok}{ok}"), "{\"prompt\": \"\"}"),
            "twice",
        ),
        (b"HTTP/1.1 2x0\r\n\r\n".to_vec(), "not valid HTTP"),
    ] {
        let (peer, _) = server(move |_| said.clone()).await;
        let refused = dendrite.synapse(&peer, call(&echo)).await;
        let Err(PeerError::BrokeProtocol(said)) = refused else {
            panic!("{why}: {refused:?}");
        };
        assert!(said.contains(why), "{said}");
    }
    let large = dendrite.synapse(&saying(huge).await, call(&echo)).await;
    assert_eq!(large, Err(PeerError::TooLarge(64 << 10)));
    let no_status = json("200 OK", "", "{\"prompt\": \"\"}");
    let (peer, _) = server(move |_| no_status.clone()).await;
    let outcome = dendrite.synapse(&peer, call(&echo)).await.unwrap();
    let refused = outcome.into_fields().unwrap_err();
    assert!(
        refused.to_string().contains("bt_header_axon_status_code"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_axon_that_sends_a_byte_now_and_then_has_timed_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        for byte in "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
            .bytes()
            .cycle()
        {
            // Stands for a slow peer.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let hotkey = bob().account();
    let echo = echo();
    let hurried = SynapseCall {
        timeout: Duration::from_millis(150),
        ..call(&echo)
    };
    let late = dendrite().synapse(&Peer { hotkey, address }, hurried).await;
    assert_eq!(late, Err(PeerError::TimedOut(150)));
}

#[tokio::test]
async fn an_ed25519_key_does_not_try_a_wire_that_cannot_verify_it() {
    let dendrite = HttpDendrite::new(alice_ed25519(), loopback_options());
    let echo = echo();
    let refused = dendrite.synapse(&saying("").await, call(&echo)).await;
    assert!(refused.unwrap_err().to_string().contains("sr25519"));
}

/// Closes the first `closed` connections once it has a request.
async fn hanging_up(closed: usize) -> (Peer, Arc<AtomicUsize>, mpsc::Receiver<String>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (peer, told) = server(move |_| {
        if seen.fetch_add(1, Ordering::SeqCst) < closed {
            return Vec::new();
        }
        let headers = "bt_header_axon_status_code: 200\r\n";
        json("200 OK", headers, "{\"prompt\": \"x\"}")
    })
    .await;
    (peer, count, told)
}

fn nonce(asked: &str) -> &str {
    let nonce = asked.split("bt_header_dendrite_nonce: ").nth(1).unwrap();
    nonce.split('\r').next().unwrap()
}

#[tokio::test]
async fn what_does_no_harm_twice_is_sent_again_once_with_another_nonce() {
    let echo = echo();
    let safe = || SynapseCall {
        repeat: Repeat::Unanswered,
        ..call(&echo)
    };
    let (peer, count, mut told) = hanging_up(1).await;
    assert!(
        dendrite()
            .synapse(&peer, safe())
            .await
            .unwrap()
            .is_success()
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let (first, second) = (told.recv().await.unwrap(), told.recv().await.unwrap());
    assert_ne!(nonce(&first), nonce(&second));

    let (peer, count, _) = hanging_up(9).await;
    let gone = dendrite().synapse(&peer, safe()).await;
    assert!(matches!(gone, Err(PeerError::Unreachable(_))), "{gone:?}");
    assert_eq!(count.load(Ordering::SeqCst), 2);

    let (peer, count, _) = hanging_up(1).await;
    let gone = dendrite().synapse(&peer, call(&echo)).await;
    assert!(matches!(gone, Err(PeerError::Unreachable(_))), "{gone:?}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

const MARKED: &str = "name: Synapse\r\nbt_header_axon_status_code: 500\r\n";

/// As a classic axon answers btauth/1 and `Specs`.
fn classic_miner(asked: &str) -> Vec<u8> {
    if asked.starts_with("POST /Specs ") {
        let ok = "bt_header_axon_status_code: 200\r\n";
        return json(
            "200 OK",
            ok,
            "{\"specs_output\": \"{\\\"cpu\\\": {\\\"count\\\": 4}}\"}",
        );
    }
    json(
        "500 Internal Server Error",
        MARKED,
        "{\"message\": \"Internal Server Error #1\"}",
    )
}

#[tokio::test]
async fn a_classic_peer_is_asked_its_own_way_at_once_the_next_time() {
    let (peer, mut told) = server(classic_miner).await;
    let dendrite = dendrite();
    for paths in [&["/compute-subnet/1/describe", "/Specs"][..], &["/Specs"]] {
        let described = dendrite.describe(&peer).await.unwrap();
        assert_eq!(described.wire, Wire::Classic);
        assert_eq!(described.description.machines[0].claimed.cpu_threads, 4);
        for path in paths {
            let asked = told.recv().await.unwrap();
            assert_eq!(asked.split(' ').nth(1), Some(*path));
        }
    }
}

#[tokio::test]
async fn a_classic_peer_that_was_upgraded_is_found_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let (peer, _told) = server(move |asked| {
        if seen.fetch_add(1, Ordering::SeqCst) < 2 {
            return classic_miner(asked);
        }
        if asked.starts_with("POST /Specs ") {
            return json("404 Not Found", "", "{\"detail\": \"no such path\"}");
        }
        json(
            "200 OK",
            "",
            "{\"software\": \"new\", \"machines\": [], \"solvers\": []}",
        )
    })
    .await;
    let dendrite = dendrite();
    assert_eq!(dendrite.describe(&peer).await.unwrap().wire, Wire::Classic);
    let described = dendrite.describe(&peer).await.unwrap();
    assert_eq!(described.wire, Wire::Unsigned);
    assert_eq!(described.description.software, "new");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_peer_that_knows_neither_protocol_is_asked_once_and_not_taken_for_a_classic_one() {
    let (peer, mut told) =
        server(|_| json("404 Not Found", "", "{\"detail\": \"Not Found\"}")).await;
    let refused = dendrite().describe(&peer).await;
    assert!(
        matches!(refused, Err(PeerError::BrokeProtocol(_))),
        "{refused:?}"
    );
    told.recv().await.unwrap();
    assert!(told.try_recv().is_err());
}
