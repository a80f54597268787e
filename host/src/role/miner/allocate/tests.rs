//! What `Allocate` promises, with a landlord that does as told.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{LazyLock, Mutex as Lock};

use async_trait::async_trait;
use base64::Engine as _;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{Oaep, RsaPrivateKey};

use super::*;
use crate::subnet::hardware::Hardware;
use crate::subnet::provider::{Offer, SshEndpoint};
use crate::subnet::rental::{Listing, Rental};
use crate::subnet::scoring::OfferedMachine;

/// Lets one machine, which can be logged in to with the second look.
#[derive(Default)]
pub(in crate::role::miner) struct OneMachine {
    leases: Lock<Vec<Lease>>,
    acts: Lock<Vec<Act>>,
    never_ready: bool,
}

fn ssh() -> SshEndpoint {
    SshEndpoint {
        host: "203.0.113.7".to_owned(),
        port: 4444,
        user: "root".to_owned(),
        host_key: Some("ssh-ed25519 AAAA".to_owned()),
    }
}

fn hardware() -> Hardware {
    Hardware {
        cpu_threads: 4,
        memory_mib: 2_048,
        disk_mib: 4_096,
        ..Hardware::default()
    }
}

impl OneMachine {
    fn change(&self, key: &str, change: impl FnOnce(&mut Lease)) -> Result<Lease, RentError> {
        let mut leases = self.leases.lock().unwrap();
        let lease = leases.iter_mut().find(|lease| lease.key == key);
        let lease = lease.ok_or(RentError::NoSuchRental)?;
        change(lease);
        Ok(lease.clone())
    }

    fn states(&self) -> Vec<String> {
        let leases = self.leases.lock().unwrap();
        leases.iter().map(|lease| lease.state.clone()).collect()
    }
}

#[async_trait]
impl Landlord for OneMachine {
    async fn listings(&self) -> Vec<Listing> {
        if self.states().iter().any(|state| state == "running") {
            return Vec::new();
        }
        vec![Listing {
            machine: String::new(),
            adapter: "provider-local".to_owned(),
            offer: Offer {
                id: "this".to_owned(),
                hardware: hardware(),
                region: String::new(),
                price_micro_usd_per_hour: 1,
                interruptible: false,
                labels: Vec::new(),
            },
            price_micro_usd_per_hour: 1,
        }]
    }
    async fn rent(&self, _: &Renter, request: RentRequest) -> Result<Lease, RentError> {
        if let Ok(known) = self.change(&request.key, |_| {}) {
            return Ok(known);
        }
        let lease = Lease {
            key: request.key,
            machine: request.machine,
            state: "running".to_owned(),
            reason: None,
            ssh: None,
            hardware: hardware(),
            price_micro_usd_per_hour: 1,
            began_at: 0,
            ends_at: request.duration_s,
        };
        self.leases.lock().unwrap().insert(0, lease.clone());
        Ok(lease)
    }
    async fn inspect(&self, _: &Renter, key: &str) -> Result<Lease, RentError> {
        let is_ready = !self.never_ready;
        self.change(key, |lease| lease.ssh = is_ready.then(ssh))
    }
    async fn extend(&self, _: &Renter, _: &str, _: u64) -> Result<Lease, RentError> {
        Err(RentError::NoSuchRental)
    }
    async fn end(&self, _: &Renter, key: &str) -> Result<Lease, RentError> {
        self.change(key, |lease| lease.state = "ended".to_owned())
    }
    async fn leases(&self, _: &Renter) -> Result<Vec<Lease>, RentError> {
        Ok(self.leases.lock().unwrap().clone())
    }
    async fn machines(&self) -> Vec<OfferedMachine> {
        Vec::new()
    }
    async fn rentals(&self) -> Result<Vec<Rental>, RentError> {
        Ok(Vec::new())
    }
    async fn act(&self, _: &Renter, _: &str, act: Act) -> Result<(), RentError> {
        self.acts.lock().unwrap().push(act);
        Ok(())
    }
}

fn renter() -> AccountId {
    AccountId([7; 32])
}

fn at_once() -> AllocateOptions {
    AllocateOptions {
        ready_time: Duration::ZERO,
        look_every: Duration::ZERO,
    }
}

fn patient() -> AllocateOptions {
    AllocateOptions {
        look_every: Duration::ZERO,
        ..AllocateOptions::default()
    }
}

fn allocations(landlord: &Arc<OneMachine>) -> Allocations {
    Allocations::new(landlord.clone(), patient())
}

/// Made once: it takes a while.
static KEY_PAIR: LazyLock<(RsaPrivateKey, String)> = LazyLock::new(|| key_pair(2048));

fn good() -> (RsaPrivateKey, String) {
    KEY_PAIR.clone()
}

