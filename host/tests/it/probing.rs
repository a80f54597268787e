//! A validator rents from a miner over the signed wire and logs in to a real SSH
//! server: everything but the landlord and its containers is what runs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use host::devchain::{DevChain, Options};
use host::role::validator::probing::{ProbeOptions, Probing};
use host::role::validator::{Means, Quiet, Spread, Validator, ValidatorOptions};
use host::store::{Retention, SqliteStore};
use host::subnet::address::AddressPolicy;
use host::subnet::chain::{AxonInfo, Chain as _};
use host::subnet::events::Unobserved;
use host::subnet::evidence::{EvidenceStore as _, StoreOwner};
use host::subnet::hardware::Hardware;
use host::subnet::key::{AccountId, Signer};
use host::subnet::plugin::Plugins;
use host::subnet::probe::{ProbeBook as _, SSH_PROBE};
use host::subnet::rental::{Lease, RentError, RentRequest};
use host::subnet::scoring::{Finding, OfferedMachine};
use host::subnet::wire::{Description, Refusal, RentAnswer, RentCall, Service, TaskReceived};
use host::synapse::{AxonOptions, DendriteOptions, HttpDendrite, serve};
use host::wallet::Hotkey;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use super::ssh::{host_key, openssh, prober, program, serving};
use super::weights::support::{NETUID, chain, client};

const PRICE: u64 = 3_600_000;

/// A miner that lets one machine: this one, by way of OpenSSH's server.
struct Miner {
    sshd: PathBuf,
    folder: TempDir,
    lease: Mutex<Option<Lease>>,
}

impl Miner {
    async fn order(&self, request: RentRequest) -> Lease {
        // An order may come again: each has a folder of its own.
        let folder = self.folder.path().join(&request.key);
        fs::create_dir_all(&folder).unwrap();
        let (path, public) = host_key(&folder, "ed25519");
        let server = openssh(&self.sshd, &folder, &path, &request.ssh_public_key);
        Lease {
            key: request.key,
            machine: request.machine,
            state: "running".to_owned(),
            reason: None,
            ssh: Some(serving(server, &public).await),
            hardware: Hardware::default(),
            price_micro_usd_per_hour: PRICE,
            began_at: 0,
            ends_at: u64::MAX,
        }
    }
}

#[async_trait]
impl Service for Miner {
    fn admit(&self, _: &AccountId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn describe(&self, _: &AccountId) -> Result<Description, Refusal> {
        Ok(Description {
            machines: vec![OfferedMachine {
                id: "pod-1".to_owned(),
                claimed: Hardware {
                    cpu_threads: 1,
                    memory_mib: 1,
                    ..Hardware::default()
                },
                price_micro_usd_per_hour: PRICE,
                rented_permille: 0,
                labels: Vec::new(),
            }],
            ..Description::default()
        })
    }

    async fn challenge(&self, _: &AccountId, _: TaskReceived) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Unable("not here".to_owned()))
    }

    async fn end_session(&self, _: &AccountId, _: &str) {}

    async fn rent(&self, _: &AccountId, call: RentCall) -> Result<RentAnswer, RentError> {
        let mut held = self.lease.lock().await;
        let ends = matches!(call, RentCall::End { .. });
        let mut lease = match call {
            RentCall::Order(request) => self.order(request).await,
            _ => held.clone().ok_or(RentError::NoSuchRental)?,
        };
        if ends {
            lease.state = "ended".to_owned();
        }
        *held = Some(lease.clone());
        Ok(RentAnswer::Lease(Box::new(lease)))
    }
}

struct NoPlugins;

impl Plugins for NoPlugins {}

