//! Serves signed requests on one port, in every protocol that is switched on.
//!
//! A stranger costs a bounded amount of everything before it has proved who it
//! is; whoever has proved it is bounded again by itself, so that no caller takes
//! another's turn. The order, cheapest first:
//!
//! ```text
//! connection   in all, per address; time to the first head     closed
//! head         size, path, method, type                        431 404 405 415
//! claim        shape, receiver, freshness                      401
//! body         size, bytes in flight, time                     413 503 408
//! signature                                                    401
//! Service::admit                                               403
//! content      (classic) types, and the hash that was signed   422 500
//! nonce        spent once                                      401, 429 when full
//! turn         requests per second, pending, stake when full   429
//! handler      time                                            500, 408
//! ```
//!
//! Which protocol a request speaks its headers say; each has a
//! [`Canonicaliser`](super::verify::Canonicaliser) for the proof and a manner of
//! its own for paths, bodies and answers: `btauth` and `classic` beside this
//! file. What Python's axon does otherwise than this one stands in `classic`.
//!
//! `admit` comes before the nonce is remembered: anyone can make keys, and only
//! those who are welcome may take room in the replay store. A replayed request
//! costs its author no turn. Nothing is answered to strangers that repeats what
//! was signed, and a connection that proved nothing is closed. Everyone who
//! proved who he is gets signed answers ([`twresp`](super::twresp)).
//!
//! A handler's future is dropped when its caller hangs up or its time is over.

mod answer;
mod body;
mod btauth;
mod classic;
mod connection;
mod connections;
mod fault;
mod handler;
mod manner;
mod options;
mod pace;
mod shares;
mod turns;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::connections::Connections;
use self::handler::Handler;
pub use self::options::{AxonOptions, Protocol};
use self::shares::origin;
use crate::subnet::key::Signer;
use crate::subnet::wire::Service;

/// After an error of `accept`, such as no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// One of a hotkey's pending requests is likely over after this.
const PENDING_RETRY_MS: u32 = 1000;

/// Serves `service` as `signer`'s account until `shutdown`, then lets running
/// requests finish for [`AxonOptions::drain_time`].
///
/// The caller binds, so a port in use is its error to explain.
pub async fn serve(
    listener: TcpListener,
    options: AxonOptions,
    service: Arc<dyn Service>,
    signer: Arc<dyn Signer>,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopped) = watch::channel(false);
    let mut axon = Axon {
        connections_open: Connections::new(
            options.connections_max,
            options.connections_per_address_max,
        ),
        handler: Arc::new(Handler::new(options.clone(), service, signer)),
        connections: JoinSet::new(),
        stopped,
    };
    tokio::select! {
        () = axon.accept(&listener) => {}
        () = shutdown => {}
    }
    drop(listener);
    stop.send_replace(true);
    axon.drain(options.drain_time).await;
}

struct Axon {
    connections_open: Connections,
    handler: Arc<Handler>,
    connections: JoinSet<()>,
    stopped: watch::Receiver<bool>,
}

impl Axon {
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            tokio::select! {
                accepted = listener.accept() => self.take(accepted).await,
                Some(ended) = self.connections.join_next() => note_end(ended),
            }
        }
    }

    async fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        let Some(seat) = self.connections_open.take(origin(peer.ip())) else {
            tracing::debug!(%peer, "too many connections");
            return;
        };
        let (handler, stopped) = (Arc::clone(&self.handler), self.stopped.clone());
        self.connections
            .spawn(connection::serve(stream, peer, seat, handler, stopped));
    }

    async fn drain(&mut self, drain_time: Duration) {
        let all = async {
            while let Some(ended) = self.connections.join_next().await {
                note_end(ended);
            }
        };
        if tokio::time::timeout(drain_time, all).await.is_err() {
            tracing::warn!(
                left = self.connections.len(),
                "cut off requests that ran on"
            );
            self.connections.shutdown().await;
        }
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request's handler panicked");
    }
}
