//! Whether somebody can log in: the SSH server has said its first line.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// How long one look takes at most.
const LOOK_MS: u64 = 500;
const GREETING: &[u8; 4] = b"SSH-";

/// Asks the workload itself, on the bridge.
pub(super) async fn answers(address: IpAddr, port: u16) -> bool {
    let look = async {
        let mut stream = TcpStream::connect(SocketAddr::new(address, port))
            .await
            .ok()?;
        let mut said = [0; GREETING.len()];
        stream.read_exact(&mut said).await.ok()?;
        (said == *GREETING).then_some(())
    };
    let looked = tokio::time::timeout(Duration::from_millis(LOOK_MS), look).await;
    matches!(looked, Ok(Some(())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn greeted_with(text: &'static [u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text).await.unwrap();
        });
        let answers = answers(at.ip(), at.port()).await;
        server.await.unwrap();
        answers
    }

    #[tokio::test]
    async fn only_an_ssh_server_can_be_logged_in_to() {
        assert!(greeted_with(b"SSH-2.0-dropbear\r\n").await);
        assert!(!greeted_with(b"HTTP/1.1 200 OK\r\n").await);
        assert!(!greeted_with(b"").await);
    }
}
