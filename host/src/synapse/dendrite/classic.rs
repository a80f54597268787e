//! Messages by the classic wire of bittensor 6 to 10, as its own dendrite sends
//! them.
//!
//! The headers are Python's, in its order, as 10.5.0 says of itself. Unlike
//! Python's, each request has a uuid of its own: an axon remembers the last
//! nonce of a hotkey and a uuid and refuses one that arrives out of order.
//!
//! The classic wire signs no answers. What comes back is good for what may be
//! said by anybody: claims that are checked elsewhere, never a proof. Hence an
//! [`Outcome`] and no [`Answer`](crate::subnet::challenge::Answer).

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};

use super::HttpDendrite;
use super::outcome::{self, Outcome};
use super::transfer::Arrival;
use super::trouble::{Trouble, broke};
use crate::subnet::key::Scheme;
use crate::subnet::synapse::Fields;
use crate::subnet::wire::{Peer, PeerError};

use super::super::classic::json::NonFinite;
use super::super::classic::{self, Entry, Envelope, Head, Terminal};
use super::super::head::write_signature;
use super::super::status::JSON;

/// What a dendrite says of its own address; the axon puts in what it sees.
const OWN_IP: &str = "0.0.0.0";

/// A message on its way to one axon.
#[derive(Debug, Clone)]
pub struct SynapseCall<'a> {
    /// Which message.
    pub entry: &'a Entry,
    /// What it carries; fields that are left out have their defaults.
    pub fields: Fields,
    /// In all, as the axon is told as well.
    pub timeout: Duration,
    /// Of the answer's body, or of a whole stream.
    pub answer_bytes_max: usize,
    /// Whether it does harm to arrive twice.
    pub repeat: Repeat,
}

/// Whether a message may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It arrives once or never.
    Never,
    /// Once more, with a nonce of its own, if the connection closed before a
    /// byte of an answer came.
    Unanswered,
}

impl HttpDendrite {
    /// Sends a message by the classic wire.
    ///
    /// # Errors
    /// When no answer came or it is none that a real dendrite can read. A
    /// refusal is an [`Outcome`]: [`Outcome::into_fields`] makes it an error.
    pub async fn synapse(&self, peer: &Peer, call: SynapseCall<'_>) -> Result<Outcome, PeerError> {
        let _turn = self.turn().await?;
        let within = call.timeout;
        let (sent, arrival) = super::within(within, self.send_synapse(peer, call.clone())).await?;
        Ok(outcome::read(call.entry, sent, &arrival)?)
    }

    /// Sends a message whose answer is a stream, and reads all of it.
    ///
    /// # Errors
    /// As [`HttpDendrite::synapse`], and when the axon refused or did not say
    /// that it succeeded.
    pub async fn stream(&self, peer: &Peer, call: SynapseCall<'_>) -> Result<Vec<u8>, PeerError> {
        let _turn = self.turn().await?;
        let within = call.timeout;
        let (sent, arrival) = super::within(within, self.send_synapse(peer, call.clone())).await?;
        let said = if arrival.status == StatusCode::OK {
            outcome::read_stream_head(sent, &arrival)?
        } else {
            outcome::read(call.entry, sent, &arrival)?
        };
        said.into_fields()?;
        Ok(arrival.body)
    }

    /// What was sent, all fields in place, and what came back.
    pub(super) async fn send_synapse(
        &self,
        peer: &Peer,
        call: SynapseCall<'_>,
    ) -> Result<(Fields, Arrival), Trouble> {
        if self.signer.scheme() != Scheme::Sr25519 {
            let why = "it speaks the classic wire, which knows sr25519 hotkeys alone";
            return Err(broke(why));
        }
        let fields = call.entry.complete(call.fields);
        let fields = fields.map_err(|why| broke(format!("the message cannot be sent: {why}")))?;
        let send = || {
            self.send_once(
                peer,
                call.entry,
                &fields,
                call.timeout,
                call.answer_bytes_max,
            )
        };
        let arrival = match call.repeat {
            Repeat::Never => send().await?,
            Repeat::Unanswered => super::again_if_unanswered(send).await?,
        };
        Ok((fields, arrival))
    }

    async fn send_once(
        &self,
        peer: &Peer,
        entry: &Entry,
        fields: &Fields,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<Arrival, Trouble> {
        let link = self.link(peer).await?;
        let request = self.write_synapse(peer, entry, fields, timeout)?;
        link.stamps.keep_head();
        self.transfer(peer, link, request, answer_bytes_max).await
    }

    fn write_synapse(
        &self,
        peer: &Peer,
        entry: &Entry,
        fields: &Fields,
        timeout: Duration,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let name = &entry.declaration().name;
        let body_hash = entry.body_hash(fields);
        let envelope = Envelope {
            name: name.clone(),
            timeout_s: Some(timeout.as_secs_f64()),
            dendrite: self.terminal(peer, &body_hash)?,
            axon: Terminal {
                ip: Some(peer.address.ip().to_string()),
                port: Some(peer.address.port()),
                hotkey: Some(peer.hotkey.to_ss58()),
                ..Terminal::default()
            },
        };
        let body = classic::write_body(&envelope, fields, NonFinite::AsPython);
        let head = Head {
            name: Some(envelope.name),
            timeout_s: envelope.timeout_s,
            axon: envelope.axon,
            dendrite: envelope.dendrite,
            inputs: entry.announcements(fields),
            computed_body_hash: None,
        };
        Ok(request(peer, name, &head, &body_hash, body))
    }

    /// Who sends, once: the nonce and the uuid are this request's.
    fn terminal(&self, peer: &Peer, body_hash: &str) -> Result<Terminal, Trouble> {
        let (nonce, uuid) = (self.nonce(), uuid()?);
        let hotkey = self.signer.account().to_ss58();
        let receiver = peer.hotkey.to_ss58();
        let message = classic::message(nonce, &hotkey, &receiver, &uuid, body_hash);
        let signature = self.signer.sign(message.as_bytes());
        Ok(Terminal {
            ip: Some(OWN_IP.to_owned()),
            version: Some(classic::VERSION),
            nonce: Some(nonce),
            uuid: Some(uuid),
            hotkey: Some(hotkey),
            signature: Some(write_signature(&signature)),
            ..Terminal::default()
        })
    }
}

/// Python's order: what the protocol says, its sizes, the hash, then HTTP's own.
/// The sizes are bytes on the wire; Python's are of its objects, and nobody
/// reads either.
fn request(
    peer: &Peer,
    name: &str,
    head: &Head,
    body_hash: &str,
    body: String,
) -> Request<Full<Bytes>> {
    let written = head.write();
    let header_bytes: usize = written
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    let length = body.len();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/{name}"))
        .header(HOST, peer.address.to_string())
        .body(Full::new(Bytes::from(body)))
        .expect("a declared name and an address are a request");
    let headers = request.headers_mut();
    headers.extend(written);
    headers.insert("header_size", header_bytes.into());
    headers.insert("total_size", (header_bytes + length).into());
    let hash = HeaderValue::from_str(body_hash).expect("hexadecimal digits are header text");
    headers.insert("computed_body_hash", hash);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let agent = concat!("host/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    request
}

/// A random uuid, version 4.
fn uuid() -> Result<String, Trouble> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Trouble::Unreachable(format!("no randomness here: {error}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_uuid_is_one_and_another_each_time() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]));
    }
}
