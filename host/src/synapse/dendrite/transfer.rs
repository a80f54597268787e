//! One HTTP request and its answer, whatever protocol it carries.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};

use super::HttpDendrite;
use super::link::Link;
use super::stamps::Stamps;
use super::trouble::{Heard, Trouble};
use crate::subnet::wire::Peer;

use super::super::status::REFUSAL_BYTES_MAX;

/// An answer as it came, whole.
pub(super) struct Arrival {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// From the last byte sent to the last received; `None` if the answer began
    /// before the request was out.
    pub(super) elapsed: Option<Duration>,
    /// As the head came, for who must know how names were written.
    pub(super) raw_head: Vec<u8>,
}

impl HttpDendrite {
    /// A warm connection that is still good, or a new one, to an address that
    /// may be called.
    pub(super) async fn link(&self, peer: &Peer) -> Result<Link, Trouble> {
        self.options
            .addresses
            .check(&peer.address)
            .map_err(|why| Trouble::Address(why.to_string()))?;
        if let Some(mut warm) = self.pool.take(peer)
            && warm.is_usable().await
        {
            return Ok(warm);
        }
        Link::connect(peer, &self.options).await
    }

    /// Sends and receives. The connection is kept if it can carry another.
    pub(super) async fn transfer(
        &self,
        peer: &Peer,
        mut link: Link,
        request: Request<Full<Bytes>>,
        answer_bytes_max: usize,
    ) -> Result<Arrival, Trouble> {
        let request_bytes = bytes_on_the_wire(&request);
        let response = link
            .send(request)
            .await
            .map_err(|error| Trouble::from_http(&error, heard(&link.stamps)))?;
        let (head, incoming) = response.into_parts();
        let raw_head = link.stamps.take_head();
        let max = match head.status {
            StatusCode::OK => answer_bytes_max,
            _ => REFUSAL_BYTES_MAX.min(answer_bytes_max),
        };
        let body = receive(incoming, max).await?;
        let elapsed = link.stamps.elapsed(request_bytes);
        if elapsed.is_some() && !link.is_closed() {
            self.pool.put(*peer, link);
        }
        Ok(Arrival {
            status: head.status,
            headers: head.headers,
            body,
            elapsed,
            raw_head,
        })
    }
}

fn heard(stamps: &Stamps) -> Heard {
    if stamps.has_read() {
        Heard::Something
    } else {
        Heard::Nothing
    }
}

/// How many bytes a request has in HTTP/1.1, whoever writes it.
fn bytes_on_the_wire(request: &Request<Full<Bytes>>) -> u64 {
    let target = request
        .uri()
        .path_and_query()
        .map_or(1, |t| t.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let head = line + headers.sum::<usize>() + "\r\n".len();
    let head = u64::try_from(head).unwrap_or(u64::MAX);
    let body = request.body().size_hint().exact();
    head.saturating_add(body.unwrap_or(u64::MAX))
}

async fn receive(mut body: Incoming, max: usize) -> Result<Vec<u8>, Trouble> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(Trouble::TooLarge(max));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Trouble::from_http(&error, Heard::Something))?;
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
