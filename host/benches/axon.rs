//! What a signed request costs an axon, against the signatures alone.
//!
//! An axon cannot do less than verify one signature and make one. The figure to
//! watch is the ratio of a whole request, over loopback with a warm connection
//! and the caller's half included, to both halves' bare signatures: a verify and
//! a sign at either end.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use host::subnet::challenge::Answer;
use host::subnet::key::{AccountId, Signature, Signer, verify};
use host::subnet::wire::{
    Dendrite as _, Description, Peer, Refusal, Service, TaskReceived, TaskRequest,
};
use host::synapse::btauth::{self, Btauth};
use host::synapse::clock::{Clock, SystemClock};
use host::synapse::replay::{ReplayLimits, ReplayStore};
use host::synapse::verify::{Arrived, Verifier};
use host::synapse::{AddressPolicy, AxonOptions, DendriteOptions, HttpDendrite, serve};
use hyper::header::HeaderMap;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const ROUNDS: u32 = 2000;
const PAYLOAD: &[u8] = &[7; 256];

struct Key(schnorrkel::Keypair);

impl Key {
    fn new(seed: u8) -> Arc<Self> {
        let mini = schnorrkel::MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
        let mode = schnorrkel::ExpansionMode::Ed25519;
        Arc::new(Self(mini.expand_to_keypair(mode)))
    }
}

impl Signer for Key {
    fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

struct Echo;

#[async_trait]
impl Service for Echo {
    fn admit(&self, _: &AccountId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn describe(&self, _: &AccountId) -> Result<Description, Refusal> {
        Ok(Description::default())
    }

    async fn challenge(&self, _: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal> {
        Ok(task.payload)
    }

    async fn end_session(&self, _: &AccountId, _: &str) {}
}

fn arrived() -> Arrived<'static> {
    Arrived {
        method: "POST",
        target: "/compute-subnet/1/challenge/s/0/echo/10000",
        body: PAYLOAD,
    }
}

fn bare(key: &Key) {
    let message = [7; 300];
    let signature = key.sign(&message);
    assert!(verify(&key.account(), black_box(&message), &signature));
}

/// An axon without limits that a benchmark would run into, and a dendrite.
async fn start() -> (HttpDendrite, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let miner = Key::new(2);
    let peer = Peer {
        hotkey: miner.account(),
        address: listener.local_addr().unwrap(),
    };
    let options = AxonOptions {
        requests_per_second: u32::MAX,
        requests_burst: u32::MAX,
        replay: unlimited(),
        ..AxonOptions::default()
    };
    let for_ever = std::future::pending();
    tokio::spawn(serve(listener, options, Arc::new(Echo), miner, for_ever));
    let options = DendriteOptions {
        addresses: AddressPolicy::AllowPrivate,
        ..DendriteOptions::default()
    };
    (HttpDendrite::new(Key::new(1), options), peer)
}

fn unlimited() -> ReplayLimits {
    ReplayLimits {
        nonces_per_hotkey_max: usize::MAX,
        ..ReplayLimits::default()
    }
}

async fn request(dendrite: &HttpDendrite, peer: &Peer) {
    let task = TaskRequest {
        session: "s",
        step: 0,
        solver: "echo",
        payload: PAYLOAD,
        timeout: Duration::from_secs(10),
    };
    let (answer, _) = dendrite.challenge(peer, task).await;
    assert_eq!(answer, Answer::Payload(PAYLOAD.to_vec()));
}

fn ratio(runtime: &Runtime, key: &Key, dendrite: &HttpDendrite, peer: &Peer) {
    let begun = Instant::now();
    (0..ROUNDS).for_each(|_| bare(key));
    let bare = begun.elapsed() / ROUNDS;
    let begun = Instant::now();
    runtime.block_on(async {
        for _ in 0..ROUNDS {
            request(dendrite, peer).await;
        }
    });
    let whole = begun.elapsed() / ROUNDS;
    // Both ends verify one signature and make one.
    let ratio = whole.as_secs_f64() / (2.0 * bare.as_secs_f64());
    println!("bare verify and sign {bare:?}, a request, both ends {whole:?}, ratio {ratio:.2}");
}

fn axon(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (dendrite, peer) = runtime.block_on(start());
    let key = Key::new(1);
    ratio(&runtime, &key, &dendrite, &peer);

    criterion.bench_function("bare verify and sign", |b| b.iter(|| bare(&key)));
    criterion.bench_function("verify a request", |b| {
        let clock = Arc::new(SystemClock);
        let replays = ReplayStore::new(unlimited());
        let me = Key::new(2).account();
        let verifier = Verifier::new(&me, vec![Box::new(Btauth)], clock, 0, replays);
        b.iter_batched(
            || btauth::sign(key.as_ref(), arrived(), &me, SystemClock.unix_ns()),
            |headers| {
                let headers: HeaderMap = headers.into_iter().collect();
                verifier.verify(&headers, arrived()).unwrap()
            },
            criterion::BatchSize::SmallInput,
        );
    });
    criterion.bench_function("a request, both ends", |b| {
        b.iter(|| runtime.block_on(request(&dendrite, &peer)));
    });
}

criterion_group!(benches, axon);
criterion_main!(benches);
