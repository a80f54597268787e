//! The axon under test, on a thread whose CPU time can be read.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use host::subnet::key::{AccountId, Signature, Signer, verify};
use host::subnet::synapse::{Declaration, Kind, Value};
use host::subnet::wire::{
    Description, Refusal, Service, SynapseAnswer, SynapseReceived, TaskReceived,
};
use host::synapse::replay::ReplayLimits;
use host::synapse::{AxonOptions, serve};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::client::Wire;

/// A key of a seed, 25519's digits being all the same.
pub(super) struct Key(schnorrkel::Keypair);

impl Key {
    pub(super) fn new(seed: u8) -> Arc<Self> {
        Self::of(&[seed; 32])
    }

    /// `//Bob`, whom Python's callers take the axon for.
    fn bob() -> Arc<Self> {
        let seed = "398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89";
        Self::of(&hex::decode(seed).unwrap())
    }

    fn of(seed: &[u8]) -> Arc<Self> {
        let mini = schnorrkel::MiniSecretKey::from_bytes(seed).unwrap();
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

    fn synapses(&self) -> Vec<Declaration> {
        let any = || Box::new(Kind::Any);
        vec![
            Declaration::new("Echo")
                .required("prompt", Kind::Text)
                .optional("n", Kind::Int, Value::Int(3))
                .optional("tags", Kind::List(any()), Value::List(Vec::new()))
                .optional("meta", Kind::any_dict(), Value::Dict(Vec::new()))
                .optional("answer", Kind::Text.or_none(), Value::None)
                .hashed(&["prompt", "n", "tags", "meta"]),
        ]
    }

    async fn synapse(
        &self,
        _: &AccountId,
        mut asked: SynapseReceived,
    ) -> Result<SynapseAnswer, Refusal> {
        asked.fields.set("answer", "yes".into());
        Ok(SynapseAnswer::Fields(asked.fields))
    }
}

pub(super) fn unlimited() -> ReplayLimits {
    ReplayLimits {
        nonces_per_hotkey_max: usize::MAX,
        ..ReplayLimits::default()
    }
}

/// Without limits that a benchmark would run into.
fn options() -> AxonOptions {
    AxonOptions {
        requests_per_second: u32::MAX,
        requests_burst: u32::MAX,
        replay: unlimited(),
        started_unix_ns: 0,
        ..AxonOptions::default()
    }
}

type Work = Box<dyn FnOnce() -> Duration + Send>;

pub(super) struct Server {
    address: SocketAddr,
    on_its_thread: tokio::sync::mpsc::Sender<(Work, mpsc::Sender<Duration>)>,
}

impl Server {
    pub(super) fn start() -> Self {
        let (address_out, address) = mpsc::channel();
        let (on_its_thread, mut work) =
            tokio::sync::mpsc::channel::<(Work, mpsc::Sender<Duration>)>(1);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_out.send(listener.local_addr().unwrap()).unwrap();
                let for_ever = std::future::pending();
                let (echo, key) = (Arc::new(Echo), Key::new(2));
                let axon = serve(listener, options(), echo, key, for_ever);
                let working = async {
                    while let Some((work, answer)) = work.recv().await {
                        answer.send(work()).unwrap();
                    }
                };
                tokio::join!(axon, working);
            });
        });
        Self {
            address: address.recv().unwrap(),
            on_its_thread,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn run(&self, work: impl FnOnce() -> Duration + Send + 'static) -> Duration {
        let (answer, answered) = mpsc::channel();
        let work = (Box::new(work) as Work, answer);
        assert!(self.on_its_thread.blocking_send(work).is_ok());
        answered.recv().unwrap()
    }

    pub(super) fn cpu_time(&self) -> Duration {
        self.run(thread_time)
    }

    /// The signatures that so many requests cannot do without.
    pub(super) fn bare(&self, wire: Wire, rounds: u32) -> Duration {
        self.run(move || {
            let key = Key::new(1);
            let message = [7; 300];
            let signature = key.sign(&message);
            let begun = thread_time();
            for _ in 0..rounds {
                assert!(verify(&key.account(), &message, &signature));
                if wire == Wire::Btauth {
                    std::hint::black_box(key.sign(&message));
                }
            }
            thread_time() - begun
        })
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// //Bob's axon on a free port, which it says as "listening PORT".
pub(super) fn serve_until_stdin_ends() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening {}", listener.local_addr().unwrap().port());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let shutdown = async {
            let _ = ended.await;
        };
        serve(listener, options(), Arc::new(Echo), Key::bob(), shutdown).await;
    });
}