fn key_pair(bits: usize) -> (RsaPrivateKey, String) {
    let private = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
    let public = private.to_public_key();
    let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
    (private, pem)
}

fn fields(public_key: &str, changes: Vec<(&str, Value)>) -> Fields {
    let docker = Value::dict([("ssh_key", "ssh-ed25519 AAAA me".into())]);
    let mut fields = Fields(vec![
        ("timeline".to_owned(), Value::Int(1)),
        ("checking".to_owned(), Value::Bool(false)),
        ("public_key".to_owned(), public_key.into()),
        ("docker_requirement".to_owned(), docker),
    ]);
    for (name, value) in changes {
        fields.set(name, value);
    }
    fields
}

async fn ask(allocations: &Allocations, fields: Fields) -> Value {
    let answered = allocations.answer(&renter(), fields, Ok(())).await;
    answered.get("output").unwrap().clone()
}

fn status(output: &Value) -> bool {
    output.member("status") == Some(&Value::Bool(true))
}

fn message(output: &Value) -> &str {
    output.member("message").and_then(Value::text).unwrap()
}

#[tokio::test]
async fn what_is_allocated_is_sealed_for_the_caller_and_given_back_by_its_key() {
    let landlord = Arc::new(OneMachine::default());
    let allocations = allocations(&landlord);
    let (private, pem) = good();
    let output = ask(&allocations, fields(&pem, vec![])).await;
    assert!(status(&output), "{output:?}");
    let sealed = output.member("info").and_then(Value::text).unwrap();
    let sealed = base64::engine::general_purpose::STANDARD.decode(sealed);
    let info = private.decrypt(Oaep::new::<Sha256>(), &sealed.unwrap());
    let info: serde_json::Value = serde_json::from_slice(&info.unwrap()).unwrap();
    assert_eq!(
        (&info["username"], &info["port"]),
        (&"root".into(), &4444.into())
    );
    assert_eq!(info["password"], "");

    let probe = vec![("checking", Value::Bool(true))];
    assert!(!status(&ask(&allocations, fields(&pem, probe)).await));
    let check = vec![("checking", Value::Bool(true)), ("timeline", Value::Int(0))];
    assert!(status(&ask(&allocations, fields(&pem, check)).await));
    let back = || vec![("timeline", Value::Int(0))];
    let refused = ask(&allocations, fields("another key", back())).await;
    assert!(message(&refused).contains("allocation key mismatch"));
    assert!(status(&ask(&allocations, fields(&pem, back())).await));
    assert_eq!(landlord.states(), ["ended"]);
    assert!(!status(&ask(&allocations, fields(&pem, back())).await));
    assert!(status(&ask(&allocations, fields(&pem, vec![])).await));
    assert_eq!(landlord.states(), ["running", "ended"]);
}

#[tokio::test]
async fn one_key_allocates_once() {
    let landlord = Arc::new(OneMachine::default());
    let allocations = allocations(&landlord);
    let (_, pem) = good();
    assert!(status(&ask(&allocations, fields(&pem, vec![])).await));
    assert!(status(&ask(&allocations, fields(&pem, vec![])).await));
    assert_eq!(landlord.states(), ["running"]);
}

#[tokio::test]
async fn what_cannot_be_sealed_or_logged_in_to_is_not_rented() {
    let landlord = Arc::new(OneMachine::default());
    let allocations = allocations(&landlord);
    let (_, small) = key_pair(1024);
    let (private, good) = good();
    let pkcs1 = private.to_public_key().to_pkcs1_pem(LineEnding::LF);
    assert!(Seal::read(&pkcs1.unwrap()).is_ok());
    let huge = format!("-----BEGIN PUBLIC KEY-----\n{}\n", "A".repeat(10_000));
    for pem in ["", "no key", &small, &huge, &good.replace('M', "N")] {
        let output = ask(&allocations, fields(pem, vec![])).await;
        assert!(message(&output).contains("public_key"), "{output:?}");
    }
    let without = vec![("docker_requirement", Value::Dict(Vec::new()))];
    let output = ask(&allocations, fields(&good, without)).await;
    assert!(message(&output).contains("ssh_key"), "{output:?}");
    let lines = Value::dict([("ssh_key", "ssh-rsa A\nssh-rsa B".into())]);
    let output = ask(
        &allocations,
        fields(&good, vec![("docker_requirement", lines)]),
    )
    .await;
    assert!(message(&output).contains("one line"), "{output:?}");
    let large = Value::dict([("cpu", Value::dict([("count", Value::Int(5))]))]);
    let output = ask(
        &allocations,
        fields(&good, vec![("device_requirement", large)]),
    )
    .await;
    assert!(message(&output).contains("too little: cpu"), "{output:?}");
    let long = vec![("timeline", Value::Int(i128::MAX))];
    assert!(!status(&ask(&allocations, fields(&good, long)).await));
    assert!(landlord.states().is_empty());
}

