//! One connection: hyper, and a deadline that every step moves on.
//!
//! There is always one: for the first head, for the request, for taking the
//! answer and sending the next head. A peer that does nothing, or does it one
//! byte at a time, is cut whatever it is doing; so is one that proved nothing
//! while somebody else needs its place.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connections::Seat;
use super::handler::Handler;
use super::options::AxonOptions;

/// hyper's own smallest buffer; a head is bounded apart from it.
const BUFFER_BYTES_MIN: usize = 8 << 10;

pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
    handler: Arc<Handler>,
    mut stopped: watch::Receiver<bool>,
) {
    // Latency, not correctness: without it small answers may wait.
    let _ = stream.set_nodelay(true);
    let options = handler.options().clone();
    let (deadline, mut watched) = watch::channel(Instant::now() + options.head_time);
    let deadline = Arc::new(deadline);
    let (seat, mut displaced) = seat.split();
    let service = service_fn(|request| {
        let (handler, deadline) = (Arc::clone(&handler), Arc::clone(&deadline));
        let seat = Arc::clone(&seat);
        let (busy, idle) = (options.request_time(), options.idle_time);
        async move {
            deadline.send_replace(Instant::now() + busy + idle);
            let response = handler.handle(request, peer, &seat).await;
            let streamed = response.body().streams();
            let sending = if streamed { busy } else { Duration::ZERO };
            deadline.send_replace(Instant::now() + sending + idle);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(builder(&options).serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = passed(&mut watched) => {
                tracing::debug!(%peer, "connection cut: too slow");
                return;
            }
            _ = &mut displaced => {
                tracing::debug!(%peer, "connection cut: it proved nothing and its place is needed");
                return;
            }
            Ok(_) = stopped.wait_for(|stop| *stop), if !*stopped.borrow() => {
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(options: &AxonOptions) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_headers(options.headers_max)
        .max_header_size(options.head_bytes_max)
        .max_buf_size(options.head_bytes_max.max(BUFFER_BYTES_MIN));
    builder
}

/// Returns once the deadline, wherever it has been moved to, is past.
async fn passed(watched: &mut watch::Receiver<Instant>) {
    loop {
        let deadline = *watched.borrow_and_update();
        tokio::select! {
            () = sleep_until(deadline) => return,
            Ok(()) = watched.changed() => {}
        }
    }
}
