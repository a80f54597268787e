//! A provider as the contract lets it be, the time, and a node that dies when told.
//!
//! Every call of the adapter and of the ledger passes two points: before its effect
//! and after it. A node that is to die at a point does nothing from there on.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use super::super::{Clock, Lettings, Means};
use crate::store::{LedgerOwner, LedgerRetention, SqliteLedger};
use crate::subnet::events::Unobserved;
use crate::subnet::evidence::StoreError;
use crate::subnet::hardware::Hardware;
use crate::subnet::key::AccountId;
use crate::subnet::letting::Rules;
use crate::subnet::plugin::{Digest, PluginId, Plugins};
use crate::subnet::provider::{
    Instance, InstanceState, Offer, Order, ProviderAdapter, ProviderError, Query, SshEndpoint,
};
use crate::subnet::rental::{Ledger, RentRequest, Rental, Renter};

pub(super) const RENTER: Renter = Renter::Hotkey(AccountId([7; 32]));
pub(super) const MACHINE: &str = "cloud/small";
pub(super) const PRICE: u64 = 1_000_000;
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// What comes of the next call of the provider.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It fails and nothing happened.
    Before(ProviderError),
    /// It happened, and the caller is told that it failed.
    After(ProviderError),
    /// It happened, and nobody is told anything.
    Silent,
}

/// Something that runs, or did.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) instance: Instance,
    pub(super) seen_from: u64,
    pub(super) starts_at: u64,
}

/// The provider's side of things.
pub(super) struct State {
    pub(super) now: u64,
    pub(super) things: Vec<Thing>,
    pub(super) fates: VecDeque<Fate>,
    /// Times each key was bought.
    pub(super) bought: BTreeMap<String, usize>,
    pub(super) calls: Vec<&'static str>,
    pub(super) capacity: usize,
    /// Whether there is anything to order.
    pub(super) offers: bool,
    /// Times that was asked.
    pub(super) asks: usize,
    /// Turns that others have before that is answered.
    pub(super) thoughts: usize,
    pub(super) price: u64,
    /// Seconds until what was bought is listed.
    pub(super) late_s: u64,
    /// Seconds until what was bought can be logged in to.
    pub(super) boot_s: u64,
    pub(super) extends: bool,
    pub(super) adapters: Vec<&'static str>,
    points: usize,
    die_at: Option<usize>,
    dead: bool,
}

/// All that outlives a node.
pub(super) struct World {
    state: Mutex<State>,
    died: watch::Sender<bool>,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                now: 1_000_000,
                things: Vec::new(),
                fates: VecDeque::new(),
                bought: BTreeMap::new(),
                calls: Vec::new(),
                capacity: 10,
                offers: true,
                asks: 0,
                thoughts: 0,
                price: PRICE,
                late_s: 0,
                boot_s: 10,
                extends: true,
                adapters: vec!["cloud"],
                points: 0,
                die_at: None,
                dead: false,
            }),
            died: watch::Sender::new(false),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The node dies at its so many-th point from here, or lives.
    pub(super) fn doom(&self, at: Option<usize>) {
        let mut state = self.state();
        (state.points, state.die_at, state.dead) = (0, at, false);
        self.died.send_replace(false);
    }

    /// Whether the node goes on past this point.
    fn passes(&self) -> bool {
        let mut state = self.state();
        if state.dead {
            return false;
        }
        state.points += 1;
        if state.die_at == Some(state.points) {
            state.dead = true;
            self.died.send_replace(true);
        }
        !state.dead
    }

    async fn point(&self) {
        if !self.passes() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn alive(&self) -> Vec<Instance> {
        let state = self.state();
        let things = state.things.iter().map(|thing| thing.instance.clone());
        things
            .filter(|it| it.state != InstanceState::Terminated)
            .collect()
    }
}

impl Clock for World {
    fn unix_s(&self) -> u64 {
        self.state().now
    }
}

/// The world as a node's plugins and its adapters.
pub(super) struct Active(pub(super) Arc<World>);

impl Plugins for Active {
    fn providers(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        let names = self.0.state().adapters.clone();
        let adapter = |name: &'static str| -> Arc<dyn ProviderAdapter> {
            Arc::new(Cloud {
                world: self.0.clone(),
                id: PluginId {
                    name: name.to_owned(),
                    version: "0.1.0".to_owned(),
                    digest: Digest([0; 32]),
                    settings: Digest([0; 32]),
                },
            })
        };
        names.into_iter().map(adapter).collect()
    }
}

struct Cloud {
    world: Arc<World>,
    id: PluginId,
}

