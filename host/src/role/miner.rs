//! A miner: registered, announced, and answering those who may ask.
//!
//! Nothing here waits for the chain but the upkeep: while the chain is away the
//! axon goes on serving with the last metagraph it saw.
//!
//! ```text
//! axon ── admit ──> Gate (last metagraph, operator's lists)
//!      ── task ───> Desk (one session, one solver instance)
//!      ── rent ───> Counter (the landlord's door; Allocate comes in by it too)
//! upkeep ─────────> register, metagraph, announce what changed
//! ```

mod allocate;
mod counter;
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
use crate::subnet::rental::{Landlord, RentError};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::synapse::Declaration;
use crate::subnet::wire::{
    Description, MACHINES_MAX, Refusal, RentAnswer, RentCall, Service, SynapseAnswer,
    SynapseReceived, TaskReceived,
};

pub use allocate::AllocateOptions;
pub use gate::{Gate, GateOptions};
pub use upkeep::Upkeep;

use allocate::Allocations;
use counter::Counter;
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
    counter: Option<Counter>,
    allocations: Option<Allocations>,
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
            counter: None,
            allocations: None,
        }
    }

    /// Lets what `landlord` has, to those whom the gate lets rent.
    #[must_use]
    pub fn letting(mut self, landlord: Arc<dyn Landlord>) -> Self {
        self.counter = Some(Counter::new(landlord));
        self
    }

    /// Answers the original's `Allocate` as well, of which nothing is signed but
    /// who sent it: whoever stands between can put in a key of its own.
    #[must_use]
    pub fn allocating(mut self, landlord: Arc<dyn Landlord>, options: AllocateOptions) -> Self {
        self.allocations = Some(Allocations::new(landlord, options));
        self
    }

    /// This miner's key.
    pub fn account(&self) -> AccountId {
        self.me
    }

    fn own_machine(&self, claimed: Hardware) -> OfferedMachine {
        OfferedMachine {
            id: String::new(),
            claimed,
            price_micro_usd_per_hour: self.price_micro_usd_per_hour,
            rented_permille: 0,
            labels: Vec::new(),
        }
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
        let mut machines = match &self.counter {
            Some(counter) => counter.machines().await,
            None => Vec::new(),
        };
        match machines.first_mut().filter(|own| own.id.is_empty()) {
            // What it is made of, not what of it is for rent.
            Some(own) => own.claimed = claimed,
            None => machines.insert(0, self.own_machine(claimed)),
        }
        machines.truncate(MACHINES_MAX);
        Ok(Description {
            software: concat!("host/", env!("CARGO_PKG_VERSION")).into(),
            machines,
            solvers: self.plugins.solver_names(),
            metrics,
        })
    }

    async fn challenge(&self, caller: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal> {
        self.gate.admit_challenger(caller)?;
        self.desk.answer(caller, task).await
    }

    async fn end_session(&self, caller: &AccountId, session: &str) {
        self.desk.end(caller, session).await;
    }

    fn stake_rao(&self, caller: &AccountId) -> u64 {
        self.gate.stake_rao(caller)
    }

    fn synapses(&self) -> Vec<Declaration> {
        let allocate = self.allocations.as_ref().map(|_| allocate::declaration());
        synapses::declarations()
            .into_iter()
            .chain(allocate)
            .collect()
    }

    async fn rent(&self, caller: &AccountId, call: RentCall) -> Result<RentAnswer, RentError> {
        self.gate.admit_renter(caller)?;
        match &self.counter {
            Some(counter) => counter.serve(caller, call).await,
            None => Err(RentError::Forbidden("this miner lets no machines".into())),
        }
    }

    async fn synapse(
        &self,
        caller: &AccountId,
        asked: SynapseReceived,
    ) -> Result<SynapseAnswer, Refusal> {
        if let (allocate::NAME, Some(allocations)) = (asked.name.as_str(), &self.allocations) {
            let allowed = self.gate.admit_renter(caller);
            let answered = allocations.answer(caller, asked.fields, allowed).await;
            return Ok(SynapseAnswer::Fields(answered));
        }
        let fields = match asked.name.as_str() {
            synapses::SPECS => synapses::specs(asked.fields, &self.read_machine().await?.0),
            synapses::CHALLENGE => synapses::challenge(asked.fields),
            other => return Err(Refusal::Unable(format!("{other} is not answered"))),
        };
        Ok(SynapseAnswer::Fields(fields))
    }
}
