//! One HTTP/1.1 request and its answer, whole, within its bounds.
//!
//! What comes back is never decoded: there is nothing to be blown up by, and an
//! answer that is compressed although nobody asked for it is refused, because
//! nothing could be found in it. Trailers and the words beside a status are
//! dropped; an upgrade is refused.

use std::error::Error as _;
use std::io;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_ENCODING, HeaderMap, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::budget::{CallBudget, Passed};
use super::connect::Stream;

/// The largest head of a response.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of a response.
const HEADERS_MAX: usize = 128;
/// Room that the connection reads into.
const BUFFER_BYTES_MAX: usize = 128 << 10;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    Broken(String),
    TooLarge(&'static str),
    Passed(Passed),
}

/// A response as it came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The connection ends with whoever waits for it.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends and receives; a body of at most `body_bytes_max`.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    budget: &CallBudget,
    body_bytes_max: u64,
) -> Result<Answer, Trouble> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let task = tokio::spawn(async move {
        // What ended it is told to whoever waits for the answer.
        let _ = connection.await;
    });
    let _task = Task(task.abort_handle());
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    let (head, body) = response.into_parts();
    budget
        .receive(head_bytes(&head.headers))
        .map_err(Trouble::Passed)?;
    check(&head)?;
    Ok(Answer {
        status: head.status.as_u16(),
        body: receive(body, budget, body_bytes_max).await?,
        headers: head.headers,
    })
}

/// What a head has on the wire, about.
pub(super) fn head_bytes(headers: &HeaderMap) -> u64 {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Whether the answer can be read as it stands.
fn check(head: &Parts) -> Result<(), Trouble> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Trouble::Broken(
            "the server switches protocols unasked".to_owned(),
        ));
    }
    let only = |name, allowed: &str| {
        let mut values = head.headers.get_all(name).iter();
        values.all(|value| value.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
    };
    if only(CONTENT_ENCODING, "identity") && only(TRANSFER_ENCODING, "chunked") {
        return Ok(());
    }
    Err(Trouble::Broken(
        "the server compresses its answer unasked".to_owned(),
    ))
}

async fn receive(mut body: Incoming, budget: &CallBudget, max: u64) -> Result<Vec<u8>, Trouble> {
    let too_large = || Trouble::TooLarge("egress.response-kib-max");
    if body.size_hint().lower() > max {
        return Err(too_large());
    }
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        budget.receive(length).map_err(Trouble::Passed)?;
        if bytes.len() + data.len() > max {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// In few words, without anything the server said.
fn broken(error: &hyper::Error) -> Trouble {
    if error.is_parse_too_large() {
        return Trouble::TooLarge("the largest head, 64 KiB and 128 headers");
    }
    if error.is_parse() {
        return Trouble::Broken("its answer is not valid HTTP/1.1".to_owned());
    }
    let source = error.source().and_then(|s| s.downcast_ref::<io::Error>());
    Trouble::Broken(match source {
        Some(io) => format!("the connection broke off: {}", io.kind()),
        None => "the connection broke off".to_owned(),
    })
}
