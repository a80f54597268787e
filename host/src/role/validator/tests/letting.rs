//! Miners that let machines as they are told, and what was asked of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::*;
use crate::subnet::hardware::Hardware;
use crate::subnet::probe::{ProbeBook as _, ProbeError, Prober, Seen, Visit};
use crate::subnet::provider::SshEndpoint;
use crate::subnet::rental::{Lease, RentError, RentRequest};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::wire::{PeerError, RentAnswer, RentCall, RentFailure};

/// What a miner does with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Lets the machine, which runs at once.
    Lets,
    /// Lets the machine, which never runs.
    NeverRuns,
    /// Lets the machine and says that it is gone.
    Ends,
    /// Lets the machine and knows nothing of it later.
    Denies,
    /// Lets the machine and says not which host key it has.
    HidesItsKey,
    /// Lets it to somebody else.
    IsFull,
    /// Does not want to.
    Forbids,
    /// Does not answer orders, and knows nothing of them later.
    Loses,
    /// Lets the machine, and is away from then on.
    GoesAway,
}

pub(super) struct Letting {
    store: Arc<SqliteStore>,
    manners: Mutex<HashMap<Uid, (Manner, Vec<OfferedMachine>)>>,
    calls: Mutex<Vec<(Uid, &'static str, String)>>,
}

/// What a machine of this name is made of.
pub(super) fn machine(id: &str, price: u64) -> OfferedMachine {
    OfferedMachine {
        id: id.to_owned(),
        claimed: hardware(),
        price_micro_usd_per_hour: price,
        rented_permille: 300,
        labels: Vec::new(),
    }
}

pub(super) fn hardware() -> Hardware {
    Hardware {
        cpu_threads: 8,
        memory_mib: 1_024,
        ..Hardware::default()
    }
}

impl Letting {
    pub(super) fn new(store: Arc<SqliteStore>) -> Self {
        Self {
            store,
            manners: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// This miner has one machine for rent.
    pub(super) fn lets(&self, uid: Uid, manner: Manner) {
        let machines = vec![machine("", 0), machine("pod-1", 3_600_000)];
        self.manners.lock().unwrap().insert(uid, (manner, machines));
    }

    pub(super) fn machines(&self, uid: Uid) -> Vec<OfferedMachine> {
        let manners = self.manners.lock().unwrap();
        manners
            .get(&uid)
            .map_or_else(Vec::new, |(_, machines)| machines.clone())
    }

    /// What was asked of a miner, in order.
    pub(super) fn asked(&self, uid: Uid) -> Vec<&'static str> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let of = calls.iter().filter(|(asked, ..)| *asked == uid);
        of.map(|(_, what, _)| *what).collect()
    }

    pub(super) fn answer(&self, uid: Uid, call: RentCall) -> Result<RentAnswer, RentFailure> {
        let manner = self.manners.lock().unwrap()[&uid].0;
        let key = call.key().unwrap().to_owned();
        let what = match &call {
            RentCall::Order(_) => "order",
            RentCall::End { .. } => "end",
            _ => "show",
        };
        self.calls.lock().unwrap().push((uid, what, key.clone()));
        let held = self.store.held_probes().unwrap();
        assert!(
            held.iter().any(|held| held.key == key),
            "{what} of what is not on disk"
        );
        match call {
            RentCall::Order(request) => order(uid, manner, &request),
            _ => later(uid, manner, &key, what),
        }
    }
}

fn order(uid: Uid, manner: Manner, request: &RentRequest) -> Result<RentAnswer, RentFailure> {
    assert!(request.probe && request.machine == "pod-1");
    match manner {
        Manner::IsFull => Err(RentError::Full("let".to_owned()).into()),
        Manner::Forbids => Err(RentError::Forbidden("not you".to_owned()).into()),
        Manner::Loses => Err(away()),
        Manner::NeverRuns | Manner::Ends | Manner::Denies | Manner::GoesAway => {
            Ok(lease(uid, manner, &request.key, "ordered"))
        }
        Manner::Lets | Manner::HidesItsKey => Ok(lease(uid, manner, &request.key, "running")),
    }
}

fn later(uid: Uid, manner: Manner, key: &str, what: &str) -> Result<RentAnswer, RentFailure> {
    let state = if what == "end" { "ending" } else { "running" };
    match manner {
        Manner::GoesAway => Err(away()),
        Manner::Loses | Manner::Denies => Err(RentError::NoSuchRental.into()),
        Manner::Ends => Ok(lease(uid, manner, key, "ended")),
        _ => Ok(lease(uid, manner, key, state)),
    }
}

fn away() -> RentFailure {
    PeerError::TimedOut(1).into()
}

fn lease(uid: Uid, manner: Manner, key: &str, state: &str) -> RentAnswer {
    let shown = matches!(manner, Manner::Lets | Manner::HidesItsKey) && state == "running";
    let host_key = (manner == Manner::Lets).then(|| "a key".to_owned());
    let ssh = SshEndpoint {
        host: "machine".to_owned(),
        port: uid,
        user: "root".to_owned(),
        host_key,
    };
    RentAnswer::Lease(Box::new(Lease {
        key: key.to_owned(),
        machine: "pod-1".to_owned(),
        state: state.to_owned(),
        reason: Some("as told".to_owned()),
        ssh: shown.then_some(ssh),
        hardware: hardware(),
        price_micro_usd_per_hour: 1,
        began_at: 0,
        ends_at: 0,
    }))
}

/// Sees in each machine what a test put there; by its miner's uid.
#[derive(Default)]
pub(super) struct FakeProber(Mutex<HashMap<Uid, Result<Seen, ProbeError>>>);

impl FakeProber {
    pub(super) fn sees(&self, uid: Uid, what: Result<Seen, ProbeError>) {
        self.0.lock().unwrap().insert(uid, what);
    }
}

/// A machine that has what was claimed.
pub(super) fn seen() -> Seen {
    Seen {
        hardware: hardware(),
        connect: Duration::from_millis(5),
        login: Duration::from_millis(7),
    }
}

impl Prober for Arc<FakeProber> {
    fn prepare(&self) -> Result<Box<dyn Visit>, ProbeError> {
        Ok(Box::new(FakeVisit(self.clone())))
    }
}

struct FakeVisit(Arc<FakeProber>);

#[async_trait]
impl Visit for FakeVisit {
    fn ssh_public_key(&self) -> &str {
        "ssh-ed25519 AAAA"
    }

    async fn look(&self, at: &SshEndpoint) -> Result<Seen, ProbeError> {
        let told = self.0.0.lock().unwrap().get(&at.port).cloned();
        match told {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }
}
