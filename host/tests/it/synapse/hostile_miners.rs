//! Miners that mean ill. Each costs its own call, and an honest one is asked
//! with the same dendrite beside it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host::subnet::challenge::Answer;
use host::subnet::key::Signer;
use host::subnet::wire::{Dendrite as _, Peer, PeerError, TaskRequest};
use host::synapse::twresp::{self, Answered};
use host::synapse::{AxonOptions, HttpDendrite};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Axon, alice, bob, charlie, dendrite, described, description, task};

const OCTETS: &str = "content-type: application/octet-stream\r\n";

/// What a miner does with one connection.
async fn miner<F, Fut>(behave: F) -> Peer
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream));
        }
    });
    peer(address)
}

fn peer(address: SocketAddr) -> Peer {
    Peer {
        hotkey: bob().account(),
        address,
    }
}

/// Reads one request's head and returns its nonce. The tasks here are tiny and
/// come with it.
async fn request_nonce(stream: &mut TcpStream) -> u128 {
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "the dendrite sent a whole head");
        head.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let nonce = head.split("x-bittensor-nonce: ").nth(1).unwrap();
    nonce.split('\r').next().unwrap().parse().unwrap()
}

/// Whatever comes, it says `bytes` and keeps the connection.
async fn saying(bytes: Vec<u8>) -> Peer {
    let bytes = Arc::new(bytes);
    miner(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            request_nonce(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read(&mut [0; 1]).await;
        }
    })
    .await
}

fn proof(key: &dyn Signer, nonce: u128, body: &[u8]) -> String {
    let answered = Answered {
        nonce,
        asker: &alice().account().to_ss58(),
        status: 200,
        body,
    };
    twresp::sign(key, answered)
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect()
}

