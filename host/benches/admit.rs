//! What admission costs cold and warm, and how soon a node answers.
//!
//! `cargo bench -p host --bench admit` prints, for each component the binary
//! carries, the time from its bytes to an active plugin: compiled in a child
//! process, and from the cache. Then the time from the start of a miner's process
//! to the first answer of its axon, with nothing cached and with everything.
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
use host::plugin::{self, Compilation, Config, Engine, Limits, Registry, Workshop};
use host::subnet::events::Unobserved;

const ROUNDS: usize = 9;
const HOST: &str = env!("CARGO_BIN_EXE_host");
/// Between two attempts to reach a node that starts.
const KNOCK: Duration = Duration::from_millis(1);

fn main() {
    for component in builtin::all() {
        admission(&component);
    }
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
    let workshop = Workshop {
        compilation: Compilation::Child(plugin::Child::of(Path::new(HOST))),
        cache: cache.map(Path::to_owned),
    };
    let engine = Engine::with(Limits::default(), workshop).unwrap();
    let state = tempfile::tempdir().unwrap();
    let config = Config {
        state_folder: state.path().to_owned(),
        worlds: vec![component.world],
        builtins: vec![component.clone()],
        settings: Default::default(),
        data: Default::default(),
        limits: Default::default(),
        trust: Default::default(),
        accelerator: None,
        observer: Arc::new(Unobserved),
    };
    let begun = Instant::now();
    Registry::open(engine, config).unwrap();
    begun.elapsed()
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
