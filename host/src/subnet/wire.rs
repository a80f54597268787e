//! What neurons say to one another, whatever protocol carries it.
//!
//! Versioned paths: `describe` carries JSON; a challenge task and its answer are
//! octets, with session, step, solver and time limit in the signed path. Renting
//! has its own file, `wire/renting.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::challenge::Answer;
use super::hardware::{Label, Metric};
use super::key::AccountId;
use super::rental::RentError;
use super::scoring::OfferedMachine;
use super::synapse::{Declaration, Fields};

mod renting;

pub use renting::{LEASES_MAX, LISTINGS_MAX, RENT_PATH, RentAnswer, RentCall, RentFailure};

/// `POST`, empty body; answers a [`Description`] as JSON.
pub const DESCRIBE_PATH: &str = "/compute-subnet/1/describe";
/// `POST {CHALLENGE_PATH}/{session}/{step}/{solver}/{timeout_ms}`, octets both ways.
pub const CHALLENGE_PATH: &str = "/compute-subnet/1/challenge";
/// `POST {END_PATH}/{session}`, empty body; answers `{}`: the session is over.
pub const END_PATH: &str = "/compute-subnet/1/end";
/// `POST {OPERATOR_PATH}/{operation}`, JSON both ways: what a validator's operator
/// may ask for.
pub const OPERATOR_PATH: &str = "/compute-subnet/1/operator";
/// The longest session id or solver name on the wire, in bytes; both are `[a-z0-9-]`.
pub const NAME_BYTES_MAX: usize = 64;
/// The most machines one miner may describe.
pub const MACHINES_MAX: usize = 64;

/// What a miner says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What runs there: `host/0.1.0`.
    pub software: String,
    /// Its own machine first, with an empty id; at most [`MACHINES_MAX`].
    pub machines: Vec<OfferedMachine>,
    /// Solver names it answers to.
    pub solvers: Vec<String>,
    /// Load and the like.
    #[serde(default)]
    pub metrics: Vec<Metric>,
}

/// Over which wire a neuron described itself, and so how far its words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// btauth/1, and the neuron signed what it said (twresp/1). It may be
    /// challenged: nobody else can answer for it.
    Signed,
    /// btauth/1, but nobody signed the answer: whoever stands on the way may
    /// have given it. Good for a claim, never for a proof.
    Unsigned,
    /// The classic wire of bittensor 6 to 10, which signs no answers; the same.
    Classic,
}

/// The label that says so in each machine of a description that nobody signed.
pub const WIRE_LABEL: &str = "wire";

impl Wire {
    /// Why a neuron cannot be challenged; `None` if it can.
    pub fn objection(self) -> Option<&'static str> {
        match self {
            Self::Signed => None,
            Self::Unsigned => Some(
                "the miner does not sign its answers (twresp/1), so that anybody could give them",
            ),
            Self::Classic => Some(
                "the miner speaks the classic wire alone, which carries no challenges; \
                 it has to run a node that speaks btauth/1",
            ),
        }
    }

    /// What policies are told; nothing where the neuron signed.
    pub fn label(self) -> Option<Label> {
        let value = match self {
            Self::Signed => return None,
            Self::Unsigned => "unsigned",
            Self::Classic => "classic",
        };
        Some(Label {
            name: WIRE_LABEL.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// A description and how it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What was said.
    pub description: Description,
    /// How it was heard.
    pub wire: Wire,
}

/// Whom to call and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Who must be there: requests are signed for this receiver.
    pub hotkey: AccountId,
    /// Where the chain says it is; anyone can write there.
    pub address: SocketAddr,
}

/// One task on its way.
#[derive(Debug, Clone, Copy)]
pub struct TaskRequest<'a> {
    /// The session's id.
    pub session: &'a str,
    /// From 0.
    pub step: u16,
    /// Which solver should answer.
    pub solver: &'a str,
    /// Sent as it is.
    pub payload: &'a [u8],
    /// From the first byte sent to the last received.
    pub timeout: Duration,
}

/// Why a peer gave no description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Its address is not one this node may call.
    #[error("address not allowed: {0}")]
    Address(String),
    /// No connection, or it broke off.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Nothing in time.
    #[error("no answer within {0} ms")]
    TimedOut(u64),
    /// It refused; its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// An answer, but not by the protocol.
    #[error("broke the protocol: {0}")]
    BrokeProtocol(String),
    /// More bytes than allowed.
    #[error("answered with more than {0} bytes")]
    TooLarge(usize),
}

