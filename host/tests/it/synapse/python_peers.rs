//! The real packages as peers: bittensor 10.5.0's Axon, and 11.3.0's `http_auth`
//! on either side.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use host::subnet::challenge::Answer;
use host::subnet::key::Signer as _;
use host::subnet::synapse::{Declaration, Fields, Kind, Value};
use host::subnet::wire::{Dendrite as _, Peer, PeerError, Wire};
use host::synapse::classic::Entry;
use host::synapse::{AxonOptions, HttpDendrite, Repeat, SynapseCall};
use serde_json::Value as Json;

use super::support::{
    Axon, PATIENCE, alice, alice_ed25519, bob, charlie, dendrite, description, loopback_options,
    task,
};
use crate::python::{self, V10, V11};

/// A Python server; it ends with its input.
struct Server {
    child: Child,
    peer: Peer,
    _home: tempfile::TempDir,
}

impl Server {
    /// `None` where Python's packages are not installed.
    fn start(environment: &str, script: &str) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut child = python::script(environment, script)?
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| Some(line.ok()?.strip_prefix("listening ")?.to_owned()))
            .expect("the server says where it listens");
        let peer = Peer {
            hotkey: bob().account(),
            address: ([127, 0, 0, 1], port.trim().parse().unwrap()).into(),
        };
        Some(Self {
            child,
            peer,
            _home: home,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn entry(declaration: Declaration) -> Entry {
    Entry::new(declaration).unwrap()
}

fn echo() -> Entry {
    entry(
        Declaration::new("Echo")
            .required("prompt", Kind::Text)
            .optional("n", Kind::Int, Value::Int(3))
            .optional(
                "tags",
                Kind::List(Box::new(Kind::Text)),
                Value::List(vec![]),
            )
            .optional("meta", Kind::any_dict(), Value::dict([]))
            .optional("answer", Kind::Text.or_none(), Value::None)
            .hashed(&["prompt", "n", "tags", "meta"]),
    )
}

fn call<'a>(entry: &'a Entry, fields: Vec<(&str, Value)>) -> SynapseCall<'a> {
    let fields = fields.into_iter().map(|(name, v)| (name.to_owned(), v));
    SynapseCall {
        entry,
        fields: Fields(fields.collect()),
        timeout: PATIENCE,
        answer_bytes_max: 64 << 10,
        repeat: Repeat::Never,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_axon_of_bittensor_10_answers_our_dendrite() {
    let Some(server) = Server::start(V10, "serve_axon.py") else {
        return;
    };
    let (dendrite, peer) = (dendrite(), &server.peer);

    let ping = entry(Declaration::new("Synapse"));
    let pong = dendrite.synapse(peer, call(&ping, vec![])).await.unwrap();
    assert!(pong.is_success(), "{pong:?}");

    // What Python's str() makes of this is what both sides hash.
    let odd = vec![
        ("prompt", Value::from("héllo \"w'orld\"")),
        ("tags", Value::List(vec!["a".into(), "b'c".into()])),
        (
            "meta",
            Value::dict([("z", Value::None), ("a", Value::Float(1e-7))]),
        ),
    ];
    let echo = echo();
    let said = dendrite.synapse(peer, call(&echo, odd)).await.unwrap();
    let fields = said.into_fields().unwrap();
    let Some(Value::Text(answer)) = fields.get("answer") else {
        panic!("{fields:?}");
    };
    let me = alice().account();
    assert_eq!(
        *answer,
        format!("{me} said héllo \"w'orld\" 3 ['a', \"b'c\"] {{'z': None, 'a': 1e-07}}")
    );

    let deny = entry(Declaration::new("Deny").optional("x", Kind::Int, Value::Int(1)));
    let denied = dendrite.synapse(peer, call(&deny, vec![])).await.unwrap();
    assert_eq!(denied.status_code, Some(403));
    let refused = Err(PeerError::Refused(
        "403: Forbidden. Key is blacklisted: not on the list.".to_owned(),
    ));
    assert_eq!(denied.into_fields(), refused);

    let boom = entry(Declaration::new("Boom").optional("x", Kind::Int, Value::Int(1)));
    let failed = dendrite.synapse(peer, call(&boom, vec![])).await.unwrap();
    assert_eq!(failed.status_code, Some(500));

    let unknown = entry(Declaration::new("Nope"));
    let unknown = dendrite.synapse(peer, call(&unknown, vec![])).await;
    assert_eq!(unknown.unwrap().status_code, Some(404));

    let stream = entry(
        Declaration::new("StreamIt")
            .required("prompt", Kind::Text)
            .optional("completion", Kind::Text.or_none(), Value::None)
            .hashed(&["prompt"])
            .streamed(),
    );
    let asked = call(&stream, vec![("prompt", "p".into())]);
    let streamed = dendrite.stream(peer, asked.clone()).await.unwrap();
    assert_eq!(String::from_utf8(streamed).unwrap(), "Hello wörld");
    let small = SynapseCall {
        answer_bytes_max: 5,
        ..asked
    };
    assert_eq!(
        dendrite.stream(peer, small).await,
        Err(PeerError::TooLarge(5))
    );
    many_at_once(&dendrite, peer, &ping).await;
}

/// Whichever arrives first: each has a uuid of its own.
async fn many_at_once(dendrite: &HttpDendrite, peer: &Peer, ping: &Entry) {
    let calls = (0..20).map(|_| dendrite.synapse(peer, call(ping, vec![])));
    for answer in futures::future::join_all(calls).await {
        assert!(answer.as_ref().unwrap().is_success(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_learns_what_a_classic_miner_claims_and_that_it_cannot_be_challenged() {
    let Some(server) = Server::start(V10, "serve_axon.py") else {
        return;
    };
    let dendrite = dendrite();
    for _ in 0..2 {
        let described = dendrite.describe(&server.peer).await.unwrap();
        assert_eq!(described.wire, Wire::Classic);
        let machine = &described.description.machines[0];
        assert_eq!(machine.claimed.gpus[0].model, "Tesla T4");
        assert_eq!(machine.claimed.memory_mib, 64 << 10);
        assert!(machine.labels.iter().any(|label| label.value == "classic"));
    }
    let (answer, _) = dendrite.challenge(&server.peer, task(b"x")).await;
    assert!(matches!(answer, Answer::BrokeProtocol(_)), "{answer:?}");
    let elsewhere = Peer {
        hotkey: charlie().account(),
        ..server.peer
    };
    let ping = entry(Declaration::new("Synapse"));
    let refused = dendrite.synapse(&elsewhere, call(&ping, vec![])).await;
    assert_eq!(refused.unwrap().status_code, Some(401));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_http_auth_of_bittensor_11_verifies_our_dendrite() {
    let Some(server) = Server::start(V11, "http_auth_server.py") else {
        return;
    };
    for (key, said) in [
        (
            HttpDendrite::new(alice(), loopback_options()),
            (alice().account(), 1),
        ),
        (
            HttpDendrite::new(alice_ed25519(), loopback_options()),
            (alice_ed25519().account(), 0),
        ),
    ] {
        let described = key.describe(&server.peer).await.unwrap();
        // Verified there, but its answer is signed by nobody.
        assert_eq!(described.wire, Wire::Unsigned);
        let expected = format!("python for {} by {}", said.0, said.1);
        assert_eq!(described.description.software, expected);
        let (answer, _) = key.challenge(&server.peer, task(b"x")).await;
        assert_eq!(answer, Answer::Refused("no solver runs here".to_owned()));
    }
    let elsewhere = Peer {
        hotkey: charlie().account(),
        ..server.peer
    };
    let refused = dendrite().describe(&elsewhere).await;
    let why = "request was signed for a different receiving hotkey";
    assert_eq!(refused, Err(PeerError::Refused(why.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_axon_verifies_requests_that_http_auth_of_bittensor_11_signed() {
    let Some(client) = python::script(V11, "http_auth_client.py") else {
        return;
    };
    let axon = Axon::start(AxonOptions::default()).await;
    let said = lines_of(client, &axon).await;
    let described = serde_json::to_string(&description()).unwrap();
    let served = [
        ("httpx", described.as_str()),
        ("urllib", &described),
        ("ed25519", &described),
        ("a task", "cba"),
        ("an ed25519 task", "cba"),
        ("once", &described),
    ];
    assert_eq!(said.len(), served.len() + REFUSED.len());
    for (name, body) in served {
        let said = said.iter().find(|said| said["name"] == name).unwrap();
        assert_eq!(
            (&said["status"], &said["body"]),
            (&200.into(), &body.into())
        );
    }
    for (name, status, why) in REFUSED {
        let said = said.iter().find(|said| said["name"] == name).unwrap();
        assert_eq!(said["status"], status, "{name}: {said}");
        let refused: Json = serde_json::from_str(said["body"].as_str().unwrap()).unwrap();
        assert_eq!(refused["detail"], why, "{name}");
    }
}

const BAD_SIGNATURE: &str = "signature does not verify against the claimed hotkey";
const UNBOUND: &str = "missing X-Bittensor-Receiver: this server requires receiver-bound requests";
const REFUSED: [(&str, u16, &str); 8] = [
    ("another body", 401, BAD_SIGNATURE),
    ("another path", 401, BAD_SIGNATURE),
    ("unbound", 401, UNBOUND),
    (
        "another receiver",
        401,
        "request was signed for a different receiving hotkey",
    ),
    ("stale", 401, "nonce is older than the 10s freshness window"),
    ("a stranger", 403, "validators only"),
    (
        "unsigned",
        401,
        "missing or unsupported X-Bittensor-Version (expected '1')",
    ),
    (
        "twice",
        401,
        "this nonce was already accepted from this hotkey",
    ),
];

/// What a client says of its calls, a line of JSON each.
async fn lines_of(mut client: Command, axon: &Axon) -> Vec<Json> {
    let home = tempfile::tempdir().unwrap();
    let url = format!("http://{}", axon.address);
    client.env("HOME", home.path());
    client.args([url, bob().account().to_ss58()]);
    let output = tokio::task::spawn_blocking(move || client.output().unwrap());
    let output = tokio::time::timeout(3 * PATIENCE, output).await;
    let output = output.unwrap().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}
