//! Development keys, a fake service, a running axon, and raw sockets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use host::subnet::address::AddressPolicy;
use host::subnet::hardware::Hardware;
use host::subnet::key::{AccountId, Scheme, Signature, Signer};
use host::subnet::scoring::OfferedMachine;
use host::subnet::wire::{
    Described, Description, Peer, Refusal, Service, TaskReceived, TaskRequest, Wire,
};
use host::synapse::clock::Clock;
use host::synapse::verify::Arrived;
use host::synapse::{AxonOptions, DendriteOptions, HttpDendrite, btauth, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A key of the development phrase.
pub(crate) struct DevKey(schnorrkel::Keypair);

impl DevKey {
    fn new(seed: &str) -> Arc<Self> {
        let seed = hex::decode(seed).unwrap();
        let mini = schnorrkel::MiniSecretKey::from_bytes(&seed).unwrap();
        let mode = schnorrkel::ExpansionMode::Ed25519;
        Arc::new(Self(mini.expand_to_keypair(mode)))
    }
}

impl Signer for DevKey {
    fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

/// `//Alice`, the validator of these tests.
pub(crate) fn alice() -> Arc<DevKey> {
    DevKey::new("e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")
}

/// An ed25519 key of the development phrase.
pub(crate) struct Ed25519Key(ed25519_dalek::SigningKey);

impl Signer for Ed25519Key {
    fn account(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }

    fn scheme(&self) -> Scheme {
        Scheme::Ed25519
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(ed25519_dalek::Signer::sign(&self.0, message).to_bytes())
    }
}

/// `//Alice`, had it been made for ed25519.
pub(crate) fn alice_ed25519() -> Arc<Ed25519Key> {
    let seed = hex::decode("abf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115");
    let seed: [u8; 32] = seed.unwrap().try_into().unwrap();
    Arc::new(Ed25519Key(seed.into()))
}

/// `//Bob`, the miner of these tests.
pub(crate) fn bob() -> Arc<DevKey> {
    DevKey::new("398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89")
}

/// So many others.
pub(crate) fn keys(count: u8) -> Vec<Arc<DevKey>> {
    let seed = |n: u8| hex::encode([n; 32]);
    (0..count).map(|n| DevKey::new(&seed(100 + n))).collect()
}

/// Somebody else.
pub(crate) fn charlie() -> Arc<DevKey> {
    DevKey::new("0707070707070707070707070707070707070707070707070707070707070707")
}

/// Stands where the test puts it.
#[derive(Debug, Default)]
pub(crate) struct StillClock(pub(crate) AtomicU64);

impl Clock for StillClock {
    fn unix_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

type Solve = dyn Fn(&TaskReceived) -> Result<Vec<u8>, Refusal> + Send + Sync;

/// Welcomes Alice and does with tasks what the test says.
pub(crate) struct FakeService {
    solve: Box<Solve>,
    /// The sessions whose end was said.
    pub(crate) ended: Mutex<Vec<String>>,
}

impl FakeService {
    pub(crate) fn new(
        solve: impl Fn(&TaskReceived) -> Result<Vec<u8>, Refusal> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            solve: Box::new(solve),
            ended: Mutex::default(),
        })
    }

    /// Answers with the payload, backwards.
    pub(crate) fn reversing() -> Arc<Self> {
        Self::new(|task| Ok(task.payload.iter().rev().copied().collect()))
    }
}

pub(crate) fn description() -> Description {
    Description {
        software: "fake/1".to_owned(),
        machines: vec![OfferedMachine {
            id: String::new(),
            claimed: Hardware::default(),
            price_micro_usd_per_hour: 5,
            rented_permille: 0,
            labels: Vec::new(),
        }],
        solvers: vec!["echo".to_owned()],
        metrics: Vec::new(),
    }
}

/// The same as it comes from an axon that signs.
pub(crate) fn described() -> Described {
    Described {
        description: description(),
        wire: Wire::Signed,
    }
}

#[async_trait]
impl Service for FakeService {
    fn admit(&self, caller: &AccountId) -> Result<(), Refusal> {
        if [alice().account(), alice_ed25519().account()].contains(caller) {
            Ok(())
        } else {
            Err(Refusal::Forbidden("validators only".to_owned()))
        }
    }

    async fn describe(&self, _caller: &AccountId) -> Result<Description, Refusal> {
        Ok(description())
    }

    async fn challenge(&self, _caller: &AccountId, task: TaskReceived) -> Result<Vec<u8>, Refusal> {
        (self.solve)(&task)
    }

    async fn end_session(&self, _caller: &AccountId, session: &str) {
        self.ended.lock().unwrap().push(session.to_owned());
    }
}

/// An axon on loopback, Bob's unless said otherwise.
pub(crate) struct Axon {
    hotkey: AccountId,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Axon {
    pub(crate) async fn start(options: AxonOptions) -> Self {
        Self::serve(options, FakeService::reversing()).await
    }

    pub(crate) async fn serve(options: AxonOptions, service: Arc<dyn Service>) -> Self {
        Self::serve_as(bob(), options, service).await
    }

    pub(crate) async fn serve_as(
        signer: Arc<dyn Signer>,
        options: AxonOptions,
        service: Arc<dyn Service>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let hotkey = signer.account();
        // A test's axon may serve from its first moment; nothing was before it.
        let options = AxonOptions {
            started_unix_ns: 0,
            ..options
        };
        let task = tokio::spawn(serve(listener, options, service, signer, shutdown));
        Self {
            hotkey,
            address,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer {
            hotkey: self.hotkey,
            address: self.address,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take();
    }

    /// Fails unless an honest caller is still served.
    pub(crate) async fn assert_serves(&self) {
        use host::subnet::wire::Dendrite as _;
        assert_eq!(dendrite().describe(&self.peer()).await, Ok(described()));
    }
}

/// Alice's dendrite, allowed to call loopback.
pub(crate) fn dendrite() -> HttpDendrite {
    HttpDendrite::new(alice(), loopback_options())
}

pub(crate) fn loopback_options() -> DendriteOptions {
    DendriteOptions {
        addresses: AddressPolicy::AllowPrivate,
        ..DendriteOptions::default()
    }
}

pub(crate) fn task(payload: &[u8]) -> TaskRequest<'_> {
    TaskRequest {
        session: "s-1",
        step: 0,
        solver: "echo",
        payload,
        timeout: PATIENCE,
    }
}

/// The headers of a request, each with its line end.
pub(crate) fn signed_by(
    key: &dyn Signer,
    target: &str,
    body: &[u8],
    receiver: &AccountId,
    nonce: u64,
) -> String {
    let arrived = Arrived {
        method: "POST",
        target,
        body,
    };
    btauth::sign(key, arrived, receiver, nonce)
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect()
}

/// A request head by Alice to Bob, signed now over `body`.
pub(crate) fn head(target: &str, body: &[u8], more: &str) -> String {
    let proof = signed_by(alice().as_ref(), target, body, &bob().account(), now_ns());
    format!("POST {target} HTTP/1.1\r\nhost: x\r\n{proof}{more}\r\n")
}

/// Sends `bytes` and reads until the other end closes.
pub(crate) async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may well close before it has taken everything.
    let _ = stream.write_all(bytes).await;
    listen(&mut stream).await
}

/// Reads until the other end closes.
pub(crate) async fn listen(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let all = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said));
    let _ = all.await.expect("the other end closes in time");
    String::from_utf8_lossy(&said).into_owned()
}

pub(crate) fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}