/// Serves //Bob's axon and says on chain where it is.
async fn serve_miner(chain: &DevChain, miner: Arc<Miner>) {
    let bob = Arc::new(Hotkey::development("//Bob").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let axon = AxonInfo {
        address: listener.local_addr().unwrap(),
        protocol: 4,
        version: 1,
    };
    tokio::spawn(serve(
        listener,
        AxonOptions::default(),
        miner,
        bob,
        std::future::pending(),
    ));
    let client = client(chain, "//Bob", Arc::new(Unobserved)).await;
    client.serve_axon(NETUID, axon).await.unwrap();
}

fn store(chain: &DevChain, folder: &TempDir, me: AccountId) -> Arc<SqliteStore> {
    let owner = StoreOwner {
        genesis: chain.genesis(),
        netuid: NETUID,
        hotkey: me,
    };
    let path = folder.path().join("state");
    Arc::new(SqliteStore::open(&path, &owner, Retention::default()).unwrap())
}

async fn validator(chain: &DevChain, store: Arc<SqliteStore>) -> Validator {
    let alice = Arc::new(Hotkey::development("//Alice").unwrap());
    let me = alice.account();
    let dendrite = DendriteOptions {
        addresses: AddressPolicy::AllowPrivate,
        ..DendriteOptions::default()
    };
    let means = Means {
        me,
        chain: Arc::new(client(chain, "//Alice", Arc::new(Unobserved)).await),
        dendrite: Arc::new(HttpDendrite::new(alice, dendrite)),
        plugins: Arc::new(NoPlugins),
        store: store.clone(),
        observer: Arc::new(Unobserved),
        quiet: Quiet::default(),
        guard: Arc::default(),
        probing: Some(Probing::new(Arc::new(prober()), store, probes())),
    };
    Validator::new(means, options())
}

fn probes() -> ProbeOptions {
    ProbeOptions {
        machines_per_epoch: 1,
        machines_at_once: 1,
        rental: Duration::from_secs(600),
        ready: Duration::from_secs(240),
        poll: Duration::from_millis(100),
        price_micro_usd_per_hour_max: PRICE,
        epoch_micro_usd_max: PRICE,
        day_micro_usd_max: PRICE,
        void_permille: 500,
    }
}

fn options() -> ValidatorOptions {
    ValidatorOptions {
        netuid: NETUID,
        register_limit_rao: None,
        sync_blocks: 1,
        survey_blocks: 2,
        challenge_blocks: 10_000,
        turn_blocks: 1,
        void_permille: 500,
        lead_blocks: 1,
        sessions_at_once: 1,
        verify_at_once: 1,
        surveys_at_once: 1,
        spread: Spread::Together,
    }
}

/// //Bob's first finding.
async fn finding(chain: &DevChain, store: &SqliteStore) -> Finding {
    let bob = Hotkey::development("//Bob").unwrap().account();
    for _ in 0..200 {
        if let Some(finding) = store.findings(&bob, 1).unwrap().pop() {
            return finding;
        }
        chain.wait_for_block(chain.head().number + 1).await;
    }
    panic!("no finding within 200 blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_rents_over_the_wire_logs_in_and_gives_back() {
    let Some(sshd) = program("/usr/sbin/sshd", "openssh-server") else {
        return;
    };
    let chain = chain(Options {
        tempo: 100,
        allow_loopback: true,
        ..Options::default()
    })
    .await;
    let miner = Arc::new(Miner {
        sshd,
        folder: TempDir::new().unwrap(),
        lease: Mutex::default(),
    });
    serve_miner(&chain, miner.clone()).await;
    let folder = TempDir::new().unwrap();
    let me = Hotkey::development("//Alice").unwrap().account();
    let store = store(&chain, &folder, me);
    let validator = validator(&chain, store.clone()).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(validator.run(stopped));

    let finding = finding(&chain, &store).await;
    assert_eq!(
        (finding.challenge.as_str(), finding.machine.as_str()),
        (SSH_PROBE, "pod-1")
    );
    assert!(
        finding.passed && finding.grade_permille == 1_000,
        "{finding:?}"
    );
    let lease = miner.lease.lock().await.clone().unwrap();
    assert_eq!(lease.state, "ended");
    assert!(store.held_probes().unwrap().is_empty());
    let spent = store.probe_spending(0, 0).unwrap().lately_micro_usd;
    assert!((1..PRICE).contains(&spent), "{spent}");
    stop.send_replace(true);
    running.await.unwrap().unwrap();
}
