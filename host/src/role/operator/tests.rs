//! What the operator API promises, with miners that do as told.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::role::testing::{FakeChain, me};
use crate::store::{Retention, SqliteStore};
use crate::subnet::chain::testing::neuron;
use crate::subnet::challenge::Answer;
use crate::subnet::evidence::{StoreError, StoreOwner};
use crate::subnet::hardware::{Gpu, Hardware, Label};
use crate::subnet::rental::{Lease, Phase, Rental, Renter};
use crate::subnet::scoring::{Finding, OfferedMachine};
use crate::subnet::wire::{
    Described, Peer, PeerError, RentAnswer, RentCall, RentFailure, TaskRequest,
};

mod api;
mod finding;
mod payer;
mod renting;
mod spending;
mod unknown;

/// A key that no miner would refuse.
const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// A ledger that is lost with the test, and counts as a disk.
#[derive(Default)]
struct Paper(Mutex<Vec<Rental>>);

impl Paper {
    fn sum(&self, since: u64, counts: impl Fn(&Rental) -> bool) -> u64 {
        let lines = self.0.lock().unwrap();
        let lately = lines
            .iter()
            .filter(|line| counts(line) && line.over_at.is_none_or(|over_at| over_at > since));
        lately.map(Rental::cost_micro_usd).sum()
    }
}

impl Ledger for Paper {
    fn open(&self, rental: &Rental) -> Result<Rental, StoreError> {
        let known = self.of_renter(&rental.renter, &rental.request.key)?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.0.lock().unwrap().push(rental.clone());
        Ok(rental.clone())
    }
    fn update(&self, rental: &Rental) -> Result<(), StoreError> {
        let mut lines = self.0.lock().unwrap();
        let line = lines
            .iter_mut()
            .find(|line| line.order_key == rental.order_key);
        *line.unwrap() = rental.clone();
        Ok(())
    }
    fn rental(&self, order_key: &str) -> Result<Option<Rental>, StoreError> {
        let lines = self.0.lock().unwrap();
        let found = lines.iter().find(|line| line.order_key == order_key);
        Ok(found.cloned())
    }
    fn of_renter(&self, renter: &Renter, key: &str) -> Result<Option<Rental>, StoreError> {
        let lines = self.0.lock().unwrap();
        let is_it = |line: &&Rental| line.renter == *renter && line.request.key == key;
        Ok(lines.iter().find(is_it).cloned())
    }
    fn live(&self) -> Result<Vec<Rental>, StoreError> {
        let lines = self.0.lock().unwrap();
        let live = lines.iter().filter(|line| !line.phase.is_over());
        Ok(live.cloned().collect())
    }
    fn recent(&self, renter: Option<&Renter>, limit: usize) -> Result<Vec<Rental>, StoreError> {
        let lines = self.0.lock().unwrap();
        let of = lines
            .iter()
            .rev()
            .filter(|line| renter.is_none_or(|renter| line.renter == *renter));
        Ok(of.take(limit).cloned().collect())
    }
    fn committed_micro_usd(&self, _: Option<&str>, since: u64) -> Result<u64, StoreError> {
        Ok(self.sum(since, |_| true))
    }
    fn committed_by_renter_micro_usd(
        &self,
        renter: &Renter,
        since: u64,
    ) -> Result<u64, StoreError> {
        Ok(self.sum(since, |line| line.renter == *renter))
    }
}

/// What a miner does with the next order.
#[derive(Clone)]
enum Manner {
    Lets,
    Says(RentError),
    /// It does what it is asked and its answer is lost.
    Vanishes,
    /// It lets for so much and not for less.
    Costs(u64),
    /// It lets, and later speaks of ten times the price and the time.
    Greedy,
    /// It says of everything that it runs.
    Clings,
    /// Nothing reaches it.
    Deaf,
}

