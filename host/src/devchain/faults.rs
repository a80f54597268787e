//! What a node can do to its clients, on purpose: for tests of whoever talks to
//! a chain.
//!
//! A real node hangs, answers nonsense or another's request, drops connections,
//! stops producing blocks, serves metadata it does not keep to, or goes back in
//! its blocks. Each can be had here, one at a time or together, from the program
//! that runs the chain or over the RPC (`dev_fault`), and taken back with
//! [`Faults::heal`]. (Going back is [`DevChain::go_back`](super::DevChain::go_back).)
//!
//! Two end by themselves: a hang of so many blocks, for which time on the chain
//! goes on, and a cut that waits for a transaction.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::drand::Reveals;
use super::runtime::{Runtime, Spec};
use super::{Error, codec};

/// How calls are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answers {
    /// As they should be.
    #[default]
    Right,
    /// Not at all, until healed: connections stay open and are silent.
    Never,
    /// With a value of no use.
    Nonsense,
    /// As they should be, under the number of another request.
    Misaddressed,
}

/// A height that no block has.
const NEVER: u64 = u64::MAX;

/// What goes wrong.
#[derive(Default)]
pub struct Faults {
    answers: watch::Sender<Answers>,
    mute: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    height: AtomicU64,
    heals_at: AtomicU64,
    cut_when_submitted: AtomicBool,
    blocks_stopped: AtomicBool,
    metadata: Mutex<Option<Arc<Runtime>>>,
    reveals_dropped: AtomicBool,
}

impl Faults {
    /// No more blocks from the timer; calls are answered.
    pub fn stop_blocks(&self) {
        self.blocks_stopped.store(true, Ordering::Relaxed);
    }

    /// Calls are taken and never answered, subscriptions fall silent.
    pub fn hang(&self) {
        self.heals_at.store(NEVER, Ordering::Relaxed);
        self.answers.send_replace(Answers::Never);
    }

    /// Hangs while the chain makes so many more blocks, and heals then.
    pub fn hang_for_blocks(&self, blocks: u64) {
        let height = self.height.load(Ordering::Relaxed);
        self.hang();
        self.heals_at
            .store(height.saturating_add(blocks), Ordering::Relaxed);
    }

    /// New connections are accepted, and not a byte is said on them. With
    /// [`hang`](Self::hang) the old ones are silent as well.
    pub fn mute(&self) {
        self.mute.send_replace(true);
    }

    /// Every call gets the same useless answer.
    pub fn answer_nonsense(&self) {
        self.answers.send_replace(Answers::Nonsense);
    }

    /// Every answer bears the number of another request.
    pub fn misaddress(&self) {
        self.answers.send_replace(Answers::Misaddressed);
    }

    /// Every connection is cut, without a word; new ones are taken.
    pub fn cut_connections(&self) {
        self.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// Every connection is cut as soon as the next transaction waits in the
    /// pool, before its sender hears of it. The transaction is kept.
    pub fn cut_when_submitted(&self) {
        self.cut_when_submitted.store(true, Ordering::Relaxed);
    }

    /// Metadata is served of another runtime than the one that runs.
    pub fn serve_metadata_of(&self, spec: Spec) -> Result<(), Error> {
        let runtime = Runtime::new(spec, codec::UNPACED_BLOCK_MS)
            .map_err(|error| Error::Runtime(error.to_string()))?;
        *self.metadata() = Some(runtime);
        Ok(())
    }

    /// Timelocked commits whose time has come are lost without a word, as those
    /// are that the chain cannot open.
    pub fn drop_reveals(&self) {
        self.reveals_dropped.store(true, Ordering::Relaxed);
    }

    /// All is well again; what hung is answered.
    pub fn heal(&self) {
        self.heals_at.store(NEVER, Ordering::Relaxed);
        self.reveals_dropped.store(false, Ordering::Relaxed);
        self.answers.send_replace(Answers::Right);
        self.mute.send_replace(false);
        self.cut_when_submitted.store(false, Ordering::Relaxed);
        self.blocks_stopped.store(false, Ordering::Relaxed);
        *self.metadata() = None;
    }

    pub(super) fn reveals(&self) -> Reveals {
        match self.reveals_dropped.load(Ordering::Relaxed) {
            true => Reveals::Dropped,
            false => Reveals::Made,
        }
    }

    pub(super) fn blocks_stopped(&self) -> bool {
        self.blocks_stopped.load(Ordering::Relaxed)
    }

    /// Notes the newest block, which may end a hang.
    pub(super) fn block(&self, height: u64) {
        self.height.store(height, Ordering::Relaxed);
        let heals_at = self.heals_at.load(Ordering::Relaxed);
        if heals_at != 0 && height >= heals_at {
            self.heal();
        }
    }

    /// Notes that a transaction waits in the pool.
    pub(super) fn submitted(&self) {
        if self.cut_when_submitted.swap(false, Ordering::Relaxed) {
            self.cut_connections();
        }
    }

    /// The runtime whose metadata is served instead of the one that runs.
    pub(super) fn served(&self) -> Option<Arc<Runtime>> {
        self.metadata().clone()
    }

    fn metadata(&self) -> std::sync::MutexGuard<'_, Option<Arc<Runtime>>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when connections are cut.
    pub(super) fn cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cuts = self.cuts.subscribe();
        async move {
            // Closed means that the chain is gone, which cuts as well.
            let _ = cuts.changed().await;
        }
    }

    /// Resolves when a new connection may be spoken on.
    pub(super) async fn unmuted(&self) {
        let mut mute = self.mute.subscribe();
        // Cannot close: `self` holds the sender.
        let _ = mute.wait_for(|mute| !mute).await;
    }

    /// Whether answers bear the wrong number.
    pub(super) fn misaddresses(&self) -> bool {
        *self.answers.borrow() == Answers::Misaddressed
    }

    /// How the next answer is to be; waits while there are none.
    pub(super) async fn gate(&self) -> Answers {
        let mut answers = self.answers.subscribe();
        match answers.wait_for(|answers| *answers != Answers::Never).await {
            Ok(answers) => *answers,
            Err(_) => Answers::Right,
        }
    }
}
