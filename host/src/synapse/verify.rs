//! Decides who sent a request, for every protocol alike.
//!
//! ```text
//! headers -> screen: shape, receiver, freshness      (before the body is read)
//! body    -> prove:  the signature over exactly this  (before anyone is asked)
//!         -> spend:  the nonce, once                  (before anything is done)
//! ```
//!
//! Each step returns what the next one needs, so none can be left out. A
//! canonicaliser says what was signed; it decides nothing. Errors say which rule
//! was broken and never echo what was signed. The nonce is spent after the
//! signature verified, so that nobody can spend another's.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;

use super::clock::Clock;
use super::replay::{ReplayStore, Spent};
use crate::subnet::key::{AccountId, Scheme, Signature};

/// How far a nonce's time may lie from ours.
///
/// Behind it is bounded so that a recording goes stale before its nonce is
/// forgotten, ahead so that after a restart it is known from when on no nonce
/// was spent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Behind, at most.
    pub age_max: Duration,
    /// Ahead, at most.
    pub ahead_max: Duration,
}

/// What a request says of itself; nothing is proved yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who says it sent it.
    pub sender: AccountId,
    /// As it was written, because that is what was signed.
    pub sender_text: String,
    /// The scheme it says it signed with; no other is tried.
    pub scheme: Scheme,
    /// For whom.
    pub receiver: Receiver,
    /// When it says it was made.
    pub made_at_unix_ns: u64,
    /// What makes it unique among the sender's requests of that moment.
    pub once: u128,
    /// How far `made_at_unix_ns` may lie from now.
    pub window: Window,
    /// Whatever else of the headers was signed, in the protocol's own order.
    pub signed: Vec<String>,
    /// Over [`Canonicaliser::message`].
    pub signature: Signature,
}

/// For whom a request says it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// As it is written in the headers.
    Named(String),
    /// Only in what was signed, which is made up with the verifier's own address.
    Implied,
    /// Nobody, which is refused.
    Unbound,
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// As it was sent.
    pub method: &'a str,
    /// Path and query, exactly as sent.
    pub target: &'a str,
    /// Raw.
    pub body: &'a [u8],
}

/// One protocol: which headers it uses and which bytes it signs.
pub trait Canonicaliser: Send + Sync {
    /// Whether a request speaks this protocol.
    fn speaks(&self, headers: &HeaderMap) -> bool;
    /// Reads what the request says of itself, in one spelling only.
    fn claim(&self, headers: &HeaderMap) -> Result<Claim, AuthError>;
    /// The bytes that must have been signed; `me` is the verifier's own address.
    fn message(&self, claim: &Claim, me: &str, arrived: Arrived<'_>) -> Vec<u8>;
}

/// Why a request proves nothing. The texts reach the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A header is missing, twice or unreadable.
    #[error("{0}")]
    Malformed(&'static str),
    /// Signed for somebody else, or for nobody.
    #[error("{0}")]
    WrongReceiver(&'static str),
    /// Made too long ago.
    #[error("nonce is older than the {}s freshness window", allowed.as_secs())]
    Stale {
        /// How old it may be.
        allowed: Duration,
        /// How old it is.
        age: Duration,
    },
    /// Made later than now.
    #[error("nonce is more than {0}s in the future")]
    Future(u64),
    /// Made so early that it may have been spent before this node started, and
    /// what was spent then is forgotten.
    #[error("nonce is older than this server")]
    BeforeStart,
    /// Signed by another, or over something else.
    #[error("signature does not verify against the claimed hotkey")]
    BadSignature,
    /// Already used.
    #[error("this nonce was already accepted from this hotkey")]
    Replayed,
    /// More live nonces than are remembered of one hotkey.
    #[error("too many requests of this hotkey are remembered already")]
    TooManyNonces,
    /// More hotkeys than are remembered.
    #[error("too many hotkeys are remembered already")]
    TooManyCallers,
}

/// Who sent a request: proved, and the nonce spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// As the caller writes itself, for the answer's signature.
    pub text: String,
    /// The request's nonce, for the answer's signature.
    pub nonce: u128,
}

/// A claim of the right shape, for us and fresh.
pub struct Screened<'v> {
    protocol: &'v dyn Canonicaliser,
    claim: Claim,
}

