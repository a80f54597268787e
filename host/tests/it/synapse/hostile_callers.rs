//! Callers that mean ill, over raw sockets. Each gets a clear answer or is cut
//! off, and an honest caller is served beside it.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use host::subnet::key::Signer as _;
use host::subnet::wire::{CHALLENGE_PATH, DESCRIBE_PATH};
use host::synapse::AxonOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{
    Axon, PATIENCE, alice, bob, charlie, head, listen, now_ns, signed_by, status, talk,
};

const SECOND_NS: u64 = 1_000_000_000;

fn quick() -> AxonOptions {
    AxonOptions {
        head_time: Duration::from_millis(200),
        body_time: Duration::from_millis(200),
        idle_time: Duration::from_millis(200),
        ..AxonOptions::default()
    }
}

fn task_path() -> String {
    format!("{CHALLENGE_PATH}/s-1/0/echo/30000")
}

#[tokio::test]
async fn garbage_is_refused() {
    let axon = Axon::start(AxonOptions::default()).await;
    for garbage in [
        &b"\0\x01\x02\xff\xfe\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ] {
        let answer = talk(axon.address, garbage).await;
        assert!(
            matches!(status(&answer), Some(400 | 505) | None),
            "{answer}"
        );
        axon.assert_serves().await;
    }
}

#[tokio::test]
async fn what_is_not_served_is_not_found() {
    let axon = Axon::start(AxonOptions::default()).await;
    let describe_get = format!("GET {DESCRIBE_PATH} HTTP/1.1\r\nhost: x\r\n\r\n");
    let wrong_type = head(
        &task_path(),
        b"x",
        "content-type: text/html\r\ncontent-length: 1\r\n",
    );
    let no_type = head(&task_path(), b"x", "content-length: 1\r\n");
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        ("GET /health HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (
            "POST http://other/compute-subnet/1/describe HTTP/1.1\r\nhost: x\r\n\r\n",
            404,
        ),
        (&describe_get, 405),
        (&wrong_type, 415),
        (&no_type, 415),
    ] {
        let answer = talk(axon.address, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(expected), "{request}\n{answer}");
        let said = answer.contains("{\"detail\":") || answer.contains("{\"message\":");
        assert!(said, "{answer}");
    }
    axon.assert_serves().await;
}

