//! Calls other neurons, and measures how long they take.
//!
//! A call goes to the address the chain gives, if [`AddressPolicy`] lets it,
//! over a warm connection to that very neuron or a new one. It is signed for
//! its receiver with a nonce of its own. No redirect is followed.
//!
//! A challenge is sent once and never again: a neuron that hangs up after it has
//! seen a task has failed. What does no harm twice (describing itself, the end
//! of a session) is asked once more, with another nonce, if the connection
//! closed before a byte of an answer came.
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
//! Two protocols: btauth/1 first, and the [`classic`] wire for whoever answers
//! as a classic axon does, which `protocols` remembers for a while. Challenges
//! go by btauth/1 alone, and count only with the miner's own
//! [`twresp`](super::twresp) signature. A description that nobody signed is
//! taken for what it is, and [`Wire`] says so.
//!
//! Every limit counts for one peer: whatever it sends, or does not, costs one
//! call, one connection and at most one answer's bytes until the timeout.

mod classic;
mod exchange;
mod link;
mod outcome;
mod pool;
mod protocols;
mod renting;
mod specs;
mod stamps;
mod transfer;
mod trouble;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use self::classic::{Repeat, SynapseCall};
use self::exchange::{Ask, Proof};
pub use self::outcome::Outcome;
use self::pool::Pool;
use self::protocols::Classics;
use self::specs::Said;
use self::trouble::Trouble;
use super::clock::{Clock, SystemClock};
use super::description::{self, DESCRIPTION_BYTES_MAX};
use super::route;
use super::status::{JSON, OCTETS, REFUSAL_BYTES_MAX};
use crate::subnet::address::AddressPolicy;
use crate::subnet::challenge::{Answer, PAYLOAD_BYTES_MAX, TASK_TIMEOUT_MS_MAX};
use crate::subnet::key::Signer;
use crate::subnet::wire::{
    DESCRIBE_PATH, Dendrite, Described, Description, Peer, PeerError, RentAnswer, RentCall,
    RentFailure, TaskRequest, WIRE_LABEL, Wire,
};

