//! A ledger of 100,000 rentals: to list, to compare with what a provider runs, and
//! to start with; each against bare SQLite, or bare iteration, in the same run.
//!
//! `cargo bench -p host --bench ledger`
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use host::role::landlord::{Lettings, Means, SystemClock};
use host::store::{LedgerOwner, LedgerRetention, SqliteLedger};
use host::subnet::events::Unobserved;
use host::subnet::hardware::Hardware;
use host::subnet::key::AccountId;
use host::subnet::letting::Rules;
use host::subnet::plugin::{Digest, PluginId, Plugins};
use host::subnet::provider::{
    Instance, InstanceState, Offer, Order, ProviderAdapter, ProviderError, Query, SshEndpoint,
};
use host::subnet::rental::{Landlord as _, Ledger as _, Phase, RentRequest, Rental, Renter};
use rusqlite::{Connection, params};

const RENTALS: u64 = 100_000;
/// As many as one provider may list, but one.
const LIVE: u64 = 4_000;
const LISTED: usize = 1_024;
const OWNER: LedgerOwner = LedgerOwner {
    netuid: 1,
    hotkey: AccountId([1; 32]),
};

fn rental(number: u64, now: u64) -> Rental {
    let id = format!("i-{number}");
    let live = number >= RENTALS - LIVE;
    let offer = Offer {
        id: "small".to_owned(),
        hardware: Hardware {
            cpu_model: "AMD EPYC 9654".to_owned(),
            cpu_threads: 8,
            memory_mib: 16_384,
            disk_mib: 65_536,
            ..Hardware::default()
        },
        region: "here".to_owned(),
        price_micro_usd_per_hour: 20_000,
        interruptible: false,
        labels: Vec::new(),
    };
    let ssh = SshEndpoint {
        host: "203.0.113.7".to_owned(),
        port: 22,
        user: "root".to_owned(),
        host_key: None,
    };
    Rental {
        order_key: format!("order-{number}"),
        renter: Renter::Operator,
        request: RentRequest {
            key: format!("key-{number}"),
            machine: "cloud/small".to_owned(),
            image: None,
            ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
            cpu_threads: 0,
            memory_mib: 0,
            disk_mib: 0,
            duration_s: 86_400,
            price_micro_usd_per_hour_max: 30_000,
            probe: false,
        },
        adapter: "cloud".to_owned(),
        instance: Some(Instance {
            id,
            order_key: Some(format!("order-{number}")),
            state: InstanceState::Running,
            hardware: offer.hardware.clone(),
            price_micro_usd_per_hour: 20_000,
            ssh: Some(ssh),
            ends_at: Some(now + 86_400),
            labels: Vec::new(),
        }),
        offer,
        price_micro_usd_per_hour: 24_000,
        spend_micro_usd_max: 480_000,
        began_at: now,
        ends_at: now + 86_400,
        phase: match live {
            true => Phase::Running,
            false => Phase::Ended {
                reason: "its time is over".to_owned(),
            },
        },
        over_at: (!live).then_some(now),
        labels: Vec::new(),
    }
}

/// All rows in one transaction: what is measured comes after.
fn fill(folder: &Path, rentals: &[Rental]) {
    drop(open(folder));
    let mut db = Connection::open(folder.join("rentals.db")).unwrap();
    let transaction = db.transaction().unwrap();
    for rental in rentals {
        transaction
            .prepare_cached(
                "INSERT INTO rentals (order_key, renter, key, adapter, phase, cost, over_at, record)
                 VALUES (?1, x'', ?2, 'cloud', ?3, 1, ?4, ?5)",
            )
            .unwrap()
            .execute(params![
                rental.order_key,
                rental.request.key,
                rental.phase.as_str(),
                rental.over_at.map(|at| i64::try_from(at).unwrap()),
                serde_json::to_string(rental).unwrap(),
            ])
            .unwrap();
    }
    transaction.commit().unwrap();
}

fn open(folder: &Path) -> SqliteLedger {
    SqliteLedger::open(folder, &OWNER, LedgerRetention::default()).unwrap()
}

/// One adapter that lists what it was given.
struct Cloud(PluginId, Vec<Instance>);

