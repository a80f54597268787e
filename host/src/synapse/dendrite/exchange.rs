//! One request by btauth/1 and its answer, timed, then checked.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};

use super::HttpDendrite;
use super::trouble::{Trouble, broke};
use crate::subnet::wire::Peer;

use super::super::head::content_type;
use super::super::status::{self, No};
use super::super::twresp::NotProven;
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

/// What came back, whole. Whose it is, [`HttpDendrite::check`] says.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) elapsed: Duration,
    nonce: u64,
}

impl HttpDendrite {
    /// Sends and receives; on the clock.
    pub(super) async fn exchange(&self, peer: &Peer, ask: &Ask) -> Result<Received, Trouble> {
        let link = self.link(peer).await?;
        let (nonce, request) = self.sign(peer, ask);
        let arrival = self
            .transfer(peer, link, request, ask.answer_bytes_max)
            .await?;
        if arrival.elapsed.is_none() && arrival.status == StatusCode::OK {
            return Err(broke("it answered before it had the whole request"));
        }
        Ok(Received {
            status: arrival.status,
            headers: arrival.headers,
            body: arrival.body,
            elapsed: arrival.elapsed.unwrap_or_default(),
            nonce,
        })
    }

    /// A nonce of its own for each request, one that is sent again too.
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

    /// Whether an answer is of the type that was asked for, and whose it is: its
    /// miner's, or nobody's in particular. One that is signed wrongly is none.
    pub(super) fn check(
        &self,
        peer: &Peer,
        ask: &Ask,
        received: &Received,
    ) -> Result<Proof, Trouble> {
        if content_type(&received.headers).as_deref() != Some(ask.content_type) {
            return Err(broke("its answer has another content type"));
        }
        let answered = twresp::Answered {
            nonce: received.nonce.into(),
            asker: &self.signer.account().to_ss58(),
            status: received.status.as_u16(),
            body: &received.body,
        };
        match twresp::check(&received.headers, &peer.hotkey, answered) {
            Ok(()) => Ok(Proof::Signed),
            Err(NotProven::Unsigned) => Ok(Proof::Unsigned),
            Err(why) => Err(broke(why.to_string())),
        }
    }

    /// The same, where nothing but the miner's own word will do.
    pub(super) fn check_signed(
        &self,
        peer: &Peer,
        ask: &Ask,
        received: &Received,
    ) -> Result<(), Trouble> {
        match self.check(peer, ask, received)? {
            Proof::Signed => Ok(()),
            Proof::Unsigned => Err(broke(NotProven::Unsigned.to_string())),
        }
    }
}

/// Whether the miner signed what it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Signed,
    Unsigned,
}

impl Received {
    /// What an answer means that is no 200.
    pub(super) fn refusal(&self) -> No {
        let content_type = content_type(&self.headers);
        status::read(self.status, content_type.as_deref(), &self.body)
    }
}