#[tokio::test]
async fn what_is_not_ready_in_time_is_given_back() {
    let landlord = Arc::new(OneMachine {
        never_ready: true,
        ..OneMachine::default()
    });
    let allocations = Allocations::new(landlord.clone(), at_once());
    let (_, pem) = good();
    let output = ask(&allocations, fields(&pem, vec![])).await;
    assert!(message(&output).contains("in time"), "{output:?}");
    assert_eq!(landlord.states(), ["ended"]);
}

/// A rental under a public key, the so many-th.
async fn rented(landlord: &OneMachine, pem: &str, number: u64) {
    let key = format!("{}-{number}", stem(pem));
    let request = request(key, "ssh-ed25519 AAAA me".to_owned(), 86_400, false);
    let renter = Renter::Hotkey(renter());
    landlord.rent(&renter, request).await.unwrap();
}

#[tokio::test]
async fn what_only_starts_again_is_not_given_back() {
    let landlord = Arc::new(OneMachine {
        never_ready: true,
        ..OneMachine::default()
    });
    let (_, pem) = good();
    rented(&landlord, &pem, 0).await;
    let allocations = Allocations::new(landlord.clone(), at_once());
    let output = ask(&allocations, fields(&pem, vec![])).await;
    assert!(message(&output).contains("in time"), "{output:?}");
    assert_eq!(landlord.states(), ["running"]);
}

#[tokio::test]
async fn a_key_is_new_though_the_oldest_rentals_are_forgotten() {
    let landlord = Arc::new(OneMachine::default());
    let (_, pem) = good();
    rented(&landlord, &pem, 7).await;
    let key = format!("{}-7", stem(&pem));
    let renter = Renter::Hotkey(renter());
    landlord.end(&renter, &key).await.unwrap();
    assert!(status(
        &ask(&allocations(&landlord), fields(&pem, vec![])).await
    ));
    let newest = landlord.leases.lock().unwrap()[0].key.clone();
    assert_eq!(newest, format!("{}-8", stem(&pem)));
}

#[tokio::test]
async fn an_allocation_that_nobody_waits_for_is_given_back() {
    let landlord = Arc::new(OneMachine::default());
    let order = Order {
        landlord: landlord.clone(),
        renter: Renter::Hotkey(renter()),
        request: request("k".to_owned(), "ssh-rsa A".to_owned(), 1, false),
        is_new: true,
        options: patient(),
    };
    let turns = Arc::new(Mutex::new(()));
    let turn = turns.clone().try_lock_owned().unwrap();
    let mut placing = Box::pin(order.place(turn));
    // Begun, and then its caller hangs up.
    assert!(futures::poll!(placing.as_mut()).is_pending());
    drop(placing);
    let _done = turns.lock().await;
    assert_eq!(landlord.states(), ["ended"]);
}

#[tokio::test]
async fn actions_reach_the_landlord_and_unknown_ones_do_not() {
    let landlord = Arc::new(OneMachine::default());
    let allocations = allocations(&landlord);
    let (_, pem) = good();
    assert!(status(&ask(&allocations, fields(&pem, vec![])).await));
    let act = async |public_key: &str, action: &str| {
        let action = Value::dict([
            ("action", action.into()),
            ("ssh_key", "ssh-ed25519 BBBB".into()),
            ("key_type", "user".into()),
        ]);
        let change = vec![
            ("docker_change", Value::Bool(true)),
            ("docker_action", action),
        ];
        ask(&allocations, fields(public_key, change)).await
    };
    for action in ["exchange_key", "restart", "pause", "unpause", "resume"] {
        assert!(status(&act(&pem, action).await), "{action}");
    }
    assert!(!status(&act("another", "pause").await));
    assert!(message(&act(&pem, "format").await).contains("docker_action.action"));
    let exchanged = Act::ExchangeKey {
        ssh_public_key: "ssh-ed25519 BBBB".to_owned(),
    };
    let acts = landlord.acts.lock().unwrap();
    assert_eq!(
        *acts,
        [
            exchanged,
            Act::Restart,
            Act::Pause,
            Act::Resume,
            Act::Resume
        ]
    );
}

#[tokio::test]
async fn who_may_not_rent_is_told_so_and_rents_nothing() {
    let landlord = Arc::new(OneMachine::default());
    let no = Err(RentError::Forbidden("no permit".to_owned()));
    let answered = allocations(&landlord)
        .answer(&renter(), fields("x", vec![]), no)
        .await;
    assert!(message(answered.get("output").unwrap()).contains("no permit"));
    assert!(landlord.states().is_empty());
}