#[async_trait]
impl ProviderAdapter for Cloud {
    fn id(&self) -> &PluginId {
        &self.0
    }
    async fn offers(&self, _: &Query) -> Result<Vec<Offer>, ProviderError> {
        Ok(Vec::new())
    }
    async fn provision(&self, _: &Order) -> Result<Instance, ProviderError> {
        Err(ProviderError::NoCapacity)
    }
    async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
        Ok(self.1.clone())
    }
    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError> {
        let mut all = self.1.iter();
        all.find(|it| it.id == id)
            .cloned()
            .ok_or(ProviderError::NotFound)
    }
    async fn extend(&self, _: &str, _: u64) -> Result<Instance, ProviderError> {
        Err(ProviderError::NotFound)
    }
    async fn terminate(&self, _: &str) -> Result<(), ProviderError> {
        panic!("all that runs is rented")
    }
}

struct Active(Arc<Cloud>);

impl Plugins for Active {
    fn providers(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        vec![self.0.clone()]
    }
}

fn means(ledger: SqliteLedger, cloud: Arc<Cloud>) -> Means {
    Means {
        me: OWNER.hotkey,
        netuid: OWNER.netuid,
        network: String::new(),
        ledger: Arc::new(ledger),
        plugins: Arc::new(Active(cloud)),
        observer: Arc::new(Unobserved),
        clock: Arc::new(SystemClock),
        may_rent: Arc::new(|_| Ok(())),
        caretaker: None,
    }
}

fn bare(folder: &Path, sql: &str, limit: usize) -> usize {
    let db = Connection::open(folder.join("rentals.db")).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    let limit = i64::try_from(limit).unwrap();
    let mut rows = statement.query([limit]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        bytes += row.get_ref(0).unwrap().as_str().unwrap().len();
    }
    bytes
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

fn say(what: &str, ours: Duration, than: &str, bare: Duration) {
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!("{what}: {ours:?}; {than}: {bare:?}; {ratio:.1} times");
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let rentals: Vec<Rental> = (0..RENTALS).map(|number| rental(number, now)).collect();
    fill(&folder, &rentals);
    let live: Vec<&Rental> = rentals.iter().filter(|it| it.over_at.is_none()).collect();
    let runs: Vec<Instance> = live.iter().filter_map(|it| it.instance.clone()).collect();

    let newest = "SELECT record FROM rentals ORDER BY serial DESC LIMIT ?1";
    let (_, plain) = timed(|| black_box(bare(&folder, newest, LISTED)));
    let ledger = open(&folder);
    let (listed, ours) = timed(|| ledger.recent(None, LISTED).unwrap());
    assert_eq!(listed.len(), LISTED);
    say(
        "list the newest 1,024 of 100,000",
        ours,
        "bare SQLite",
        plain,
    );
    drop(ledger);

    let living = "SELECT record FROM rentals WHERE over_at IS NULL ORDER BY serial LIMIT ?1";
    let (_, plain) = timed(|| black_box(bare(&folder, living, usize::MAX >> 1)));
    let id = PluginId {
        name: "cloud".to_owned(),
        version: "0.1.0".to_owned(),
        digest: Digest([0; 32]),
        settings: Digest([0; 32]),
    };
    let cloud = Arc::new(Cloud(id, runs.clone()));
    let open_all = || Lettings::open(means(open(&folder), cloud), Rules::default()).unwrap();
    let (lettings, ours) = timed(open_all);
    say("start with 4,000 that live", ours, "bare SQLite", plain);

    let compare = || {
        let known: BTreeMap<&str, &Rental> =
            live.iter().map(|it| (it.order_key.as_str(), *it)).collect();
        let same = runs.iter().filter(|it| {
            let key = it.order_key.as_deref().unwrap_or_default();
            known
                .get(key)
                .is_some_and(|known| known.instance.as_ref() == Some(*it))
        });
        same.count()
    };
    let (same, plain) = timed(compare);
    assert_eq!(same, runs.len());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ((), ours) = timed(|| runtime.block_on(lettings.work_due()));
    say(
        "compare 4,000 with what runs",
        ours,
        "bare iteration",
        plain,
    );
    let after = runtime.block_on(lettings.rentals()).unwrap();
    let running = after.iter().filter(|it| it.phase == Phase::Running).count();
    assert_eq!(running, LISTED, "nothing was ended");
}
