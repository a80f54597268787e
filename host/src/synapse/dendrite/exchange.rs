//! One request and its answer, timed, then checked.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};

use super::HttpDendrite;
use super::link::Link;
use crate::subnet::wire::Peer;

use super::super::head::content_type;
use super::super::status::REFUSAL_BYTES_MAX;
use super::super::verify::Arrived;
use super::super::{btauth, twresp};

/// What is asked.
pub(super) struct Ask {
    pub(super) target: String,
    /// Of the request and of the answer.
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    pub(super) answer_bytes_max: usize,
}

/// What came back, whole.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) elapsed: Duration,
    nonce: u64,
}

/// Why nothing usable came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Address(String),
    Unreachable(String),
    TimedOut(u64),
    BrokeProtocol(String),
    TooLarge(usize),
}

impl HttpDendrite {
    /// Sends and receives; on the clock.
    pub(super) async fn exchange(&self, peer: &Peer, ask: &Ask) -> Result<Received, Trouble> {
        self.options
            .addresses
            .check(&peer.address)
            .map_err(|why| Trouble::Address(why.to_string()))?;
        let mut link = self.link(peer).await?;
        let (nonce, request) = self.sign(peer, ask);
        let request_bytes = bytes_on_the_wire(&request, ask.body.len());
        let response = link
            .send(request)
            .await
            .map_err(|error| Trouble::from_http(&error))?;
        let (head, incoming) = response.into_parts();
        let max = match head.status {
            StatusCode::OK => ask.answer_bytes_max,
            _ => REFUSAL_BYTES_MAX.min(ask.answer_bytes_max),
        };
        let body = receive(incoming, max).await?;
        let elapsed = link.stamps.elapsed(request_bytes);
        if elapsed.is_none() && head.status == StatusCode::OK {
            return Err(broke("it answered before it had the whole request"));
        }
        if elapsed.is_some() && !link.is_closed() {
            self.pool.put(*peer, link);
        }
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body,
            elapsed: elapsed.unwrap_or_default(),
            nonce,
        })
    }

    /// A warm connection that is still good, or a new one.
    async fn link(&self, peer: &Peer) -> Result<Link, Trouble> {
        if let Some(mut warm) = self.pool.take(peer)
            && warm.is_usable().await
        {
            return Ok(warm);
        }
        Link::connect(peer, &self.options).await
    }

    fn sign(&self, peer: &Peer, ask: &Ask) -> (u64, Request<Full<Bytes>>) {
        let nonce = self.nonce();
        let arrived = Arrived {
            method: "POST",
            target: &ask.target,
            body: &ask.body,
        };
        let proof = btauth::sign(self.signer.as_ref(), arrived, &peer.hotkey, nonce);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&ask.target)
            .header(HOST, peer.address.to_string())
            .header(ACCEPT, ask.content_type)
            .header(CONTENT_TYPE, ask.content_type)
            .header(CONTENT_LENGTH, ask.body.len())
            .body(Full::new(ask.body.clone()))
            .expect("a route and an address are a request");
        request.headers_mut().extend(proof);
        (nonce, request)
    }

    /// Whether an answer is one, and this miner's; off the clock.
    pub(super) fn check(
        &self,
        peer: &Peer,
        ask: &Ask,
        received: Received,
    ) -> Result<Received, Trouble> {
        if received.status != StatusCode::OK {
            return Ok(received);
        }
        if content_type(&received.headers).as_deref() != Some(ask.content_type) {
            return Err(broke("its answer has another content type"));
        }
        let answered = twresp::Answered {
            nonce: received.nonce.into(),
            asker: &self.signer.account().to_ss58(),
            status: received.status.as_u16(),
            body: &received.body,
        };
        twresp::check(&received.headers, &peer.hotkey, answered)
            .map_err(|why| broke(&why.to_string()))?;
        Ok(received)
    }
}

/// How many bytes a request has in HTTP/1.1, whoever writes it.
fn bytes_on_the_wire<B>(request: &Request<B>, body_bytes: usize) -> u64 {
    let target = request.uri().path().len();
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let bytes = line + headers.sum::<usize>() + "\r\n".len() + body_bytes;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

async fn receive(mut body: Incoming, max: usize) -> Result<Vec<u8>, Trouble> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(Trouble::TooLarge(max));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Trouble::from_http(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > max {
            return Err(Trouble::TooLarge(max));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn broke(why: &str) -> Trouble {
    Trouble::BrokeProtocol(why.to_owned())
}

impl Trouble {
    /// Bytes that are no HTTP are the peer's fault, a broken connection may not be.
    pub(super) fn from_http(error: &hyper::Error) -> Self {
        let source = error.source().and_then(|s| s.downcast_ref::<io::Error>());
        let not_http = source.is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        });
        if error.is_parse() || not_http {
            return broke("its answer is not valid HTTP");
        }
        Self::Unreachable(match source {
            Some(io) => format!("the connection broke off: {}", io.kind()),
            None => "the connection broke off".to_owned(),
        })
    }
}
