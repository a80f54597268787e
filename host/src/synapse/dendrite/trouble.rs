//! Why nothing usable came back, and what a caller makes of it.

use std::error::Error as _;
use std::io;

use crate::subnet::challenge::Answer;
use crate::subnet::wire::PeerError;

use super::super::status::No;

/// What went wrong between two neurons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Address(String),
    Unreachable(String),
    /// The connection closed before a byte of an answer came: it may have been
    /// closing already when the request was sent.
    Unanswered(String),
    TimedOut(u64),
    BrokeProtocol(String),
    TooLarge(usize),
}

/// Whether anything of an answer had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Something,
}

pub(super) fn broke(why: impl Into<String>) -> Trouble {
    Trouble::BrokeProtocol(why.into())
}

impl Trouble {
    /// Bytes that are no HTTP are the peer's fault, a broken connection may not be.
    pub(super) fn from_http(error: &hyper::Error, heard: Heard) -> Self {
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
        let why = match source {
            Some(io) => format!("the connection broke off: {}", io.kind()),
            None => "the connection broke off".to_owned(),
        };
        match heard {
            Heard::Nothing => Self::Unanswered(why),
            Heard::Something => Self::Unreachable(why),
        }
    }
}

impl From<No> for Answer {
    fn from(no: No) -> Self {
        match no {
            No::Busy(retry_ms) => Self::Busy(retry_ms),
            No::Forgotten => Self::Forgotten,
            No::Refused(why) => Self::Refused(why),
            No::BrokeProtocol(why) => Self::BrokeProtocol(why),
        }
    }
}

impl From<No> for PeerError {
    fn from(no: No) -> Self {
        match no {
            No::Busy(retry_ms) => Self::Refused(format!("busy for about {retry_ms} ms")),
            No::Forgotten => Self::BrokeProtocol("410 to a description".to_owned()),
            No::Refused(why) => Self::Refused(why),
            No::BrokeProtocol(why) => Self::BrokeProtocol(why),
        }
    }
}

impl From<Trouble> for Answer {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Address(why) => Self::Unreachable(format!("address not allowed: {why}")),
            Trouble::Unreachable(why) | Trouble::Unanswered(why) => Self::Unreachable(why),
            Trouble::TimedOut(_) => Self::TimedOut,
            Trouble::BrokeProtocol(why) => Self::BrokeProtocol(why),
            Trouble::TooLarge(_) => Self::TooLarge,
        }
    }
}

impl From<Trouble> for PeerError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Address(why) => Self::Address(why),
            Trouble::Unreachable(why) | Trouble::Unanswered(why) => Self::Unreachable(why),
            Trouble::TimedOut(ms) => Self::TimedOut(ms),
            Trouble::BrokeProtocol(why) => Self::BrokeProtocol(why),
            Trouble::TooLarge(max) => Self::TooLarge(max),
        }
    }
}
