//! Keeps a miner registered, announced and informed.
//!
//! Announces only what changed, since each announcement is rate-limited on
//! chain. While the chain is away it waits for the next head and tries again:
//! an axon that serves needs no chain.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::role::registration::{NoSlot, registered};
use crate::subnet::BlockNumber;
use crate::subnet::chain::{AxonInfo, Chain, Metagraph};
use crate::subnet::events::{Condition, Event, Observer};
use crate::subnet::key::AccountId;

use super::{Gate, MinerOptions};

/// The protocol byte that tooling publishes by convention.
const AXON_PROTOCOL: u8 = 4;
/// The version that `bittensor` 11 publishes.
const AXON_VERSION: u32 = 1;
/// Blocks between two tries to announce, whatever the subnet's own limit.
const ANNOUNCE_RETRY_BLOCKS: u64 = 5;

/// A miner's dealings with the chain.
pub struct Upkeep {
    me: AccountId,
    chain: Arc<dyn Chain>,
    gate: Arc<Gate>,
    observer: Arc<dyn Observer>,
    options: MinerOptions,
    synced: Option<BlockNumber>,
    announced: Option<BlockNumber>,
}

impl Upkeep {
    /// Does nothing until [`Upkeep::run`].
    pub fn new(
        me: AccountId,
        chain: Arc<dyn Chain>,
        gate: Arc<Gate>,
        observer: Arc<dyn Observer>,
        options: MinerOptions,
    ) -> Self {
        Self {
            me,
            chain,
            gate,
            observer,
            options,
            synced: None,
            announced: None,
        }
    }

    /// Follows the chain until its heads end, or until mining is impossible.
    pub async fn run(mut self) -> Result<(), NoSlot> {
        let mut heads = self.chain.heads();
        loop {
            let head = heads.borrow_and_update().number;
            if self.due(head) {
                match self.tend().await {
                    Ok(block) => self.synced = Some(block),
                    Err(error) if error.passes() => {
                        warn!(%error, "will try again with the next block")
                    }
                    Err(stop) => return Err(stop),
                }
            }
            if heads.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    fn due(&self, head: BlockNumber) -> bool {
        self.synced
            .is_none_or(|block| head >= block + self.options.sync_blocks || head < block)
    }

    async fn tend(&mut self) -> Result<BlockNumber, NoSlot> {
        let options = &self.options;
        let metagraph = registered(
            &*self.chain,
            options.netuid,
            self.me,
            options.register_limit_rao,
        )
        .await?;
        let block = metagraph.block;
        let seated = metagraph.neuron(&self.me).is_some();
        self.ready(Condition::Registered, seated);
        let metagraph = Arc::new(metagraph);
        self.gate.learn(metagraph.clone());
        if seated {
            self.announce(&metagraph).await;
        }
        Ok(block)
    }

    async fn announce(&mut self, metagraph: &Metagraph) {
        let on_chain = metagraph.neuron(&self.me).and_then(|neuron| neuron.axon);
        let wanted = self.options.announce;
        if on_chain.is_some_and(|axon| axon.address == wanted) {
            self.ready(Condition::AxonAnnounced, true);
            return;
        }
        if self
            .announced
            .is_some_and(|block| metagraph.block < block + ANNOUNCE_RETRY_BLOCKS)
        {
            return;
        }
        self.announced = Some(metagraph.block);
        let axon = AxonInfo {
            address: wanted,
            protocol: AXON_PROTOCOL,
            version: AXON_VERSION,
        };
        match self.chain.serve_axon(self.options.netuid, axon).await {
            Ok(included) => {
                info!(%wanted, block = included.block, "announced the axon");
                self.ready(Condition::AxonAnnounced, true);
            }
            Err(error) => {
                error!(%error, %wanted, "the axon is not announced: validators cannot find it");
                self.ready(Condition::AxonAnnounced, false);
            }
        }
    }

    fn ready(&self, condition: Condition, met: bool) {
        self.observer.observe(Event::Readiness { condition, met });
    }
}

#[cfg(test)]
mod tests;
