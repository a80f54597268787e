//! One round of sessions, in lockstep.
//!
//! ```text
//! judge all (guest work, bounded) ─> intend all (disk) ─> send all (clocks run)
//!        ^                                                        │
//!        └──────────── record all (disk) <────────────────────────┘
//! ```
//!
//! Guest work never runs while a clock does, and one miner's trouble ends its
//! own session only: the others wait for it no longer than its task's timeout.

use std::sync::Arc;

use futures::StreamExt as _;
use tracing::error;

use crate::subnet::chain::Metagraph;
use crate::subnet::challenge::{Answer, Exchange, SESSION_TASKS_MAX, Step, Task};
use crate::subnet::events::{AnswerKind, Event};
use crate::subnet::evidence::{Ending, StoreError};
use crate::subnet::wire::{Peer, TaskRequest, Wire};

use super::memory::Memory;
use super::session::{self, Live};
use super::survey::{Answering, peers};
use super::{Means, Spread, ValidatorOptions};

/// Fewer sessions than this say nothing about whose fault it is.
const VOID_SESSIONS_MIN: usize = 3;

/// Continues `resumed` and, if it is this validator's turn, challenges everybody
/// who answered the survey, with each generator in turn.
pub(super) async fn round(
    means: &Means,
    options: &ValidatorOptions,
    metagraph: &Arc<Metagraph>,
    answering: &Answering,
    resumed: Vec<Live>,
    my_turn: bool,
) {
    lockstep(means, options, metagraph, resumed).await;
    if !my_turn {
        return;
    }
    let said = answering.load_full();
    let present: Vec<Peer> = peers(metagraph, means.me)
        .into_iter()
        .filter(|peer| said.contains_key(&peer.hotkey))
        .collect();
    for generator in means.plugins.generators() {
        for group in present.chunks(options.sessions_at_once.max(1)) {
            let mut sessions = Vec::new();
            for peer in group {
                let described = &said[&peer.hotkey];
                match session::begin(means, metagraph, &generator, peer, described).await {
                    Ok(Some(live)) => sessions.extend(able(means, live, described.wire).await),
                    Ok(None) => {}
                    Err(error) => error!(%error, hotkey = %peer.hotkey, "a session cannot begin"),
                }
            }
            lockstep(means, options, metagraph, sessions).await;
        }
    }
}

/// Who cannot be challenged over its wire has a void session that says why:
/// that is what its operator finds on record, at every turn, and no error.
async fn able(means: &Means, live: Live, wire: Wire) -> Option<Live> {
    let Some(why) = wire.objection() else {
        return Some(live);
    };
    session::end(means, &live, Ending::Void(why.into())).await;
    None
}

/// Takes sessions through their steps until each has ended.
async fn lockstep(
    means: &Means,
    options: &ValidatorOptions,
    metagraph: &Arc<Metagraph>,
    mut sessions: Vec<Live>,
) {
    let everybody: Vec<(Option<Peer>, String)> = sessions
        .iter()
        .map(|live| (live.peer(metagraph), live.id().to_owned()))
        .collect();
    while !sessions.is_empty() {
        let asking = judge(means, options, sessions).await;
        if let Err(error) = intend(means, &asking).await {
            error!(%error, "no task is sent: what is sent must be on record first");
            return;
        }
        let quiet = means.quiet.lock().await;
        let answered = send(means, options, metagraph, asking).await;
        drop(quiet);
        let failed = ours(options, &answered);
        sessions = record(means, answered).await;
        if failed {
            sessions = blame_ourselves(means, sessions).await;
        }
    }
    release(means, options, everybody).await;
}

/// Lets the generators say what comes next; ends the sessions they have judged.
async fn judge(
    means: &Means,
    options: &ValidatorOptions,
    sessions: Vec<Live>,
) -> Vec<(Live, Task)> {
    let steps = futures::stream::iter(sessions).map(|live| async move {
        let task = next(means, &live).await?;
        Some((live, task))
    });
    let _quiet = means.quiet.lock().await;
    steps
        .buffer_unordered(options.verify_at_once.max(1))
        .filter_map(|step| async { step })
        .collect()
        .await
}

async fn next(means: &Means, live: &Live) -> Option<Task> {
    let ending = match live
        .generator
        .advance(&live.record.session, &live.transcript)
        .await
    {
        Ok(called) => match called.value {
            Step::Ask(task) if live.transcript.len() < SESSION_TASKS_MAX => return Some(task),
            Step::Ask(_) => Ending::Void(format!(
                "the generator {} asked more than {SESSION_TASKS_MAX} tasks",
                live.generator.id().name
            )),
            Step::Conclude(verdict) => Ending::Judged(verdict),
        },
        Err(error) => Ending::Void(format!("the generator {error}")),
    };
    session::end(means, live, ending).await;
    None
}

