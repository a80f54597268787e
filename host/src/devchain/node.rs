//! The ledger with a clock and an audience: what the RPC server and the timer
//! share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, watch};

use super::block::Block;
use super::codec::CodecError;
use super::faults::Faults;
use super::ledger::Ledger;
use crate::subnet::chain::Head;

/// Blocks a slow subscriber may lag behind before it misses some.
const MAX_LAG_BLOCKS: usize = 256;

/// The running chain.
pub(super) struct Node {
    ledger: Mutex<Ledger>,
    blocks: broadcast::Sender<Arc<Block>>,
    head: watch::Sender<Head>,
    /// What goes wrong on purpose.
    pub(super) faults: Faults,
}

impl Node {
    /// A node at block zero.
    pub(super) fn new(ledger: Ledger) -> Self {
        let head = head(ledger.head());
        Self {
            ledger: Mutex::new(ledger),
            blocks: broadcast::channel(MAX_LAG_BLOCKS).0,
            head: watch::channel(head).0,
            faults: Faults::default(),
        }
    }

    /// The ledger; never across an await.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks as they come.
    pub(super) fn blocks(&self) -> broadcast::Receiver<Arc<Block>> {
        self.blocks.subscribe()
    }

    /// The newest block.
    pub(super) fn head(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Adds a block.
    pub(super) fn advance(&self) -> Result<Head, CodecError> {
        let block = {
            let mut ledger = self.ledger();
            ledger.set_reveals(self.faults.reveals());
            ledger.advance(now_ms())?.clone()
        };
        Ok(self.announce(block))
    }

    /// Goes back to an earlier block, as a reorganisation does.
    pub(super) fn go_back(&self, height: u64) -> Head {
        let block = {
            let mut ledger = self.ledger();
            ledger.go_back(height);
            ledger.head().clone()
        };
        self.announce(block)
    }

    fn announce(&self, block: Block) -> Head {
        let head = head(&block);
        // Nobody may be listening.
        let _ = self.blocks.send(Arc::new(block));
        self.head.send_replace(head);
        head
    }

    /// Adds a block every `period` for as long as this is polled.
    pub(super) async fn keep_pace(&self, period: Duration) {
        let mut timer = tokio::time::interval(period);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            if self.faults.blocks_stopped() {
                continue;
            }
            if let Err(error) = self.advance() {
                tracing::error!(%error, "the development chain could not build a block");
            }
        }
    }
}

fn head(block: &Block) -> Head {
    Head {
        number: u64::from(block.header.number),
        hash: block.hash,
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