/// A claim whose signature verified; its nonce is not spent yet.
pub struct Proven {
    caller: Caller,
    made_at_unix_ns: u64,
}

impl Proven {
    /// Who signed it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// Verifies requests made for one hotkey.
pub struct Verifier {
    me: String,
    clock: Arc<dyn Clock>,
    started_unix_ns: u64,
    replays: ReplayStore,
}

impl Verifier {
    /// For requests to `me`. What the process before this one accepted was made
    /// before `started_unix_ns` and the protocol's window ahead, and is refused.
    pub fn new(
        me: &AccountId,
        clock: Arc<dyn Clock>,
        started_unix_ns: u64,
        replays: ReplayStore,
    ) -> Self {
        Self {
            me: me.to_ss58(),
            clock,
            started_unix_ns,
            replays,
        }
    }

    /// Checks all that needs no body: shape, receiver, freshness.
    pub fn screen<'v>(
        &self,
        protocol: &'v dyn Canonicaliser,
        headers: &HeaderMap,
    ) -> Result<Screened<'v>, AuthError> {
        let claim = protocol.claim(headers)?;
        self.check_receiver(&claim)?;
        self.check_fresh(&claim)?;
        Ok(Screened { protocol, claim })
    }

    /// Checks the signature over exactly what arrived.
    pub fn prove(&self, screened: Screened<'_>, arrived: Arrived<'_>) -> Result<Proven, AuthError> {
        let claim = screened.claim;
        let message = screened.protocol.message(&claim, &self.me, arrived);
        if !claim
            .scheme
            .verify(&claim.sender, &message, &claim.signature)
        {
            return Err(AuthError::BadSignature);
        }
        Ok(Proven {
            made_at_unix_ns: claim.made_at_unix_ns,
            caller: Caller {
                account: claim.sender,
                text: claim.sender_text,
                nonce: claim.once,
            },
        })
    }

    /// Spends the nonce.
    pub fn spend(&self, proven: Proven) -> Result<Caller, AuthError> {
        let Proven {
            caller,
            made_at_unix_ns,
        } = proven;
        let now = self.clock.unix_ns();
        let spent = self
            .replays
            .spend(&caller.account, made_at_unix_ns, caller.nonce, now);
        match spent {
            Spent::Now => Ok(caller),
            Spent::Before => Err(AuthError::Replayed),
            Spent::TooOld(allowed) => Err(AuthError::Stale {
                allowed,
                age: Duration::from_nanos(now.saturating_sub(made_at_unix_ns)),
            }),
            Spent::FullForCaller => Err(AuthError::TooManyNonces),
            Spent::Full => Err(AuthError::TooManyCallers),
        }
    }

    /// All three steps, for those who have the whole request already.
    pub fn verify(
        &self,
        protocol: &dyn Canonicaliser,
        headers: &HeaderMap,
        arrived: Arrived<'_>,
    ) -> Result<Caller, AuthError> {
        let screened = self.screen(protocol, headers)?;
        let proven = self.prove(screened, arrived)?;
        self.spend(proven)
    }

    fn check_receiver(&self, claim: &Claim) -> Result<(), AuthError> {
        match &claim.receiver {
            Receiver::Unbound => Err(AuthError::WrongReceiver(
                "missing X-Bittensor-Receiver: this server requires receiver-bound requests",
            )),
            Receiver::Named(receiver) if *receiver != self.me => Err(AuthError::WrongReceiver(
                "request was signed for a different receiving hotkey",
            )),
            Receiver::Named(_) | Receiver::Implied => Ok(()),
        }
    }

    fn check_fresh(&self, claim: &Claim) -> Result<(), AuthError> {
        let Window { age_max, ahead_max } = claim.window;
        let (now, made) = (self.clock.unix_ns(), claim.made_at_unix_ns);
        let age = Duration::from_nanos(now.saturating_sub(made));
        let ahead = Duration::from_nanos(made.saturating_sub(now));
        if age > age_max {
            return Err(AuthError::Stale {
                allowed: age_max,
                age,
            });
        }
        if ahead > ahead_max {
            return Err(AuthError::Future(ahead_max.as_secs()));
        }
        let since_start = Duration::from_nanos(made.saturating_sub(self.started_unix_ns));
        if made < self.started_unix_ns || since_start < ahead_max {
            return Err(AuthError::BeforeStart);
        }
        Ok(())
    }
}
