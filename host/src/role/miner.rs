//! A miner: registered, announced, and answering those who may ask.
//!
//! Nothing here waits for the chain but the upkeep: while the chain is away the
//! axon goes on serving with the last metagraph it saw.
//!
//! ```text
//! axon ── admit ──> Gate (last metagraph, operator's lists)
//!      ── task ───> Desk (one session, one solver instance)
//! upkeep ─────────> register, metagraph, announce what changed
//! ```

mod desk;
mod gate;
mod synapses;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::subnet::Netuid;
use crate::subnet::hardware::{Hardware, Machine, Metric};
use crate::subnet::key::AccountId;
use crate::subnet::plugin::Plugins;
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::synapse::Declaration;
use crate::subnet::wire::{
    Description, Refusal, Service, SynapseAnswer, SynapseReceived, TaskReceived,
};

pub use gate::{Gate, GateOptions};
pub use upkeep::Upkeep;

use desk::Desk;

/// What a miner is told by its operator.
#[derive(Debug, Clone)]
pub struct MinerOptions {
    /// The subnet.
    pub netuid: Netuid,
    /// Takes a slot if it has none, paying at most so much.
    pub register_limit_rao: Option<u64>,
    /// Where others reach the axon.
    pub announce: SocketAddr,
    /// Blocks between two looks at the metagraph.
    pub sync_blocks: u64,
}

/// What the axon serves for a miner.
pub struct Miner {
    me: AccountId,
    gate: Arc<Gate>,
    desk: Desk,
    plugins: Arc<dyn Plugins>,
    machine: Arc<dyn Machine>,
    price_micro_usd_per_hour: u64,
}

impl Miner {
    /// A miner that knows nobody yet: `gate` learns from the upkeep.
    pub fn new(
        me: AccountId,
        gate: Arc<Gate>,
        plugins: Arc<dyn Plugins>,
        machine: Arc<dyn Machine>,
        price_micro_usd_per_hour: u64,
    ) -> Self {
        let desk = Desk::new(me, plugins.clone());
        Self {
            me,
            gate,
            desk,
            plugins,
            machine,
            price_micro_usd_per_hour,
        }
    }

    /// This miner's key.
    pub fn account(&self) -> AccountId {
        self.me
    }

    async fn read_machine(&self) -> Result<(Hardware, Vec<Metric>), Refusal> {
        let machine = self.machine.clone();
        tokio::task::spawn_blocking(move || (machine.hardware(), machine.metrics()))
            .await
            .map_err(|_| Refusal::Failed("the machine could not be read".into()))
    }
}

#[async_trait]
impl Service for Miner {
    fn admit(&self, caller: &AccountId) -> Result<(), Refusal> {
        self.gate.admit(caller)
    }

    async fn describe(&self, _caller: &AccountId) -> Result<Description, Refusal> {
        let (claimed, metrics) = self.read_machine().await?;
        let own = OfferedMachine {
            id: String::new(),
            claimed,
            price_micro_usd_per_hour: self.price_micro_usd_per_hour,
            rented_permille: 0,
            labels: Vec::new(),
        };
        Ok(Description {
            software: concat!("host/", env!("CARGO_PKG_VERSION")).into(),
            machines: vec![own],
            solvers: self.plugins.solver_names(),
            metrics,
        })
    }

    async fn challenge(&self, caller: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal> {
        self.desk.answer(caller, task).await
    }

    async fn end_session(&self, caller: &AccountId, session: &str) {
        self.desk.end(caller, session).await;
    }

    fn stake_rao(&self, caller: &AccountId) -> u64 {
        self.gate.stake_rao(caller)
    }

    fn synapses(&self) -> Vec<Declaration> {
        synapses::declarations()
    }

    async fn synapse(
        &self,
        _caller: &AccountId,
        asked: SynapseReceived,
    ) -> Result<SynapseAnswer, Refusal> {
        let fields = match asked.name.as_str() {
            synapses::SPECS => synapses::specs(asked.fields, &self.read_machine().await?.0),
            synapses::CHALLENGE => synapses::challenge(asked.fields),
            other => return Err(Refusal::Unable(format!("{other} is not answered"))),
        };
        Ok(SynapseAnswer::Fields(fields))
    }
}
