//! One connection: hyper, and a deadline that every step moves on.
//!
//! There is always one: for the first head, for the request, for taking the
//! answer and sending the next head. A peer that does nothing, or does it one
//! byte at a time, is cut whatever it is doing; so is one that proved nothing
//! while somebody else needs its place.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
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
/// How often a deadline is looked at, at most and at least.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_secs(1);

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
    let deadline = Arc::new(Deadline::after(options.head_time));
    let (seat, mut displaced) = seat.split();
    let service = service_fn(|request| {
        let (handler, deadline) = (Arc::clone(&handler), Arc::clone(&deadline));
        let seat = Arc::clone(&seat);
        let (busy, idle) = (options.request_time(), options.idle_time);
        async move {
            deadline.put_off(busy + idle);
            let response = handler.handle(request, peer, &seat).await;
            let streamed = response.body().streams();
            let sending = if streamed { busy } else { Duration::ZERO };
            deadline.put_off(sending + idle);
            Ok::<_, Infallible>(response)
        }
    });
    let looks = (options.idle_time.min(options.head_time) / 8).clamp(LOOK_MIN, LOOK_MAX);
    let mut late = pin!(deadline.passed(looks));
    let mut connection = pin!(builder(&options).serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = &mut late => {
                tracing::debug!(%peer, "connection cut: too slow");
                return;
            }
            () = &mut displaced => {
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

/// When a connection is cut; every step moves it, and none wakes anybody for it.
struct Deadline(Mutex<Instant>);

impl Deadline {
    fn after(time: Duration) -> Self {
        Self(Mutex::new(Instant::now() + time))
    }

    fn put_off(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }

    /// Returns once it is past, wherever it has been moved to: looked at so often,
    /// since it may have been moved to an earlier time than it was.
    async fn passed(&self, looks: Duration) {
        loop {
            let deadline = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if now >= deadline {
                return;
            }
            sleep_until(deadline.min(now + looks)).await;
        }
    }
}
