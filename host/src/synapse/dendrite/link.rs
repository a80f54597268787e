//! One connection to one neuron; its task ends with it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::DendriteOptions;
use super::stamps::{Stamped, Stamps};
use super::trouble::{Heard, Trouble};
use crate::subnet::wire::Peer;

/// hyper's own smallest buffer; a head is bounded apart from it.
const BUFFER_BYTES_MIN: usize = 64 << 10;

/// An open connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
    pub(super) stamps: Arc<Stamps>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub(super) async fn connect(peer: &Peer, options: &DendriteOptions) -> Result<Self, Trouble> {
        let time = options.connect_time;
        let stream = tokio::time::timeout(time, TcpStream::connect(peer.address))
            .await
            .map_err(|_| no_connection(time))?
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        // Latency, not correctness: without it small tasks may wait.
        let _ = stream.set_nodelay(true);
        let (stream, stamps) = Stamped::new(stream);
        let (sender, connection) = http1::Builder::new()
            .max_headers(options.headers_max)
            .max_header_size(options.head_bytes_max)
            .max_buf_size(options.head_bytes_max.max(BUFFER_BYTES_MIN))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Trouble::from_http(&error, Heard::Nothing))?;
        let task = tokio::spawn(async move {
            // What ended it is told to whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            task,
            stamps,
        })
    }

    /// Whether another request can be sent.
    pub(super) async fn is_usable(&mut self) -> bool {
        !self.sender.is_closed() && self.sender.ready().await.is_ok()
    }

    /// Whether it is worth keeping.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.stamps.begin();
        self.sender.send_request(request).await
    }
}

fn no_connection(time: Duration) -> Trouble {
    Trouble::Unreachable(format!("no connection within {} ms", time.as_millis()))
}
