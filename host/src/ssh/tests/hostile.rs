//! Whoever listens where a machine should, and does not speak SSH.

use std::future::Future;
use std::pin::Pin;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

type Talk = Pin<Box<dyn Future<Output = TcpStream> + Send>>;

/// Listens once and talks; then reads until the visitor has hung up.
async fn stranger(
    talk: impl FnOnce(TcpStream) -> Talk + Send + 'static,
) -> (SshEndpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(listener.local_addr().unwrap().port(), &some_key());
    let left = tokio::spawn(async move {
        let mut stream = talk(listener.accept().await.unwrap().0).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    (at, left)
}

/// Says all of it, or as much as is taken.
fn says(words: Vec<u8>) -> impl FnOnce(TcpStream) -> Talk + Send + 'static {
    move |mut stream| {
        Box::pin(async move {
            let _ = stream.write_all(&words).await;
            stream
        })
    }
}

/// Says `first`, then `again` for as long as it is taken.
fn repeats(
    first: &'static [u8],
    again: Vec<u8>,
) -> impl FnOnce(TcpStream) -> Talk + Send + 'static {
    move |mut stream| {
        Box::pin(async move {
            let _ = stream.write_all(first).await;
            while stream.write_all(&again).await.is_ok() {}
            stream
        })
    }
}

/// Visits, and waits until the stranger sees that the visitor has left.
async fn visited(talk: impl FnOnce(TcpStream) -> Talk + Send + 'static) -> ProbeError {
    let (at, left) = stranger(talk).await;
    let error = impatient().prepare().unwrap().look(&at).await.unwrap_err();
    left.await.unwrap();
    error
}

/// `SSH_MSG_KEXINIT` with nothing but names from nowhere.
fn strange_algorithms() -> Vec<u8> {
    let mut payload = vec![20];
    payload.extend([7; 16]);
    for _ in 0..10 {
        payload.extend(4u32.to_be_bytes());
        payload.extend(b"none");
    }
    payload.extend([0; 5]);
    packet(&payload)
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 + (8 - (payload.len() + 5) % 8) % 8;
    let length = u32::try_from(1 + payload.len() + padding).unwrap();
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap());
    packet.extend(payload);
    packet.extend(vec![0; padding]);
    packet
}

const ID: &[u8] = b"SSH-2.0-stranger\r\n";

#[tokio::test]
async fn silence_is_left_after_a_while() {
    for words in [b"".to_vec(), ID.to_vec(), b"SSH-2.0-".to_vec()] {
        let error = visited(says(words)).await;
        let late = matches!(
            error,
            ProbeError::TimedOut {
                what: "key exchange",
                ..
            }
        );
        assert!(late, "{error}");
    }
}

#[tokio::test]
async fn a_line_that_never_ends_and_lines_that_never_end_are_no_greeting() {
    for again in [
        vec![b'x'; 4096],
        b"hello\r\n".to_vec(),
        vec![0; 4096],
        vec![b'\n'; 4096],
    ] {
        let error = visited(repeats(b"", again)).await;
        assert!(!matches!(error, ProbeError::TimedOut { .. }), "{error}");
    }
}

#[tokio::test]
async fn packets_of_absurd_sizes_are_no_packets() {
    for length in [0, 1, 3, 5, 12, 1 << 19, u32::MAX] {
        let mut words = ID.to_vec();
        words.extend(length.to_be_bytes());
        words.extend([0; 64]);
        let error = visited(says(words)).await;
        assert!(!error.is_ours(), "{length}: {error}");
    }
}

#[tokio::test]
async fn algorithms_from_nowhere_are_refused() {
    let mut words = ID.to_vec();
    words.extend(strange_algorithms());
    let error = visited(says(words)).await;
    assert!(matches!(error, ProbeError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn packets_that_mean_nothing_are_heard_so_far() {
    // SSH_MSG_IGNORE, SSH_MSG_DEBUG and SSH_MSG_UNIMPLEMENTED.
    for message in [2, 4, 3] {
        let mut payload = vec![message];
        payload.extend(1024u32.to_be_bytes());
        payload.extend([b'x'; 1024]);
        let error = visited(repeats(ID, packet(&payload).repeat(16))).await;
        assert!(!error.is_ours(), "{message}: {error}");
    }
}

#[tokio::test]
async fn a_byte_now_and_then_buys_no_time() {
    let error = visited(|mut stream| {
        Box::pin(async move {
            let mut words = ID.iter().copied().chain(std::iter::repeat(b'x'));
            while let Some(byte) = words.next()
                && stream.write_all(&[byte]).await.is_ok()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stream
        })
    })
    .await;
    assert!(matches!(error, ProbeError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn who_hangs_up_at_once_was_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(listener.local_addr().unwrap().port(), &some_key());
    let accepting = tokio::spawn(async move { drop(listener.accept().await) });
    let error = prober().prepare().unwrap().look(&at).await.unwrap_err();
    accepting.await.unwrap();
    assert!(error.in_transport(), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_bytes_after_a_greeting_end_in_an_error(noise in prop::collection::vec(any::<u8>(), 0..2048)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let mut words = ID.to_vec();
            words.extend(noise);
            let (at, left) = stranger(|mut stream| Box::pin(async move {
                let _ = stream.write_all(&words).await;
                let _ = stream.shutdown().await;
                stream
            })).await;
            let error = prober().prepare().unwrap().look(&at).await.unwrap_err();
            left.await.unwrap();
            error
        });
        prop_assert!(!error.is_ours());
    }
}