async fn intend(means: &Means, asking: &[(Live, Task)]) -> Result<(), StoreError> {
    let steps: Vec<(String, u16)> = asking
        .iter()
        .map(|(live, _)| (live.id().to_owned(), live.step()))
        .collect();
    Memory(means.store.clone())
        .with(move |store| {
            steps
                .iter()
                .try_for_each(|(id, step)| store.intend_task(id, *step))
        })
        .await
}

/// Sends each its task: the clocks run in here and nowhere else.
async fn send(
    means: &Means,
    options: &ValidatorOptions,
    metagraph: &Metagraph,
    asking: Vec<(Live, Task)>,
) -> Vec<(Live, Exchange)> {
    let sending = asking.into_iter().map(|(live, task)| async move {
        let exchange = exchange(means, metagraph, &live, task).await;
        (live, exchange)
    });
    match options.spread {
        Spread::Together => futures::future::join_all(sending).await,
        Spread::InTurn => futures::stream::iter(sending).buffered(1).collect().await,
    }
}

async fn exchange(means: &Means, metagraph: &Metagraph, live: &Live, task: Task) -> Exchange {
    let Some(peer) = live.peer(metagraph) else {
        let answer = Answer::Unreachable("it no longer announces an axon".into());
        return Exchange {
            task,
            answer,
            elapsed_us: 0,
        };
    };
    let request = TaskRequest {
        session: live.id(),
        step: live.step(),
        solver: &task.solver,
        payload: &task.payload,
        timeout: std::time::Duration::from_millis(task.timeout_ms.into()),
    };
    let (answer, elapsed) = means.dendrite.challenge(&peer, request).await;
    means.observer.observe(Event::TaskAnswered {
        kind: AnswerKind::from(&answer),
        elapsed,
    });
    Exchange {
        task,
        answer,
        elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
    }
}

/// Puts the answers on record; sessions that never really began are void.
async fn record(means: &Means, answered: Vec<(Live, Exchange)>) -> Vec<Live> {
    let mut going_on = Vec::with_capacity(answered.len());
    for (mut live, exchange) in answered {
        let (id, step, kept) = (live.id().to_owned(), live.step(), exchange.clone());
        let written = Memory(means.store.clone())
            .with(move |store| store.record_exchange(&id, step, &kept))
            .await;
        if let Err(error) = written {
            error!(%error, session = live.id(), "an answer is not on record; the session waits for a restart");
            continue;
        }
        match never_began(&live, &exchange.answer) {
            Some(why) => session::end(means, &live, Ending::Void(why)).await,
            None => {
                live.transcript.push(exchange);
                going_on.push(live);
            }
        }
    }
    going_on
}

/// A miner that was busy, or away, before it had seen anything has neither
/// passed nor failed. Later it has: there is no second look at the cells.
fn never_began(live: &Live, answer: &Answer) -> Option<String> {
    match answer {
        _ if !live.transcript.is_empty() => None,
        Answer::Busy(ms) => Some(format!("the miner was busy, for about {ms} ms more")),
        Answer::Unreachable(why) => Some(format!("the miner was not reached: {why}")),
        _ => None,
    }
}

/// Whether most of a step failed in transport, those who were never reached
/// included: then the fault is on our side.
fn ours(options: &ValidatorOptions, answered: &[(Live, Exchange)]) -> bool {
    let failed = answered
        .iter()
        .filter(|(_, exchange)| in_transport(exchange))
        .count();
    answered.len() >= VOID_SESSIONS_MIN
        && failed * 1000 > answered.len() * usize::from(options.void_permille)
}

/// Voids what is left of a step whose failure was ours; nothing goes on.
async fn blame_ourselves(means: &Means, sessions: Vec<Live>) -> Vec<Live> {
    error!(
        sessions = sessions.len(),
        "most miners could not be reached: this node's network is at fault"
    );
    for live in &sessions {
        let why = "most miners failed at once, so the fault is the validator's";
        session::end(means, live, Ending::Void(why.into())).await;
    }
    Vec::new()
}

fn in_transport(exchange: &Exchange) -> bool {
    matches!(exchange.answer, Answer::TimedOut | Answer::Unreachable(_))
}

/// Frees the miners for the next validator.
async fn release(
    means: &Means,
    options: &ValidatorOptions,
    everybody: Vec<(Option<Peer>, String)>,
) {
    futures::stream::iter(everybody)
        .for_each_concurrent(
            options.surveys_at_once.max(1),
            |(peer, session)| async move {
                if let Some(peer) = peer {
                    let _ = means.dendrite.end_session(&peer, &session).await;
                }
            },
        )
        .await;
}