impl Cloud {
    /// Dies, fails, does `work`, dies, or fails after all, as it was decided.
    async fn call<T>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut State) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        self.world.point().await;
        let fate = {
            let mut state = self.world.state();
            state.calls.push(name);
            state.fates.pop_front()
        };
        if let Some(Fate::Before(error)) = fate {
            return Err(error);
        }
        let done = work(&mut self.world.state());
        self.world.point().await;
        match fate {
            Some(Fate::After(error)) => Err(error),
            Some(Fate::Silent) => std::future::pending().await,
            _ => done,
        }
    }
}

fn hardware() -> Hardware {
    Hardware {
        cpu_model: "EPYC".to_owned(),
        cpu_threads: 4,
        memory_mib: 8_192,
        disk_mib: 65_536,
        ..Hardware::default()
    }
}

impl State {
    fn is_full(&self) -> bool {
        let alive = |it: &&Thing| it.instance.state != InstanceState::Terminated;
        self.things.iter().filter(alive).count() >= self.capacity
    }

    fn look(&mut self) {
        let now = self.now;
        for thing in &mut self.things {
            let starts = thing.starts_at <= now;
            if starts && thing.instance.state == InstanceState::Starting {
                thing.instance.state = InstanceState::Running;
                thing.instance.ssh = Some(SshEndpoint {
                    host: "203.0.113.7".to_owned(),
                    port: 22,
                    user: "root".to_owned(),
                    host_key: None,
                });
            }
        }
    }

    fn seen(&mut self, id: &str) -> Result<&mut Instance, ProviderError> {
        self.look();
        let now = self.now;
        let mut things = self.things.iter_mut();
        let thing = things.find(|it| it.instance.id == id && it.seen_from <= now);
        Ok(&mut thing.ok_or(ProviderError::NotFound)?.instance)
    }
}

#[async_trait]
impl ProviderAdapter for Cloud {
    fn id(&self) -> &PluginId {
        &self.id
    }

    async fn offers(&self, _: &Query) -> Result<Vec<Offer>, ProviderError> {
        // No effect, so no point to die at; it fails when all does.
        self.world.state().asks += 1;
        let thoughts = self.world.state().thoughts;
        for _ in 0..thoughts {
            tokio::task::yield_now().await;
        }
        let state = self.world.state();
        if state.is_full() || !state.offers {
            return Ok(Vec::new());
        }
        Ok(vec![Offer {
            id: "small".to_owned(),
            hardware: hardware(),
            region: "here".to_owned(),
            price_micro_usd_per_hour: state.price,
            interruptible: false,
            labels: Vec::new(),
        }])
    }

    /// Looks before it buys, and sees no more than `instances` does.
    async fn provision(&self, order: &Order) -> Result<Instance, ProviderError> {
        let order = order.clone();
        self.call("provision", move |state| {
            let now = state.now;
            let known = state.things.iter().find(|it| {
                it.instance.order_key.as_ref() == Some(&order.key) && it.seen_from <= now
            });
            if let Some(known) = known {
                return Ok(known.instance.clone());
            }
            if state.is_full() {
                return Err(ProviderError::NoCapacity);
            }
            if state.price > order.price_micro_usd_per_hour_max {
                return Err(ProviderError::PriceRose(state.price));
            }
            *state.bought.entry(order.key.clone()).or_insert(0) += 1;
            let thing = Thing {
                instance: Instance {
                    id: format!("i-{}", state.things.len()),
                    order_key: Some(order.key.clone()),
                    state: InstanceState::Starting,
                    hardware: hardware(),
                    price_micro_usd_per_hour: state.price,
                    ssh: None,
                    ends_at: Some(order.ends_at),
                    labels: Vec::new(),
                },
                seen_from: now + state.late_s,
                starts_at: now + state.boot_s,
            };
            state.things.push(thing.clone());
            Ok(thing.instance)
        })
        .await
    }

    async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
        self.call("instances", |state| {
            state.look();
            let seen = state.things.iter().filter(|it| it.seen_from <= state.now);
            Ok(seen.map(|it| it.instance.clone()).collect())
        })
        .await
    }

    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError> {
        self.call("inspect", |state| state.seen(id).cloned()).await
    }

    async fn extend(&self, id: &str, ends_at: u64) -> Result<Instance, ProviderError> {
        self.call("extend", |state| {
            if !state.extends {
                return Err(ProviderError::Unsupported("no".to_owned()));
            }
            let found = state.seen(id)?;
            found.ends_at = Some(ends_at);
            Ok(found.clone())
        })
        .await
    }

    async fn terminate(&self, id: &str) -> Result<(), ProviderError> {
        self.call("terminate", |state| {
            if let Ok(found) = state.seen(id) {
                found.state = InstanceState::Terminated;
            }
            Ok(())
        })
        .await
    }
}