/// Miners that keep rentals, and a note of what they were asked.
struct Miners {
    ledger: Arc<Paper>,
    manners: Mutex<HashMap<AccountId, Manner>>,
    rentals: Mutex<HashMap<(AccountId, String), Lease>>,
    calls: Mutex<Vec<(u16, &'static str)>>,
}

fn uid_of(hotkey: &AccountId) -> u16 {
    u16::from_le_bytes([hotkey.0[0], hotkey.0[1]])
}

fn late() -> RentFailure {
    PeerError::TimedOut(1).into()
}

impl Miners {
    fn manner(&self, peer: &Peer) -> Manner {
        let manners = self.manners.lock().unwrap();
        manners.get(&peer.hotkey).cloned().unwrap_or(Manner::Lets)
    }

    fn note(&self, peer: &Peer, call: &RentCall) {
        let what = match call {
            RentCall::Order(_) => "order",
            RentCall::Show { .. } => "show",
            RentCall::Extend { .. } => "extend",
            RentCall::End { .. } => "end",
            _ => "other",
        };
        self.calls
            .lock()
            .unwrap()
            .push((uid_of(&peer.hotkey), what));
    }
}

#[async_trait]
impl Dendrite for Miners {
    async fn describe(&self, _: &Peer) -> Result<Described, PeerError> {
        Err(PeerError::TimedOut(1))
    }
    async fn challenge(&self, _: &Peer, _: TaskRequest<'_>) -> (Answer, Duration) {
        (Answer::TimedOut, Duration::ZERO)
    }
    async fn end_session(&self, _: &Peer, _: &str) -> Result<(), PeerError> {
        Ok(())
    }
    async fn rent(&self, peer: &Peer, call: RentCall) -> Result<RentAnswer, RentFailure> {
        self.note(peer, &call);
        let key = call.key().unwrap().to_owned();
        let line = self
            .ledger
            .rental(&key)
            .unwrap()
            .expect("intent is on disk");
        assert_eq!(
            line.adapter,
            peer.hotkey.to_string(),
            "the intent names who is asked"
        );
        let manner = self.manner(peer);
        if matches!(manner, Manner::Deaf) {
            return Err(late());
        }
        let mut rentals = self.rentals.lock().unwrap();
        let place = (peer.hotkey, key.clone());
        match call {
            RentCall::Order(request) => {
                match manner {
                    Manner::Says(error) => return Err(error.into()),
                    Manner::Costs(price) if price > request.price_micro_usd_per_hour_max => {
                        return Err(RentError::PriceRose(price).into());
                    }
                    _ => {}
                }
                let lease = rentals.entry(place).or_insert(Lease {
                    key,
                    machine: request.machine,
                    state: "running".to_owned(),
                    reason: None,
                    ssh: None,
                    hardware: hardware(),
                    price_micro_usd_per_hour: request.price_micro_usd_per_hour_max,
                    began_at: 1_000,
                    ends_at: 1_000 + request.duration_s,
                });
                answer(&manner, lease)
            }
            later => {
                let lease = rentals.get_mut(&place).ok_or(RentError::NoSuchRental)?;
                match (later, &manner) {
                    (_, Manner::Says(error)) => return Err(error.clone().into()),
                    (RentCall::Extend { by_s, .. }, _) => {
                        lease.ends_at += by_s;
                        let lasts_s = lease.ends_at - lease.began_at;
                        assert!(line.request.duration_s >= lasts_s, "intent is on disk");
                        assert!(
                            line.labels
                                .iter()
                                .any(|label| label.name == "extending-since")
                        );
                    }
                    (RentCall::End { .. }, Manner::Clings) => {}
                    (RentCall::End { .. }, _) => lease.state = "ended".to_owned(),
                    _ => {}
                }
                answer(&manner, lease)
            }
        }
    }
}

fn answer(manner: &Manner, lease: &Lease) -> Result<RentAnswer, RentFailure> {
    let mut said = lease.clone();
    match manner {
        Manner::Vanishes => return Err(late()),
        Manner::Greedy => {
            said.price_micro_usd_per_hour *= 10;
            said.ends_at += 9 * (said.ends_at - said.began_at);
        }
        _ => {}
    }
    Ok(RentAnswer::Lease(Box::new(said)))
}

fn hardware() -> Hardware {
    Hardware {
        gpus: vec![Gpu {
            model: "NVIDIA H100".to_owned(),
            count: 8,
            memory_mib: 81_559,
            uuids: Vec::new(),
        }],
        cpu_model: "EPYC".to_owned(),
        cpu_threads: 64,
        memory_mib: 1_000,
        disk_mib: 1_000,
        labels: Vec::new(),
    }
}

fn machine(id: &str, price: u64) -> OfferedMachine {
    OfferedMachine {
        id: id.to_owned(),
        claimed: hardware(),
        price_micro_usd_per_hour: price,
        rented_permille: 0,
        labels: vec![Label {
            name: "region".to_owned(),
            value: "eu".to_owned(),
        }],
    }
}

fn operator() -> AccountId {
    AccountId([42; 32])
}

/// An operator API whose miners 1 to 3 offer one machine each, 1 the cheapest.
struct World {
    api: Operator,
    miners: Arc<Miners>,
    ledger: Arc<Paper>,
    store: Arc<SqliteStore>,
    now: Arc<AtomicU64>,
    _folder: TempDir,
}

impl World {
    /// One that may spend a thousand dollars a day.
    fn new() -> Self {
        Self::with(Purse {
            spend_per_day_micro_usd_max: 1_000_000_000,
            ..Purse::default()
        })
    }

