//! One session as the validator holds it, from its seed to its ending.

use std::sync::Arc;
use std::time::Instant;

use tracing::{error, info};

use crate::subnet::BlockNumber;
use crate::subnet::chain::Metagraph;
use crate::subnet::challenge::{Exchange, Session};
use crate::subnet::events::{EndingKind, Event};
use crate::subnet::evidence::{Ending, SessionRecord, StoreError, Unfinished};
use crate::subnet::plugin::ChallengeGenerator;
use crate::subnet::text::escape;
use crate::subnet::wire::{Described, Peer};

use super::memory::Memory;
use super::{Means, keeping};

/// Blocks after which an unfinished session is void: its miner has forgotten it.
const RESUME_BLOCKS: u64 = 20;

/// A session under way.
pub(super) struct Live {
    pub(super) record: SessionRecord,
    pub(super) generator: Arc<dyn ChallengeGenerator>,
    pub(super) transcript: Vec<Exchange>,
    pub(super) began: Instant,
}

impl Live {
    pub(super) fn id(&self) -> &str {
        &self.record.session.id
    }

    /// The step that comes next, from 0.
    pub(super) fn step(&self) -> u16 {
        u16::try_from(self.transcript.len()).unwrap_or(u16::MAX)
    }

    /// Where its miner listens now, if it still does.
    pub(super) fn peer(&self, metagraph: &Metagraph) -> Option<Peer> {
        let neuron = metagraph.neuron(&self.record.session.hotkey)?;
        Some(Peer {
            hotkey: neuron.hotkey,
            address: neuron.axon?.address,
        })
    }
}

/// Begins a session with one miner; on disk before anybody is asked.
pub(super) async fn begin(
    means: &Means,
    metagraph: &Metagraph,
    generator: &Arc<dyn ChallengeGenerator>,
    peer: &Peer,
    said: &Described,
) -> Result<Option<Live>, StoreError> {
    let Some(neuron) = metagraph.neuron(&peer.hotkey) else {
        return Ok(None);
    };
    let (name, hotkey) = (generator.id().name.clone(), peer.hotkey);
    let memory = Memory(means.store.clone());
    let block = means.chain.heads().borrow().number;
    let session = Session {
        id: hex::encode(random::<16>()?),
        netuid: metagraph.netuid,
        validator: means.me,
        uid: neuron.uid,
        hotkey,
        machine: String::new(),
        block,
        claimed: said
            .description
            .machines
            .iter()
            .find(|machine| machine.id.is_empty())
            .map(|machine| machine.claimed.clone()),
        seed: random::<32>()?,
        memory: memory
            .with(move |store| store.generator_memory(&name, &hotkey))
            .await?,
    };
    let record = SessionRecord {
        session,
        generator: generator.id().clone(),
    };
    keeping::keep(means, &record.generator).await?;
    let kept = record.clone();
    memory.with(move |store| store.begin_session(&kept)).await?;
    means.observer.observe(Event::SessionBegan);
    Ok(Some(Live {
        record,
        generator: generator.clone(),
        transcript: Vec::new(),
        began: Instant::now(),
    }))
}

/// The operating system's randomness: what a miner must not be able to guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// Ends a session, on disk first.
pub(super) async fn end(means: &Means, live: &Live, ending: Ending) {
    let session = &live.record.session;
    let (id, kept) = (session.id.clone(), ending.clone());
    let written = Memory(means.store.clone())
        .with(move |store| store.end_session(&id, &kept))
        .await;
    if let Err(error) = written {
        error!(%error, session = session.id, "a verdict is not on record and will be worked out again after a restart");
        return;
    }
    let elapsed = live.began.elapsed();
    means.observer.observe(Event::SessionEnded {
        kind: EndingKind::from(&ending),
        elapsed,
    });
    match &ending {
        Ending::Judged(verdict) => {
            info!(
                uid = session.uid,
                passed = verdict.passed,
                reason = escape(&verdict.reason),
                "verdict"
            );
        }
        Ending::Void(why) => info!(uid = session.uid, why = escape(why), "session void"),
    }
}

/// Takes up what was under way when the node ended; what cannot go on is void.
pub(super) async fn resume(means: &Means, head: BlockNumber) -> Vec<Live> {
    let unfinished = match Memory(means.store.clone())
        .with(|store| store.unfinished())
        .await
    {
        Ok(unfinished) => unfinished,
        Err(error) => {
            error!(%error, "unfinished sessions cannot be read");
            return Vec::new();
        }
    };
    let mut resumed = Vec::new();
    for unfinished in unfinished {
        match take_up(means, unfinished, head) {
            Ok(live) => resumed.push(live),
            Err((id, why)) => void(means, id, why).await,
        }
    }
    resumed
}

fn take_up(
    means: &Means,
    unfinished: Unfinished,
    head: BlockNumber,
) -> Result<Live, (String, &'static str)> {
    let Unfinished {
        record,
        transcript,
        asked,
    } = unfinished;
    let id = record.session.id.clone();
    if asked {
        return Err((id, "this validator restarted while a task was on its way"));
    }
    if head > record.session.block.saturating_add(RESUME_BLOCKS) {
        return Err((id, "this validator was away for too long"));
    }
    let Some(generator) = means.plugins.generator(&record.generator) else {
        return Err((id, "the generator it began under is no longer here"));
    };
    info!(
        session = id,
        steps = transcript.len(),
        "continuing a session from before the restart"
    );
    Ok(Live {
        record,
        generator,
        transcript,
        began: Instant::now(),
    })
}

async fn void(means: &Means, id: String, why: &'static str) {
    info!(session = id, why, "session void");
    let ending = Ending::Void(why.into());
    let written = Memory(means.store.clone())
        .with(move |store| store.end_session(&id, &ending))
        .await;
    if let Err(error) = written {
        error!(%error, "a void session is not on record");
    }
}
