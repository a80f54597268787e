//! Floods: an axon that many abuse at once stays small and goes on serving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use host::subnet::key::Signer as _;
use host::subnet::wire::{CHALLENGE_PATH, DESCRIBE_PATH};
use host::synapse::AxonOptions;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::support::{
    Axon, PATIENCE, StillClock, alice, bob, head, listen, signed_by, status, talk,
};
use super::synapses::Synapses;

const IDLE: u64 = 5_000;
const MIB: u64 = 1 << 20;

/// As many connections as the system lets this process hold both ends of.
fn idle_connections() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Two ends of each, and what else the tests have open.
    IDLE.min(files.saturating_sub(512) / 2)
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// From one of many addresses of this machine.
async fn connect_from(axon: &Axon, n: u64) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let own = format!("127.0.{}.{}:0", 1 + n % 4, 1 + n / 4 % 200);
    socket.bind(own.parse().unwrap())?;
    socket.connect(axon.address).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn five_thousand_idle_connections_pass_through() {
    let axon = Axon::start(AxonOptions::default()).await;
    let before = resident_bytes();
    let mut idle = Vec::new();
    for n in 0..idle_connections() {
        idle.push(connect_from(&axon, n).await.unwrap());
        if n % 1_000 == 999 {
            axon.assert_serves().await;
        }
    }
    axon.assert_serves().await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(
        grown < 128 * MIB,
        "{grown} bytes for {} connections",
        idle.len()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_slow_senders_hold_nobody_up() {
    let axon = Axon::start(AxonOptions {
        head_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        ..AxonOptions::default()
    })
    .await;
    let more = "content-type: application/octet-stream\r\ncontent-length: 100000\r\n";
    let path = format!("{CHALLENGE_PATH}/s/0/echo/1000");
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = connect_from(&axon, n).await.unwrap();
        let begun = match n % 2 {
            0 => "POST /Echo HTTP/1.1\r\nname: E".to_owned(),
            _ => head(&path, b"", more) + "x",
        };
        let _ = stream.write_all(begun.as_bytes()).await;
        slow.push(stream);
    }
    axon.assert_serves().await;
    let begun = Instant::now();
    for answer in join_all(slow.iter_mut().map(listen)).await {
        assert!(matches!(status(&answer), Some(408) | None), "{answer}");
    }
    assert!(begun.elapsed() < PATIENCE);
    axon.assert_serves().await;
}

#[tokio::test]
async fn a_flood_of_replays_costs_its_victim_nothing() {
    let options = AxonOptions {
        requests_burst: 3,
        requests_per_second: 1,
        clock: Arc::new(StillClock(super::support::now_ns().into())),
        ..AxonOptions::default()
    };
    let axon = Axon::start(options).await;
    let request = head(DESCRIBE_PATH, b"", "connection: close\r\n");
    let answer = talk(axon.address, request.as_bytes()).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    let replays = (0..200).map(|_| async {
        let answer = talk(axon.address, request.as_bytes()).await;
        // 64 connections of one address at once, the others are closed.
        assert!(matches!(status(&answer), Some(401) | None), "{answer}");
    });
    join_all(replays).await;
    axon.assert_serves().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn bodies_of_the_maximum_size_take_no_more_than_their_share() {
    let options = AxonOptions {
        body_bytes_in_flight_max: 8 << 20,
        ..AxonOptions::default()
    };
    let max = options.payload_bytes_max;
    let axon = Axon::start(options).await;
    let before = resident_bytes();
    let path = format!("{CHALLENGE_PATH}/s/0/echo/1000");
    let more = format!("content-type: application/octet-stream\r\ncontent-length: {max}\r\n");
    let body = Arc::new(vec![b'x'; max - 1]);
    // Each but for its last byte: all of them are in flight at once.
    let mut sending = Vec::new();
    for n in 0..64 {
        let stream = connect_from(&axon, n).await.unwrap();
        let (head, body) = (head(&path, b"", &more), Arc::clone(&body));
        sending.push(tokio::spawn(async move {
            let mut stream = stream;
            let sent = async {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&body).await
            };
            let _ = sent.await;
            let mut first = [0; 12];
            let told = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut first)).await;
            (stream, matches!(told, Ok(Ok(read)) if read > 0))
        }));
    }
    axon.assert_serves().await;
    let ended = join_all(sending).await;
    let refused = ended
        .iter()
        .filter(|ended| ended.as_ref().unwrap().1)
        .count();
    if 64 * max > 8 << 20 {
        assert!(refused > 0, "nobody was told that there is no room");
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 * MIB, "{grown} bytes");
    axon.assert_serves().await;
}

#[tokio::test]
async fn when_full_the_next_turn_goes_to_more_stake() {
    let (rich, poor) = (alice(), bob());
    let stakes = vec![(rich.account(), 1_000), (poor.account(), 1)];
    let options = AxonOptions {
        pending_max: 1,
        waiting_max: 1,
        waiting_time: Duration::from_millis(500),
        ..AxonOptions::default()
    };
    let service = Synapses::with_stakes(stakes);
    let axon = Axon::serve(options, Arc::new(service)).await;
    let ask = |key: &dyn host::subnet::key::Signer| {
        let (body, me) = (b"".as_slice(), bob().account());
        let proof = signed_by(key, DESCRIBE_PATH, body, &me, super::support::now_ns());
        format!("POST {DESCRIBE_PATH} HTTP/1.1\r\nhost: x\r\n{proof}connection: close\r\n\r\n")
    };
    let slow = super::classic_requests::request(rich.as_ref(), "Slow", "{}");
    let mut held = TcpStream::connect(axon.address).await.unwrap();
    held.write_all(&slow).await.unwrap();
    let waiting = tokio::spawn({
        let (address, request) = (axon.address, ask(poor.as_ref()));
        async move { talk(address, request.as_bytes()).await }
    });
    // The poor one waits until the rich one comes, and is told so.
    let richer = tokio::spawn({
        let (address, request) = (axon.address, ask(rich.as_ref()));
        async move { talk(address, request.as_bytes()).await }
    });
    let (waiting, richer) = (waiting.await.unwrap(), richer.await.unwrap());
    for answer in [&waiting, &richer] {
        assert_eq!(status(answer), Some(429), "{answer}");
        assert!(answer.contains("this node is full"), "{answer}");
    }
}