/// A dendrite's limits.
#[derive(Debug, Clone)]
pub struct DendriteOptions {
    /// Which addresses may be called. Public ones.
    pub addresses: AddressPolicy,
    /// To connect, within the whole timeout. 5 s.
    pub connect_time: Duration,
    /// To order, show, extend or end a rental; a provider may have to start a
    /// machine meanwhile. 120 s.
    pub rent_time: Duration,
    /// To describe itself, by whichever wire, connecting included. 10 s.
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
    /// How long a peer is asked by the classic wire at once. 1 h.
    pub classic_time: Duration,
    /// Peers known to speak the classic wire; the oldest makes room. 4096.
    pub classics_max: usize,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for DendriteOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::PublicOnly,
            connect_time: Duration::from_secs(5),
            describe_time: Duration::from_secs(10),
            rent_time: Duration::from_secs(120),
            calls_max: 256,
            idle_connections_max: 256,
            idle_time: Duration::from_secs(15),
            head_bytes_max: 32 << 10,
            headers_max: 64,
            classic_time: Duration::from_secs(3600),
            classics_max: 4096,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Speaks btauth/1 and the classic wire over HTTP/1.1.
pub struct HttpDendrite {
    signer: Arc<dyn Signer>,
    options: DendriteOptions,
    pool: Pool,
    classics: Classics,
    calls: Semaphore,
    last_nonce: AtomicU64,
}

impl HttpDendrite {
    /// Calls as `signer`'s account.
    pub fn new(signer: Arc<dyn Signer>, options: DendriteOptions) -> Self {
        Self {
            signer,
            pool: Pool::new(options.idle_connections_max, options.idle_time),
            classics: Classics::new(options.classics_max, options.classic_time),
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

    /// Its turn, held while it calls.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Trouble> {
        let turn = self.calls.acquire().await;
        turn.map_err(|_| Trouble::Unreachable("the node is shutting down".to_owned()))
    }

    /// By btauth/1, or by the classic wire where that is what the peer speaks.
    async fn describe_by_either(&self, peer: &Peer) -> Result<Described, PeerError> {
        if self.classics.contain(peer, Instant::now()) {
            if let Some(described) = self.describe_classic(peer).await? {
                return Ok(described);
            }
            // It was upgraded, or another has its place.
            self.classics.forget(peer);
        }
        let ask = Ask {
            target: DESCRIBE_PATH.to_owned(),
            content_type: JSON,
            body: Bytes::new(),
            answer_bytes_max: DESCRIPTION_BYTES_MAX,
        };
        let received = again_if_unanswered(|| self.exchange(peer, &ask)).await?;
        if received.status == StatusCode::OK {
            let wire = match self.check(peer, &ask, &received)? {
                Proof::Signed => Wire::Signed,
                Proof::Unsigned => Wire::Unsigned,
            };
            return described(wire, read_description(&received.body)?);
        }
        if outcome::is_classic(received.status, &received.headers, &received.body)
            && let Some(described) = self.describe_classic(peer).await?
        {
            return Ok(described);
        }
        Err(received.refusal().into())
    }

    /// `None` if no classic axon is there.
    async fn describe_classic(&self, peer: &Peer) -> Result<Option<Described>, PeerError> {
        match self.specs(peer, self.options.describe_time).await? {
            Said::Otherwise => Ok(None),
            Said::Classic(said) => {
                self.classics.note(*peer, Instant::now());
                described(Wire::Classic, said?).map(Some)
            }
        }
    }

    /// Sends a task, once. What its miner did not sign is no answer.
    async fn answer(
        &self,
        peer: &Peer,
        ask: &Ask,
        time: Duration,
    ) -> Result<(Answer, Duration), Trouble> {
        let _turn = self.turn().await?;
        let received = within(time, self.exchange(peer, ask)).await?;
        // Whatever comes below is not on the clock.
        let elapsed = received.elapsed;
        if received.status != StatusCode::OK {
            return Ok((received.refusal().into(), elapsed));
        }
        self.check_signed(peer, ask, &received)?;
        Ok((Answer::Payload(received.body), elapsed))
    }
}

/// Asks once more if the connection closed before a byte of an answer came: the
/// peer may have been closing it already. Each time with a nonce of its own.
async fn again_if_unanswered<T, F>(ask: impl Fn() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    match ask().await {
        Err(Trouble::Unanswered(_)) => ask().await,
        other => other,
    }
}

/// Gives up after `time`.
async fn within<T, E: From<Trouble>>(
    time: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = || Trouble::TimedOut(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    tokio::time::timeout(time, call)
        .await
        .map_err(|_| E::from(late()))?
}

#[async_trait]
impl Dendrite for HttpDendrite {
    async fn describe(&self, peer: &Peer) -> Result<Described, PeerError> {
        let _turn = self.turn().await?;
        within(self.options.describe_time, self.describe_by_either(peer)).await
    }

    async fn challenge(&self, peer: &Peer, task: TaskRequest<'_>) -> (Answer, Duration) {
        let begun = Instant::now();
        let longest = Duration::from_millis(TASK_TIMEOUT_MS_MAX.into());
        let time = task.timeout.min(longest);
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
        match self.answer(peer, &ask, time).await {
            Ok(answered) => answered,
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
        let _turn = self.turn().await?;
        let asking = again_if_unanswered(|| self.exchange(peer, &ask));
        let received = within(self.options.describe_time, asking).await?;
        if received.status == StatusCode::OK {
            Ok(self.check_signed(peer, &ask, &received)?)
        } else {
            Err(received.refusal().into())
        }
    }

    async fn rent(&self, peer: &Peer, call: RentCall) -> Result<RentAnswer, RentFailure> {
        self.ask_landlord(peer, call).await
    }
}

/// Says how it was heard, in each machine as well: policies see only those.
fn described(wire: Wire, mut description: Description) -> Result<Described, PeerError> {
    for machine in &mut description.machines {
        machine.labels.retain(|label| label.name != WIRE_LABEL);
        machine.labels.extend(wire.label());
    }
    let checked = description::check(&description);
    checked.map_err(|why| PeerError::BrokeProtocol(why.to_owned()))?;
    Ok(Described { description, wire })
}

fn read_description(body: &[u8]) -> Result<Description, PeerError> {
    serde_json::from_slice(body).map_err(|error| {
        let kind = error.classify();
        PeerError::BrokeProtocol(format!("its description does not parse: {kind:?}"))
    })
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
