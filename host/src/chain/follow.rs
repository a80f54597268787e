//! Keeps a connection and follows the newest final block.
//!
//! ```text
//!   connect to the best endpoint ──fails, lags──> it rests, longer each time ─┐
//!        │   ^                                                                │
//!        │   └────────────────────────────────────────────────────────────────┘
//!        v                                                  ^
//!   follow heads ── cut, silent, unanswered, outrun ────────┘
//! ```
//!
//! Heads come by subscription and, should that be missing or end, by asking. A
//! chain without a new block for [`Timing::silence_limit`](super::Timing) is
//! given up even though its connection stands: half-dead WebSockets have kept
//! validators hanging for weeks.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::client::Subscription;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior};

use super::Options;
use super::endpoints::Next;
use super::link::{CallError, header_number};
use super::scout;
use super::session::{Session, glance};
use super::shared::{Shared, Status};
use crate::subnet::BlockNumber;
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::events::Event;

/// An endpoint this far behind what was seen before is another chain's past:
/// a development chain that was started anew.
const REWIND_BLOCKS: BlockNumber = 100;
/// A connection that held this long was good: its endpoint rests shortly again.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// Runs until the chain is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pinned = shared.options.expected_genesis;
    loop {
        let next = shared.endpoints().next(Instant::now());
        let index = match next {
            Next::Use(index) => index,
            Next::Wait(until) => {
                tokio::time::sleep_until(until).await;
                continue;
            }
        };
        let reason = match connected(&shared, index, &mut pinned).await {
            Ok(session) => hold(&shared, index, Arc::new(session)).await,
            Err(error) => error,
        };
        tracing::warn!(%reason, "no connection to the chain");
        shared.observe(Event::RpcFailed);
        let (now, timing) = (Instant::now(), &shared.options.timing);
        let told = shared.endpoints().failed(index, reason, now, timing);
        shared.status.send_replace(Status::Down(told));
    }
}

/// A session with an endpoint that does not lag behind another.
async fn connected(
    shared: &Shared,
    index: usize,
    pinned: &mut Option<[u8; 32]>,
) -> Result<Session, ChainError> {
    let url = shared.endpoints().url(index).unwrap_or_default();
    let glance = glance(&url, &shared.options, *pinned).await?;
    let (session, head) = Session::open(glance, &url).await?;
    *pinned = Some(session.genesis());
    let mut endpoints = shared.endpoints();
    endpoints.answered(index, session.latency, head.number);
    match endpoints.blocks_behind(index) {
        Some(behind) => Err(lags(&session.endpoint, behind)),
        None => Ok(session),
    }
}

fn lags(endpoint: &str, blocks: BlockNumber) -> ChainError {
    ChainError::Unreachable(format!("{endpoint} is {blocks} blocks behind another"))
}

/// Lets everybody use the session until it is of no use.
async fn hold(shared: &Shared, index: usize, session: Arc<Session>) -> ChainError {
    tracing::info!(endpoint = session.endpoint, "connected to the chain");
    shared.status.send_replace(Status::Up(session.clone()));
    let began = Instant::now();
    let mut follower = Follower {
        shared,
        session: &session,
        newest: None,
        moved: began,
    };
    let reason = tokio::select! {
        reason = follower.follow() => {
            ChainError::Unreachable(format!("{}: {reason}", session.endpoint))
        }
        reason = scout::outrun(shared, index, &session) => lags(&session.endpoint, reason),
    };
    if began.elapsed() >= GOOD_CONNECTION {
        shared.endpoints().held(index);
    }
    reason
}

struct Follower<'a> {
    shared: &'a Shared,
    session: &'a Session,
    /// The highest block of this session.
    newest: Option<BlockNumber>,
    /// When that was.
    moved: Instant,
}

impl Follower<'_> {
    /// Follows heads; the reason why it had to stop.
    async fn follow(&mut self) -> String {
        let options: &Options = &self.shared.options;
        let mut heads = self.session.link.follow_finalized().await.ok();
        let mut poll = tokio::time::interval(options.timing.poll_interval);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let silent_at = self.moved + options.timing.silence_limit;
            let result = tokio::select! {
                notification = next(&mut heads) => self.take(notification, &mut heads).await,
                _ = poll.tick() => self.ask(&mut heads).await,
                () = self.session.link.suspected() => return "it stopped answering".to_owned(),
                () = tokio::time::sleep_until(silent_at) => {
                    return format!("no new block for {} s", options.timing.silence_limit.as_secs());
                }
            };
            match result {
                Ok(()) => {}
                Err(_) if !self.session.link.is_open() => return "the connection broke".to_owned(),
                Err(error) => {
                    self.shared.observe(Event::RpcFailed);
                    tracing::debug!(?error, "a head could not be read");
                }
            }
        }
    }

    async fn take(
        &mut self,
        notification: Option<Value>,
        heads: &mut Option<Subscription<Value>>,
    ) -> Result<(), CallError> {
        let Some(notification) = notification else {
            // Ended by the node, or because we did not keep up: ask from here on.
            *heads = None;
            return Err(CallError::Lost("the subscription ended".to_owned()));
        };
        let number = header_number(&notification)?;
        if self.newest.is_some_and(|newest| number <= newest) {
            return Ok(());
        }
        match self.session.link.block_hash(Some(number)).await? {
            Some(hash) => self.publish(Head { number, hash }).await,
            None => return Err(CallError::Nonsense("a final block is gone".to_owned())),
        }
        Ok(())
    }

    /// Asks for the head, and for the subscription if there is none.
    async fn ask(&mut self, heads: &mut Option<Subscription<Value>>) -> Result<(), CallError> {
        let head = self.session.link.finalized().await?;
        if self.newest.is_none_or(|newest| head.number > newest) {
            self.publish(head).await;
        }
        if heads.is_none() {
            *heads = match self.session.link.follow_finalized().await {
                Ok(subscription) => Some(subscription),
                Err(error) if error.is_unknown_method() => None,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    /// Endpoints lag behind one another: a head never goes back, unless by so
    /// much that the chain must have begun anew.
    async fn publish(&mut self, head: Head) {
        self.newest = Some(head.number);
        let before = self.shared.heads.borrow().number;
        if head.number <= before && before - head.number < REWIND_BLOCKS {
            return;
        }
        if head.number < before {
            tracing::warn!(before, now = head.number, "the chain went back");
        }
        self.moved = Instant::now();
        self.shared.heads.send_replace(head);
        self.shared.observe(Event::HeadSeen {
            number: head.number,
            lag_blocks: self.session.lag_blocks(head).await.unwrap_or(0),
        });
    }
}

/// The next notification; never, without a subscription.
async fn next(heads: &mut Option<Subscription<Value>>) -> Option<Value> {
    match heads {
        Some(heads) => heads.next().await?.ok(),
        None => std::future::pending().await,
    }
}
