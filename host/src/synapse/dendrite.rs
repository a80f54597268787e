//! Calls other neurons, and measures how long they take.
//!
//! A call goes to the address the chain gives, if [`AddressPolicy`] lets it,
//! over a warm connection to that very neuron or a new one. It is signed for
//! its receiver with a nonce of its own, sent once and never again: a neuron
//! that hangs up after it has seen a task has failed. No redirect is followed.
//!
//! ```text
//! connect | sign | first byte .. last byte sent | clock | last byte received | check signature
//! |<------------------------------ the timeout covers this ------------->|
//! ```
//!
//! The clock starts when the system took the last byte of the request and stops
//! when it gave the last byte of the answer, whichever connection was used; an
//! answer that began before the request was out breaks the protocol. For a task
//! larger than the system's socket buffer the peer can put off the start of the
//! clock by reading slowly, so what is timed should be small.
//!
//! Every limit counts for one peer: whatever it sends, or does not, costs one
//! call, one connection and at most one answer's bytes until the timeout.

mod exchange;
mod link;
mod pool;
mod stamps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::Semaphore;

use self::exchange::{Ask, Received, Trouble};
use self::pool::Pool;
use super::address::AddressPolicy;
use super::clock::{Clock, SystemClock};
use super::description::{self, DESCRIPTION_BYTES_MAX};
use super::route;
use super::status::{self, JSON, No, OCTETS, REFUSAL_BYTES_MAX};
use crate::subnet::challenge::{Answer, PAYLOAD_BYTES_MAX, TASK_TIMEOUT_MS_MAX};
use crate::subnet::key::Signer;
use crate::subnet::wire::{DESCRIBE_PATH, Dendrite, Description, Peer, PeerError, TaskRequest};

/// A dendrite's limits.
#[derive(Debug, Clone)]
pub struct DendriteOptions {
    /// Which addresses may be called. Public ones.
    pub addresses: AddressPolicy,
    /// To connect, within the whole timeout. 5 s.
    pub connect_time: Duration,
    /// To describe itself, connecting included. 10 s.
    pub describe_time: Duration,
    /// Calls under way; more wait for their turn before their time begins. 256.
    pub calls_max: usize,
    /// Warm connections kept in all. 256.
    pub idle_connections_max: usize,
    /// How long one is kept; shorter than an axon keeps it, so that an axon
    /// seldom closes one that is about to be used. 15 s.
    pub idle_time: Duration,
    /// An answer's head. 32 KiB.
    pub head_bytes_max: usize,
    /// Headers of an answer. 64.
    pub headers_max: usize,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for DendriteOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::PublicOnly,
            connect_time: Duration::from_secs(5),
            describe_time: Duration::from_secs(10),
            calls_max: 256,
            idle_connections_max: 256,
            idle_time: Duration::from_secs(15),
            head_bytes_max: 32 << 10,
            headers_max: 64,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Speaks btauth/1 over HTTP/1.1 and takes answers signed with twresp/1.
pub struct HttpDendrite {
    signer: Arc<dyn Signer>,
    options: DendriteOptions,
    pool: Pool,
    calls: Semaphore,
    last_nonce: AtomicU64,
}

impl HttpDendrite {
    /// Calls as `signer`'s account.
    pub fn new(signer: Arc<dyn Signer>, options: DendriteOptions) -> Self {
        Self {
            signer,
            pool: Pool::new(options.idle_connections_max, options.idle_time),
            calls: Semaphore::new(options.calls_max),
            last_nonce: AtomicU64::new(0),
            options,
        }
    }

    /// The time, or just after the last nonce if the clock has not moved on.
    fn nonce(&self) -> u64 {
        let now = self.options.clock.unix_ns();
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last_nonce
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let (Ok(last) | Err(last)) = last;
        now.max(last.saturating_add(1))
    }