/// The ledger of a node that may die before or after each writing.
struct Mortal {
    world: Arc<World>,
    ledger: SqliteLedger,
}

impl Mortal {
    fn write<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let dead = || Err(StoreError("the node is dead".to_owned()));
        if !self.world.passes() {
            return dead();
        }
        let done = work();
        match self.world.passes() {
            true => done,
            false => dead(),
        }
    }
}

impl Ledger for Mortal {
    fn open(&self, rental: &Rental) -> Result<Rental, StoreError> {
        self.write(|| self.ledger.open(rental))
    }
    fn update(&self, rental: &Rental) -> Result<(), StoreError> {
        self.write(|| self.ledger.update(rental))
    }
    fn rental(&self, order_key: &str) -> Result<Option<Rental>, StoreError> {
        self.ledger.rental(order_key)
    }
    fn of_renter(&self, renter: &Renter, key: &str) -> Result<Option<Rental>, StoreError> {
        self.ledger.of_renter(renter, key)
    }
    fn live(&self) -> Result<Vec<Rental>, StoreError> {
        self.ledger.live()
    }
    fn recent(&self, renter: Option<&Renter>, limit: usize) -> Result<Vec<Rental>, StoreError> {
        self.ledger.recent(renter, limit)
    }
    fn committed_micro_usd(&self, adapter: Option<&str>, since: u64) -> Result<u64, StoreError> {
        self.ledger.committed_micro_usd(adapter, since)
    }
    fn committed_by_renter_micro_usd(
        &self,
        renter: &Renter,
        since: u64,
    ) -> Result<u64, StoreError> {
        self.ledger.committed_by_renter_micro_usd(renter, since)
    }
}

pub(super) fn rules() -> Rules {
    Rules {
        spend_per_day_max: 100_000_000,
        // What does not answer at once does not answer.
        call_timeout_s: 0,
        ..Rules::default()
    }
}

pub(super) fn request(key: &str) -> RentRequest {
    RentRequest {
        key: key.to_owned(),
        machine: MACHINE.to_owned(),
        image: None,
        ssh_public_key: KEY.to_owned(),
        cpu_threads: 0,
        memory_mib: 0,
        disk_mib: 0,
        duration_s: 3_600,
        price_micro_usd_per_hour_max: 2 * PRICE,
        probe: false,
    }
}

/// Opens the ledger on disk as a node does.
pub(super) fn ledger(folder: &Path) -> SqliteLedger {
    let owner = LedgerOwner {
        netuid: 1,
        hotkey: AccountId([1; 32]),
    };
    SqliteLedger::open(&folder.join("state"), &owner, LedgerRetention::default()).unwrap()
}

/// One life of a node: until `story` is told or it dies. Whether it lived.
pub(super) fn life<F: Future<Output = ()>>(
    world: &Arc<World>,
    folder: &Path,
    rules: &Rules,
    story: impl FnOnce(Lettings, Arc<World>) -> F,
) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let means = Means {
        me: AccountId([1; 32]),
        netuid: 1,
        network: "local".to_owned(),
        ledger: Arc::new(Mortal {
            world: world.clone(),
            ledger: ledger(folder),
        }),
        plugins: Arc::new(Active(world.clone())),
        observer: Arc::new(Unobserved),
        clock: world.clone(),
        may_rent: Arc::new(|_| Ok(())),
        caretaker: Some(world.clone()),
    };
    let lettings = Lettings::open(means, rules.clone()).unwrap();
    runtime.block_on(async {
        let mut died = world.died.subscribe();
        tokio::select! {
            biased;
            _ = died.wait_for(|died| *died) => false,
            () = story(lettings, world.clone()) => true,
        }
    })
}

/// Everything that is due, done; then so many seconds pass; and again.
pub(super) async fn pass_time(lettings: &Lettings, world: &World, seconds: u64, step: u64) {
    let until = world.unix_s() + seconds;
    while world.unix_s() < until {
        lettings.work_due().await;
        world.state().now += step;
    }
}

/// What runs is let, and what is let runs; each was bought once.
pub(super) fn assert_agreement(world: &World, folder: &Path, told: &str) {
    let live = ledger(folder).live().unwrap();
    let mut running: Vec<_> = live
        .iter()
        .filter_map(|it| Some(it.instance.as_ref()?.id.clone()))
        .collect();
    let mut alive: Vec<_> = world.alive().into_iter().map(|it| it.id).collect();
    running.sort();
    alive.sort();
    assert_eq!(running, alive, "{told}: the ledger against the world");
    for (key, times) in &world.state().bought {
        assert_eq!(*times, 1, "{told}: {key} was bought {times} times");
    }
}
