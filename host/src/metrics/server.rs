//! The local listener: three paths, `GET` only, nothing a caller sends is kept.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Metrics;

/// Connections answered at once; the next waits in the listener's backlog.
const CONNECTIONS_MAX: usize = 16;
/// How long a caller may take over its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may live; a scrape is one request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of headers; hyper's smallest buffer.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// Pause after a failed accept, so that a full file table does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = tasks.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let metrics = Arc::clone(&metrics);
                tasks.spawn(async move {
                    let _place = place;
                    connection(stream, metrics).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the metrics listener accepts nobody");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &metrics, Instant::now());
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whether a scraper hung up early is its own affair.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
}

fn respond<B>(request: &Request<B>, metrics: &Metrics, now: Instant) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "GET only\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/healthz" => response(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => {
            let readiness = metrics.readiness(now);
            let status = if readiness.ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            let json = serde_json::to_string(&readiness)
                .expect("readiness is made of words and cannot fail to be JSON");
            response(status, JSON, json + "\n")
        }
        "/metrics" => response(StatusCode::OK, OPENMETRICS, metrics.encode(now)),
        _ => {
            let paths = "there is /healthz, /readyz and /metrics\n".to_owned();
            response(StatusCode::NOT_FOUND, TEXT, paths)
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