    fn with(purse: Purse) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = StoreOwner {
            genesis: [1; 32],
            netuid: 1,
            hotkey: me(),
        };
        let path = folder.path().join("state");
        let store = Arc::new(SqliteStore::open(&path, &owner, Retention::default()).unwrap());
        let ledger = Arc::new(Paper::default());
        let miners = Arc::new(Miners {
            ledger: ledger.clone(),
            manners: Mutex::default(),
            rentals: Mutex::default(),
            calls: Mutex::default(),
        });
        let now = Arc::new(AtomicU64::new(1_000));
        let clock = now.clone();
        let api = Operator::new(Means {
            netuid: 1,
            me: me(),
            keys: [operator()].into(),
            purse,
            answered_within_blocks: 60,
            chain: Arc::new(FakeChain::new(3)),
            store: store.clone(),
            dendrite: miners.clone(),
            ledger: ledger.clone(),
            now_unix_s: Arc::new(move || clock.load(Ordering::SeqCst)),
        });
        let world = Self {
            api,
            miners,
            ledger,
            store,
            now,
            _folder: folder,
        };
        for uid in 1..=3 {
            world.describes(uid, vec![machine("", u64::from(uid) * 10)]);
        }
        world
    }

    fn describes(&self, uid: u16, machines: Vec<OfferedMachine>) {
        let description = Description {
            machines,
            ..Description::default()
        };
        let json = serde_json::to_string(&description).unwrap();
        let hotkey = neuron(uid).hotkey;
        self.store.record_contact(&hotkey, 100, true).unwrap();
        self.store.record_description(&hotkey, &json).unwrap();
    }

    fn behaves(&self, uid: u16, manner: Manner) {
        let mut manners = self.miners.manners.lock().unwrap();
        manners.insert(neuron(uid).hotkey, manner);
    }

    async fn ask(&self, operation: &str, body: Value) -> Result<Value, RentError> {
        let body = body.to_string();
        let answer = self
            .api
            .operate(&operator(), operation, body.as_bytes())
            .await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    async fn rent(&self, key: &str) -> Result<Value, RentError> {
        self.rent_for(key, json!({})).await
    }

    async fn rent_for(&self, key: &str, requirement: Value) -> Result<Value, RentError> {
        let body = json!({
            "key": key, "ssh_public_key": SSH_KEY, "duration_s": 600, "requirement": requirement,
        });
        self.ask("rent", body).await
    }

    fn calls(&self) -> Vec<(u16, &'static str)> {
        std::mem::take(&mut *self.miners.calls.lock().unwrap())
    }

    fn passes(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}