fn answer(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// Signs as told, given the request's nonce.
async fn signing(sign: impl Fn(u128) -> Vec<u8> + Send + Sync + 'static) -> Peer {
    let sign = Arc::new(sign);
    miner(move |mut stream| {
        let sign = Arc::clone(&sign);
        async move {
            let nonce = request_nonce(&mut stream).await;
            let _ = stream.write_all(&sign(nonce)).await;
            let _ = stream.read(&mut [0; 1]).await;
        }
    })
    .await
}

async fn ask(dendrite: &HttpDendrite, peer: &Peer) -> Answer {
    dendrite.challenge(peer, task(b"x")).await.0
}

/// Fails unless an honest miner is still heard.
async fn assert_hears(dendrite: &HttpDendrite) {
    let axon = Axon::start(AxonOptions::default()).await;
    assert_eq!(dendrite.describe(&axon.peer()).await, Ok(described()));
}

#[tokio::test]
async fn an_answer_signed_by_its_miner_for_this_request_is_taken() {
    let honest = signing(|nonce| {
        answer(
            &(OCTETS.to_owned() + &proof(bob().as_ref(), nonce, b"y")),
            "y",
        )
    });
    let answer = ask(&dendrite(), &honest.await).await;
    assert_eq!(answer, Answer::Payload(b"y".to_vec()));
}

#[tokio::test]
async fn nobody_else_can_answer_for_a_miner() {
    let dendrite = dendrite();
    let unsigned = signing(|_| answer(OCTETS, "y")).await;
    let by_another = signing(|nonce| {
        answer(
            &(OCTETS.to_owned() + &proof(charlie().as_ref(), nonce, b"y")),
            "y",
        )
    });
    let other_body = signing(|nonce| {
        answer(
            &(OCTETS.to_owned() + &proof(bob().as_ref(), nonce, b"z")),
            "y",
        )
    });
    let other_request = signing(|nonce| {
        answer(
            &(OCTETS.to_owned() + &proof(bob().as_ref(), nonce - 1, b"y")),
            "y",
        )
    });
    let twice = signing(|nonce| {
        let proof = proof(bob().as_ref(), nonce, b"y");
        answer(&(OCTETS.to_owned() + &proof + &proof), "y")
    });
    for (peer, why) in [
        (unsigned, "the answer is not signed"),
        (by_another.await, "the answer is signed by another hotkey"),
        (other_body.await, "the answer's signature does not verify"),
        (
            other_request.await,
            "the answer's signature does not verify",
        ),
        (twice.await, "the answer's signature headers are malformed"),
    ] {
        assert_eq!(
            ask(&dendrite, &peer).await,
            Answer::BrokeProtocol(why.to_owned())
        );
    }
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn what_is_no_answer_breaks_the_protocol() {
    let dendrite = dendrite();
    let long = format!("x: {}\r\n", "x".repeat(1 << 20));
    for said in [
        b"\0\x01\x02garbage\r\n\r\n".to_vec(),
        b"HTTP/1.1 2x0 OK\r\n\r\n".to_vec(),
        answer("content-type: text/html\r\n", "y"),
        answer("", "y"),
        answer(&long, "y"),
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
            .to_vec(),
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
    ] {
        let answer = ask(&dendrite, &saying(said.clone()).await).await;
        let said = String::from_utf8_lossy(&said[..said.len().min(60)]).into_owned();
        assert!(
            matches!(answer, Answer::BrokeProtocol(_)),
            "{said}: {answer:?}"
        );
    }
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn too_much_is_left_unread() {
    let dendrite = dendrite();
    let announced = format!("HTTP/1.1 200 OK\r\n{OCTETS}content-length: 16777216\r\n\r\n");
    let answer = ask(&dendrite, &saying(announced.into_bytes()).await).await;
    assert_eq!(answer, Answer::TooLarge);

    let written = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&written);
    let endless = miner(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            request_nonce(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\n{OCTETS}transfer-encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let chunk = [b"10000\r\n", &vec![0; 0x1_0000][..], b"\r\n"].concat();
            while stream.write_all(&chunk).await.is_ok() {
                seen.fetch_add(chunk.len(), Ordering::SeqCst);
            }
        }
    });
    assert_eq!(ask(&dendrite, &endless.await).await, Answer::TooLarge);
    let described = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1 << 20);
    let large = dendrite
        .describe(&saying(described.into_bytes()).await)
        .await;
    assert!(matches!(large, Err(PeerError::TooLarge(_))), "{large:?}");
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn whoever_is_late_has_timed_out() {
    let dendrite = dendrite();
    let quick = TaskRequest {
        timeout: Duration::from_millis(150),
        ..task(b"x")
    };
    let silent = saying(Vec::new()).await;
    let half = saying(answer(OCTETS, "yy")[..60].to_vec()).await;
    // Connected by the system, never accepted.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for peer in [silent, half, peer(deaf.local_addr().unwrap())] {
        let (answer, elapsed) = dendrite.challenge(&peer, quick).await;
        assert_eq!(answer, Answer::TimedOut);
        assert!(elapsed >= quick.timeout);
    }
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn whoever_hangs_up_is_unreachable_and_sees_a_task_once() {
    let dendrite = dendrite();
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let hanging_up = miner(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            request_nonce(&mut stream).await;
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    let hanging_up = hanging_up.await;
    let answer = ask(&dendrite, &hanging_up).await;
    assert!(matches!(answer, Answer::Unreachable(_)), "{answer:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // What does no harm twice is asked once more.
    let described = dendrite.describe(&hanging_up).await;
    assert!(
        matches!(described, Err(PeerError::Unreachable(_))),
        "{described:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = peer(closed.local_addr().unwrap());
    drop(closed);
    let answer = ask(&dendrite, &nobody).await;
    assert!(matches!(answer, Answer::Unreachable(_)), "{answer:?}");
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn an_answer_from_before_the_question_is_none() {
    let dendrite = dendrite();
    let hasty = miner(|mut stream| async move {
        let _ = stream.write_all(&answer(OCTETS, "y")).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let answer = ask(&dendrite, &hasty.await).await;
    assert!(
        matches!(answer, Answer::BrokeProtocol(_) | Answer::Unreachable(_)),
        "{answer:?}"
    );
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn an_answer_from_before_the_end_of_the_question_is_none() {
    let dendrite = dendrite();
    let hasty = signing(|nonce| {
        answer(
            &(OCTETS.to_owned() + &proof(bob().as_ref(), nonce, b"y")),
            "y",
        )
    });
    // More than the sockets take while the miner does not read.
    let long = vec![0; host::subnet::challenge::PAYLOAD_BYTES_MAX];
    let (answer, _) = dendrite.challenge(&hasty.await, task(&long)).await;
    let why = "it answered before it had the whole request";
    assert_eq!(answer, Answer::BrokeProtocol(why.to_owned()));
    assert_hears(&dendrite).await;
}

#[tokio::test]
async fn the_clock_runs_to_the_last_byte_of_the_answer() {
    let pause = Duration::from_millis(60);
    let slow = miner(move |mut stream| async move {
        let nonce = request_nonce(&mut stream).await;
        let whole = answer(
            &(OCTETS.to_owned() + &proof(bob().as_ref(), nonce, b"yy")),
            "yy",
        );
        let (most, last) = whole.split_at(whole.len() - 1);
        stream.write_all(most).await.unwrap();
        // Stands for a slow miner: what is measured here is time.
        tokio::time::sleep(pause).await;
        stream.write_all(last).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    });
    let (answer, elapsed) = dendrite().challenge(&slow.await, task(b"x")).await;
    assert_eq!(answer, Answer::Payload(b"yy".to_vec()));
    assert!(elapsed >= pause, "{elapsed:?}");
}

#[tokio::test]
async fn a_description_beyond_measure_breaks_the_protocol() {
    let dendrite = dendrite();
    let mut many = description();
    let machine = many.machines[0].clone();
    many.machines = vec![machine; 65];
    let many = serde_json::to_string(&many).unwrap();
    for body in [many, "{\"software\":1}".to_owned(), "[".repeat(5000)] {
        let peer = signing(move |nonce| {
            let proof = proof(bob().as_ref(), nonce, body.as_bytes());
            answer(
                &("content-type: application/json\r\n".to_owned() + &proof),
                &body,
            )
        });
        let described = dendrite.describe(&peer.await).await;
        assert!(
            matches!(described, Err(PeerError::BrokeProtocol(_))),
            "{described:?}"
        );
    }
    assert_hears(&dendrite).await;
}