#[tokio::test]
async fn nothing_unproved_gets_past_the_signature() {
    let axon = Axon::start(AxonOptions::default()).await;
    let (bob, now) = (bob().account(), now_ns());
    let alice = alice();
    let signed = |body: &[u8], receiver, nonce| {
        signed_by(alice.as_ref(), DESCRIBE_PATH, body, &receiver, nonce)
    };
    for (headers, why) in [
        (String::new(), "missing or unsupported X-Bittensor-Version"),
        (
            signed(b"", charlie().account(), now),
            "a different receiving hotkey",
        ),
        (signed(b"", bob, now - 11 * SECOND_NS), "older than the 10s"),
        (signed(b"", bob, now + 60 * SECOND_NS), "2s in the future"),
        (signed(b"other", bob, now), "signature does not verify"),
    ] {
        let request = format!("POST {DESCRIBE_PATH} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let answer = talk(axon.address, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(401), "{answer}");
        assert!(answer.contains(why), "{answer}");
        assert!(!answer.contains("x-tw-resp"), "{answer}");
        assert!(!answer.contains("btauth/1"), "{answer}");
    }
    axon.assert_serves().await;
}

#[tokio::test]
async fn a_replayed_request_is_refused_and_its_answer_is_not_signed() {
    let axon = Axon::start(AxonOptions::default()).await;
    let request = head(DESCRIBE_PATH, b"", "connection: close\r\n");
    let first = talk(axon.address, request.as_bytes()).await;
    assert_eq!(status(&first), Some(200), "{first}");
    assert!(first.contains("x-tw-resp-signature: 0x"), "{first}");
    let second = talk(axon.address, request.as_bytes()).await;
    assert_eq!(status(&second), Some(401), "{second}");
    assert!(second.contains("already accepted"), "{second}");
    assert!(!second.contains("x-tw-resp"), "{second}");
    axon.assert_serves().await;
}

#[tokio::test]
async fn an_announced_gigabyte_is_refused_before_it_comes() {
    let axon = Axon::start(AxonOptions::default()).await;
    let more = "content-type: application/octet-stream\r\ncontent-length: 1073741824\r\n";
    for (path, more) in [(task_path(), more), (DESCRIBE_PATH.to_owned(), &more[40..])] {
        let answer = talk(axon.address, head(&path, b"", more).as_bytes()).await;
        assert_eq!(status(&answer), Some(413), "{answer}");
    }
    axon.assert_serves().await;
}

#[tokio::test]
async fn an_unannounced_gigabyte_is_cut_off() {
    let axon = Axon::start(AxonOptions::default()).await;
    let mut stream = TcpStream::connect(axon.address).await.unwrap();
    let more = "transfer-encoding: chunked\r\n";
    stream
        .write_all(head(DESCRIBE_PATH, b"", more).as_bytes())
        .await
        .unwrap();
    let mut chunk = b"100000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10_0000, b'x');
    chunk.extend_from_slice(b"\r\n");
    let mut sent = 0_usize;
    while sent < 1 << 30 && stream.write_all(&chunk).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    axon.assert_serves().await;
}

#[tokio::test]
async fn an_unannounced_body_counts_as_it_comes() {
    let axon = Axon::start(AxonOptions {
        describe_bytes_max: 1000,
        ..AxonOptions::default()
    })
    .await;
    let more = "transfer-encoding: chunked\r\n";
    for (size, expected) in [(1000, 200), (1001, 413)] {
        let body = "x".repeat(size);
        let more = format!("{more}connection: close\r\n");
        let head = head(DESCRIBE_PATH, body.as_bytes(), &more);
        let request = format!("{head}{size:x}\r\n{body}\r\n0\r\n\r\n");
        let answer = talk(axon.address, request.as_bytes()).await;
        assert_eq!(status(&answer), Some(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_head_of_a_megabyte_is_refused() {
    let axon = Axon::start(AxonOptions::default()).await;
    let long = format!("x-long: {}\r\n", "x".repeat(1 << 20));
    let many: String = (0..2000).map(|n| format!("x-{n}: 1\r\n")).collect();
    for more in [long, many] {
        let answer = talk(axon.address, head(DESCRIBE_PATH, b"", &more).as_bytes()).await;
        assert!(matches!(status(&answer), Some(431) | None), "{answer}");
        axon.assert_serves().await;
    }
}

#[tokio::test]
async fn a_head_with_room_for_a_later_signature_is_taken() {
    let axon = Axon::start(AxonOptions::default()).await;
    let more = format!("x-mldsa: {}\r\nconnection: close\r\n", "a".repeat(16 << 10));
    let answer = talk(axon.address, head(DESCRIBE_PATH, b"", &more).as_bytes()).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
}

#[tokio::test]
async fn whoever_sends_nothing_or_a_byte_now_and_then_is_cut_off() {
    let axon = Axon::start(quick()).await;
    assert_eq!(talk(axon.address, b"").await, "");
    assert_eq!(talk(axon.address, b"POST /compute").await, "");
    let more = "content-type: application/octet-stream\r\ncontent-length: 100\r\n";
    let request = head(&task_path(), b"", more) + "x";
    let answer = talk(axon.address, request.as_bytes()).await;
    assert_eq!(status(&answer), Some(408), "{answer}");
    axon.assert_serves().await;
}

#[tokio::test]
async fn a_connection_that_is_kept_and_not_used_is_closed() {
    let axon = Axon::start(quick()).await;
    let answer = talk(axon.address, head(DESCRIBE_PATH, b"", "").as_bytes()).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
}

#[tokio::test]
async fn one_address_gets_its_connections_and_no_more() {
    let options = AxonOptions {
        head_time: PATIENCE,
        ..AxonOptions::default()
    };
    let kept = options.connections_per_address_max;
    let axon = Axon::start(options).await;
    let mut reads = FuturesUnordered::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(axon.address).await.unwrap();
        reads.push(async move {
            let _ = stream.read(&mut [0; 1]).await;
        });
    }
    let closed = async {
        for _ in 0..300 - kept {
            reads.next().await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
    assert_eq!(reads.len(), kept);
    drop(reads);
    // Its connections are gone as soon as the axon has noticed.
    let request = head(DESCRIBE_PATH, b"", "connection: close\r\n");
    loop {
        let answer = talk(axon.address, request.as_bytes()).await;
        if status(&answer) == Some(200) {
            break;
        }
        assert_eq!(answer, "");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_address_is_served_while_one_has_used_up_its_share() {
    let axon = Axon::start(AxonOptions {
        connections_per_address_max: 1,
        ..AxonOptions::default()
    })
    .await;
    let hoarder = tokio::net::TcpSocket::new_v4().unwrap();
    hoarder.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let _held = hoarder.connect(axon.address).await.unwrap();
    let hoarder = tokio::net::TcpSocket::new_v4().unwrap();
    hoarder.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut refused = hoarder.connect(axon.address).await.unwrap();
    assert_eq!(listen(&mut refused).await, "");
    axon.assert_serves().await;
}

#[tokio::test]
async fn bodies_in_flight_have_a_bound() {
    let axon = Axon::start(AxonOptions {
        body_bytes_in_flight_max: 10_000,
        body_bytes_in_flight_per_address_max: 1_000,
        ..AxonOptions::default()
    })
    .await;
    let body = vec![0; 2_000];
    let more = "content-type: application/octet-stream\r\ncontent-length: 2000\r\n";
    let mut request = head(&task_path(), &body, more).into_bytes();
    request.extend_from_slice(&body);
    let answer = talk(axon.address, &request).await;
    assert_eq!(status(&answer), Some(503), "{answer}");
    assert!(answer.contains("\"retry_ms\":"), "{answer}");
    axon.assert_serves().await;
}

#[tokio::test]
async fn strangers_take_no_room_in_the_replay_store() {
    let mut options = AxonOptions::default();
    options.replay.hotkeys_max = 1;
    let axon = Axon::start(options).await;
    let proof = signed_by(
        charlie().as_ref(),
        DESCRIBE_PATH,
        b"",
        &bob().account(),
        now_ns(),
    );
    let request =
        format!("POST {DESCRIBE_PATH} HTTP/1.1\r\nhost: x\r\n{proof}connection: close\r\n\r\n");
    let answer = talk(axon.address, request.as_bytes()).await;
    assert_eq!(status(&answer), Some(403), "{answer}");
    axon.assert_serves().await;
}