    /// Waits for its turn, then does all of it within `time`.
    async fn call(&self, peer: &Peer, ask: Ask, time: Duration) -> Result<Received, Trouble> {
        let _turn = self
            .calls
            .acquire()
            .await
            .map_err(|_| Trouble::Unreachable("the node is shutting down".to_owned()))?;
        let late = || Trouble::TimedOut(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let received = tokio::time::timeout(time, self.exchange(peer, &ask))
            .await
            .map_err(|_| late())??;
        // Whatever comes below is not on the clock.
        self.check(peer, &ask, received)
    }
}

#[async_trait]
impl Dendrite for HttpDendrite {
    async fn describe(&self, peer: &Peer) -> Result<Description, PeerError> {
        let ask = Ask {
            target: DESCRIBE_PATH.to_owned(),
            content_type: JSON,
            body: Bytes::new(),
            answer_bytes_max: DESCRIPTION_BYTES_MAX,
        };
        let received = self.call(peer, ask, self.options.describe_time).await?;
        if received.status == StatusCode::OK {
            read_description(&received.body)
        } else {
            Err(received.refusal().into())
        }
    }

    async fn challenge(&self, peer: &Peer, task: TaskRequest<'_>) -> (Answer, Duration) {
        let begun = Instant::now();
        let time = task
            .timeout
            .min(Duration::from_millis(TASK_TIMEOUT_MS_MAX.into()));
        let Some(target) = route::challenge(task.session, task.step, task.solver, time) else {
            let why = "the task's session or solver is not a name for the wire, or it has no time";
            return (Answer::Refused(why.to_owned()), Duration::ZERO);
        };
        let ask = Ask {
            target,
            content_type: OCTETS,
            body: Bytes::copy_from_slice(task.payload),
            answer_bytes_max: PAYLOAD_BYTES_MAX,
        };
        match self.call(peer, ask, time).await {
            Ok(received) if received.status == StatusCode::OK => {
                (Answer::Payload(received.body), received.elapsed)
            }
            Ok(received) => (received.refusal().into(), received.elapsed),
            // No answer, no measurement: how long it was waited for.
            Err(trouble) => (trouble.into(), begun.elapsed()),
        }
    }

    async fn end_session(&self, peer: &Peer, session: &str) -> Result<(), PeerError> {
        let no_name = || PeerError::Refused("the session is not a name for the wire".to_owned());
        let ask = Ask {
            target: route::end(session).ok_or_else(no_name)?,
            content_type: JSON,
            body: Bytes::new(),
            answer_bytes_max: REFUSAL_BYTES_MAX,
        };
        let received = self.call(peer, ask, self.options.describe_time).await?;
        if received.status == StatusCode::OK {
            Ok(())
        } else {
            Err(received.refusal().into())
        }
    }
}

fn read_description(body: &[u8]) -> Result<Description, PeerError> {
    let broke = |why: String| PeerError::BrokeProtocol(why);
    let described: Description = serde_json::from_slice(body).map_err(|error| {
        broke(format!(
            "its description does not parse: {:?}",
            error.classify()
        ))
    })?;
    description::check(&described).map_err(|why| broke(why.to_owned()))?;
    Ok(described)
}

impl Received {
    fn refusal(&self) -> No {
        let content_type = super::head::content_type(&self.headers);
        status::read(self.status, content_type.as_deref(), &self.body)
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
            Trouble::Unreachable(why) => Self::Unreachable(why),
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
            Trouble::Unreachable(why) => Self::Unreachable(why),
            Trouble::TimedOut(ms) => Self::TimedOut(ms),
            Trouble::BrokeProtocol(why) => Self::BrokeProtocol(why),
            Trouble::TooLarge(max) => Self::TooLarge(max),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::subnet::key::{AccountId, Signature};

    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn unix_ns(&self) -> u64 {
            5
        }
    }

    struct Nobody;

    impl Signer for Nobody {
        fn account(&self) -> AccountId {
            AccountId([0; 32])
        }

        fn sign(&self, _: &[u8]) -> Signature {
            Signature([0; 64])
        }
    }

    #[test]
    fn no_nonce_is_given_twice_even_when_the_clock_stands() {
        let options = DendriteOptions {
            clock: Arc::new(Stopped),
            ..DendriteOptions::default()
        };
        let dendrite = HttpDendrite::new(Arc::new(Nobody), options);
        let many = || (0..1000).map(|_| dendrite.nonce()).collect::<Vec<_>>();
        let lists: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(many)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(lists.iter().all(|list| list.is_sorted_by(|a, b| a < b)));
        let all: HashSet<u64> = lists.concat().into_iter().collect();
        assert_eq!(all.len(), 4000);
    }
}
