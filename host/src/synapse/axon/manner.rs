//! How an axon speaks a protocol: what beside the proof differs between them.
//!
//! The handler does the same for every request: route, screen, body, proof,
//! admission, nonce, turn, service. A [`Manner`] says which requests are its
//! own, what a path and a body ask for, and puts answers and refusals into the
//! protocol's words. A further protocol is a
//! [`Canonicaliser`] and a [`Manner`], and one line in `handler.rs`.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hyper::Response;
use hyper::http::request::Parts;
use tokio::sync::mpsc;

use super::super::classic;
use super::super::verify::{AuthError, Caller, Canonicaliser};
use super::answer::Answer;
use super::body::BodyTrouble;
use crate::subnet::rental::RentError;
use crate::subnet::synapse::Fields;
use crate::subnet::wire::{Refusal, RentCall, SynapseReceived, TaskReceived};

/// A request's head and how it came.
pub(super) struct Came {
    pub(super) head: Parts,
    pub(super) peer: SocketAddr,
    pub(super) at: Instant,
    /// Read once, by the manner that has a use for it.
    classic: OnceLock<Result<classic::Head, classic::HeadTrouble>>,
}

impl Came {
    pub(super) fn now(head: Parts, peer: SocketAddr) -> Self {
        Self {
            head,
            peer,
            at: Instant::now(),
            classic: OnceLock::new(),
        }
    }

    /// The headers of the classic wire.
    pub(super) fn classic(&self) -> Result<&classic::Head, No> {
        let read = || classic::Head::read(&self.head.headers);
        let read = self.classic.get_or_init(read).as_ref();
        read.map_err(|trouble| No::Head(trouble.to_string()))
    }
}

/// What a head asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// One of the subnet's own messages.
    Own(super::super::route::Route),
    /// A synapse, by its name.
    Synapse(String),
}

/// What the service is asked.
pub(super) enum Request {
    Describe,
    Challenge(TaskReceived),
    End(String),
    Ping,
    Synapse(SynapseReceived),
    Rent(RentCall),
    Operate { operation: String, body: Vec<u8> },
}

/// What the service said, and for which synapse.
pub(super) enum Said {
    Json(Vec<u8>),
    Octets(Vec<u8>),
    Fields(String, Fields),
    Stream(String, mpsc::Receiver<Vec<u8>>),
}

/// Why a request is not served.
pub(super) enum No {
    Path,
    Method,
    ContentType,
    /// The head is not one of the protocol.
    Head(String),
    Unproven(AuthError),
    Body(BodyTrouble),
    /// Read, but not what the head or the path says it is.
    Content(classic::BodyTrouble),
    /// What was signed is not the hash of what came.
    OtherBody,
    NotAdmitted(Refusal),
    Crowded {
        why: &'static str,
        retry_ms: u32,
    },
    /// By the service.
    Refused(Refusal),
    /// Nothing is rented, extended or ended.
    NotRented(RentError),
    Late(Duration),
}

/// One protocol, as an axon speaks it.
pub(super) trait Manner: Send + Sync {
    fn canonicaliser(&self) -> &dyn Canonicaliser;
    /// Whether a request that speaks no protocol is answered in this one's words.
    fn expects(&self, path: &str) -> bool;
    /// What the head asks for.
    fn route(&self, came: &Came) -> Result<Route, No>;
    /// How long the caller says it waits.
    fn patience(&self, came: &Came) -> Option<Duration>;
    /// What the body asks for, once its sender is proved.
    fn read(&self, came: &Came, route: Route, body: Vec<u8>) -> Result<Request, No>;
    /// What was said, in the protocol's words.
    fn say(&self, came: &Came, caller: &Caller, said: Said) -> Response<Answer>;
    /// Why not; without a caller nothing is proved.
    fn refuse(&self, came: &Came, caller: Option<&Caller>, no: No) -> Response<Answer>;
}
