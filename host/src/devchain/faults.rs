//! What a node can do to its clients, on purpose: for tests of whoever talks to
//! a chain.
//!
//! A real node hangs, answers nonsense, drops connections, stops producing
//! blocks or goes back in them. Each can be had here, one at a time or together,
//! and taken back with [`Faults::heal`]. (Going back is
//! [`DevChain::go_back`](super::DevChain::go_back).)

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::drand::Reveals;

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
}

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Faults {
    answers: watch::Sender<Answers>,
    cuts: watch::Sender<u64>,
    blocks_stopped: AtomicBool,
    reveals_dropped: AtomicBool,
}

impl Faults {
    /// No more blocks from the timer; calls are answered.
    pub fn stop_blocks(&self) {
        self.blocks_stopped.store(true, Ordering::Relaxed);
    }

    /// Calls are taken and never answered, subscriptions fall silent.
    pub fn hang(&self) {
        self.answers.send_replace(Answers::Never);
    }

    /// Every call gets the same useless answer.
    pub fn answer_nonsense(&self) {
        self.answers.send_replace(Answers::Nonsense);
    }

    /// Every connection is cut, without a word; new ones are taken.
    pub fn cut_connections(&self) {
        self.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// Timelocked commits whose time has come are lost without a word, as those
    /// are that the chain cannot open.
    pub fn drop_reveals(&self) {
        self.reveals_dropped.store(true, Ordering::Relaxed);
    }

    /// All is well again; what hung is answered.
    pub fn heal(&self) {
        self.reveals_dropped.store(false, Ordering::Relaxed);
        self.answers.send_replace(Answers::Right);
        self.blocks_stopped.store(false, Ordering::Relaxed);
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

    /// Resolves when connections are cut.
    pub(super) fn cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cuts = self.cuts.subscribe();
        async move {
            // Closed means that the chain is gone, which cuts as well.
            let _ = cuts.changed().await;
        }
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