/// Calls other neurons.
#[async_trait]
pub trait Dendrite: Send + Sync {
    /// Asks a miner what it is, in whichever protocol it speaks.
    async fn describe(&self, peer: &Peer) -> Result<Described, PeerError>;
    /// Sends a task; the time runs from the last byte sent to the last byte received.
    async fn challenge(&self, peer: &Peer, task: TaskRequest<'_>) -> (Answer, Duration);
    /// Tells a miner that a session is over, so that its machine is free for the
    /// next validator at once. Best effort.
    async fn end_session(&self, peer: &Peer, session: &str) -> Result<(), PeerError>;
    /// Asks a miner for, or about, a rental. What it did not sign is no answer.
    async fn rent(&self, _peer: &Peer, _call: RentCall) -> Result<RentAnswer, RentFailure> {
        let why = "this node has no way to rent".to_owned();
        Err(RentFailure::NotServed(why))
    }
}

/// Why a miner says no. The texts reach the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Verified, but not welcome.
    #[error("{0}")]
    Forbidden(String),
    /// Another session has the machine; milliseconds until it may be free.
    #[error("busy for about {0} ms")]
    Busy(u32),
    /// No such solver, or it would not run this task.
    #[error("{0}")]
    Unable(String),
    /// The payload is not one the solver understands.
    #[error("{0}")]
    Malformed(String),
    /// A step of a session this node does not know.
    #[error("this session is not known here")]
    Forgotten,
    /// This node's own fault.
    #[error("{0}")]
    Failed(String),
}

/// One task as it arrived, its path and signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskReceived {
    /// The session's id.
    pub session: String,
    /// From 0.
    pub step: u16,
    /// Which solver should answer.
    pub solver: String,
    /// As it was sent.
    pub payload: Vec<u8>,
    /// How long the caller waits for the answer; after that nobody reads it.
    pub timeout: Duration,
}

/// A synapse of the classic wire as it arrived, its signature checked.
#[derive(Debug, Clone, PartialEq)]
pub struct SynapseReceived {
    /// The declaration's name.
    pub name: String,
    /// Every declared field, in its type.
    pub fields: Fields,
}

/// What a synapse is answered with.
#[derive(Debug)]
pub enum SynapseAnswer {
    /// The same fields, filled in; those left out have their defaults.
    Fields(Fields),
    /// Chunks as they come, for a declaration that streams; their form is the
    /// subnet's own business.
    Stream(mpsc::Receiver<Vec<u8>>),
}

/// What an axon serves; callers are who their signatures prove.
#[async_trait]
pub trait Service: Send + Sync {
    /// Whether `caller` may call at all; asked once the signature has been verified
    /// and before the body is handed on.
    fn admit(&self, caller: &AccountId) -> Result<(), Refusal>;
    /// Says what this node is.
    async fn describe(&self, caller: &AccountId) -> Result<Description, Refusal>;
    /// Answers a task.
    async fn challenge(&self, caller: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal>;
    /// The caller's session is over; one that is not known is no error.
    async fn end_session(&self, caller: &AccountId, session: &str);
    /// What `caller` has at stake in the subnet: when an axon is full, whoever has
    /// more goes first.
    fn stake_rao(&self, _caller: &AccountId) -> u64 {
        0
    }
    /// The synapses of the classic wire that are answered here; asked once, when
    /// the axon starts. The ping is answered without being declared.
    fn synapses(&self) -> Vec<Declaration> {
        Vec::new()
    }
    /// Answers a synapse that is one of [`Service::synapses`].
    async fn synapse(
        &self,
        _caller: &AccountId,
        asked: SynapseReceived,
    ) -> Result<SynapseAnswer, Refusal> {
        Err(Refusal::Unable(format!("{} is not answered", asked.name)))
    }
    /// Answers a renter, who sees what is its own and nothing else.
    async fn rent(&self, _caller: &AccountId, _call: RentCall) -> Result<RentAnswer, RentError> {
        Err(RentError::Forbidden(
            "this node lets no machines".to_owned(),
        ))
    }
    /// Does `operation` of the operator API ([`OPERATOR_PATH`]) with a JSON body
    /// and answers with another.
    async fn operate(
        &self,
        _caller: &AccountId,
        _operation: &str,
        _body: &[u8],
    ) -> Result<Vec<u8>, RentError> {
        Err(RentError::Forbidden(
            "this node has no operator API".to_owned(),
        ))
    }
    /// A JSON document at `path` that anybody may read by `GET`, unsigned.
    fn document(&self, _path: &str) -> Option<&'static str> {
        None
    }
}
