//! What admission costs cold and warm, and how soon a node answers.
//!
//! `cargo bench -p host --bench admit` prints, for each component the binary
//! carries, the time from its bytes to an active plugin: compiled in a child
//! process, and from the cache; for a policy of 100 KiB the same from a file that
//! changed, as a swap or the folder that is watched takes it. Then the time from
//! the start of a miner's process to the first answer of its axon, with nothing
//! cached and with everything.
//! Medians; the machine's other work is in them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use host::plugin::builtin::{self, BuiltIn};
use host::plugin::package::PackageSource as _;
use host::plugin::{
    self, Approval, Compilation, Config, Engine, FileSource, Limits, Registry, Workshop,
};
use host::subnet::events::Unobserved;
use host::subnet::plugin::{Plugins as _, World};

const ROUNDS: usize = 9;
const HOST: &str = env!("CARGO_BIN_EXE_host");
/// Between two attempts to reach a node that starts.
const KNOCK: Duration = Duration::from_millis(1);

fn main() {
    // An adapter is admitted where it was granted what it wants, and costs the same.
    let all = builtin::all().into_iter();
    for component in all.filter(|component| component.world != World::ProviderAdapter) {
        admission(&component);
    }
    changed_file();
    start();
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn admission(component: &BuiltIn) {
    let cold = median((0..ROUNDS).map(|_| admit(component, None)).collect());
    let cache = tempfile::tempdir().unwrap();
    admit(component, Some(cache.path()));
    let warm = (0..ROUNDS).map(|_| admit(component, Some(cache.path())));
    let warm = median(warm.collect());
    println!(
        "{}, {} KiB: admitted in {cold:.1} ms compiled in a child, {warm:.1} ms from the cache",
        component.name,
        component.bytes.len() >> 10
    );
}

/// From bytes to active, the engine standing already.
fn admit(component: &BuiltIn, cache: Option<&Path>) -> Duration {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(cache);
    let config = config(component, state.path());
    let begun = Instant::now();
    Registry::open(engine, config).unwrap();
    begun.elapsed()
}

fn registry(component: &BuiltIn, folder: &Path, cache: Option<&Path>) -> Registry {
    Registry::open(engine(cache), config(component, &folder.join("state"))).unwrap()
}

fn engine(cache: Option<&Path>) -> Engine {
    let workshop = Workshop {
        compilation: Compilation::Child(plugin::Child::of(Path::new(HOST))),
        cache: cache.map(Path::to_owned),
    };
    Engine::with(Limits::default(), workshop).unwrap()
}

fn config(component: &BuiltIn, state_folder: &Path) -> Config {
    Config {
        state_folder: state_folder.to_owned(),
        worlds: vec![component.world],
        builtins: vec![component.clone()],
        settings: Default::default(),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        accelerator: None,
        outside: Default::default(),
        observer: Arc::new(Unobserved),
    }
}

/// How a file came to have a digest that the running policy has not.
#[derive(Clone, Copy)]
enum Change {
    /// Never seen before.
    New(u8),
    /// Seen by the node that ran before this one.
    Kept,
}

/// From a file that was written this moment to the plugin that takes its calls.
fn changed_file() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let take = |change| runtime.block_on(take_over(cache.path(), change));
    take(Change::Kept);
    let cold = (0..ROUNDS).map(|round| take(Change::New(u8::try_from(round).unwrap())));
    let cold = median(cold.collect());
    let warm = median((0..ROUNDS).map(|_| take(Change::Kept)).collect());
    println!(
        "{}, {} KiB: from a changed file to the active policy in {cold:.1} ms compiled in a child, \
         {warm:.1} ms from the cache (goal: 5)",
        builtin::score_compute().name,
        builtin::score_compute().bytes.len() >> 10
    );
}

/// In a node that has just started, so that nothing is in memory.
async fn take_over(cache: &Path, change: Change) -> Duration {
    let component = builtin::score_compute();
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&component, folder.path(), Some(cache));
    let path = folder.path().join("policy.wasm");
    let note = match change {
        Change::New(round) => [0, 4, 1, b'n', 1, round],
        Change::Kept => [0, 4, 1, b'n', 0, 0],
    };
    std::fs::write(&path, [&component.bytes, note.as_slice()].concat()).unwrap();
    let bytes_max = Limits::default().component_bytes_max;
    let approval = Approval::Pin { by: "bench".into() };
    let begun = Instant::now();
    let package = FileSource { path, bytes_max }.fetch().unwrap();
    let swapped = registry.offer("policy", package, approval).await.unwrap();
    let elapsed = begun.elapsed();
    assert_eq!(registry.policy().unwrap().id(), &swapped.to);
    elapsed
}

/// A process that does not outlive its figure.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn host(home: &Path) -> Command {
    let mut command = Command::new(HOST);
    command.env_clear().env("HOME", home).stdin(Stdio::null());
    command
}

fn start() {
    let home = tempfile::tempdir().unwrap();
    let mut chain = host(home.path());
    chain.args(["devchain", "--allow-loopback", "--listen", "127.0.0.1:0"]);
    let mut chain = Running(chain.stdout(Stdio::piped()).spawn().unwrap());
    let mut said = String::new();
    let stdout = chain.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut said).unwrap();
    let url = said
        .split_whitespace()
        .find(|word| word.starts_with("ws://"))
        .unwrap();
    let cold = (0..ROUNDS).map(|round| first_answer(home.path(), url, &format!("cold-{round}")));
    let cold = median(cold.collect());
    first_answer(home.path(), url, "warm");
    let warm = (0..ROUNDS).map(|_| first_answer(home.path(), url, "warm"));
    let warm = median(warm.collect());
    println!(
        "from process start to the first answer: {cold:.0} ms with nothing cached, {warm:.0} ms from the cache"
    );
}

/// Any answer will do: the axon stands once the plugins do.
fn first_answer(home: &Path, url: &str, state: &str) -> Duration {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let port = address.port().to_string();
    let mut miner = host(home);
    miner.args(["run", "--role", "miner", "--netuid", "1"]);
    miner.args(["--subtensor.network", url, "--wallet.name", "//Bob"]);
    miner.args(["--axon.ip", "127.0.0.1", "--axon.port", &port]);
    miner.args(["--register", "--register-limit-rao", "1000000000"]);
    miner.args(["--metrics-listen", "off", "--state-folder"]);
    miner.arg(home.join(state)).stderr(Stdio::null());
    let begun = Instant::now();
    let _miner = Running(miner.spawn().unwrap());
    while !answers(address) {
        sleep(KNOCK);
    }
    begun.elapsed()
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = b"GET /health HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n";
    let mut answer = [0; 5];
    stream.write_all(request).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"HTTP/"
}
