//! The classic `Allocate` on a whole node: a Dendrite of bittensor 10.5.0 has done to
//! a real container what the original's validators do, and its renter logs in.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use host::subnet::key::Signer as _;
use host::subnet::provider::SshEndpoint;
use host::wallet::Hotkey;
use serde_json::Value;

use super::engine;
use super::stage::{renters_key, ssh};
use crate::node::process::Field;
use crate::python;
use crate::rentals::docker::OnDocker;
use crate::rentals::node::{Node, PATIENCE};

const KEY: &str = "//Eve";
const LISTENS: &str = "the axon listens";

/// The original's validator.
struct Validator {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Validator {
    /// `None` where bittensor is not installed.
    fn new(port: &str, home: &Path, keys: [&str; 2]) -> Option<Self> {
        let mut command = python::script(python::V10, "allocate_container.py")?;
        let miner = Hotkey::development(KEY).unwrap().account().to_ss58();
        command.args([port, &miner]).args(keys).env("HOME", home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Some(Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    fn asks(&mut self, word: &str) -> Value {
        writeln!(self.input, "{word}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{word}: {line:?}"))
    }

    fn yes(&mut self, word: &str) -> Value {
        let answer = self.asks(word);
        assert_eq!(answer["status"], true, "{word}: {answer}");
        answer
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port that the node's axon got.
fn port(node: &Node<'_>) -> String {
    let begun = Instant::now();
    loop {
        let log = node.log();
        let said = log.split_once(LISTENS).map(|(_, rest)| rest.to_owned());
        let port = said.and_then(|rest| {
            let (_, place) = rest.split_once("listening=")?;
            let place = place.split_whitespace().next()?.to_owned();
            Some(place.rsplit_once(':')?.1.to_owned())
        });
        if let Some(port) = port {
            return port;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A folder with a key of its own, and the key's public half.
fn renter(home: &Path, name: &str) -> (std::path::PathBuf, String) {
    let folder = home.join(name);
    std::fs::create_dir(&folder).unwrap();
    let public = std::fs::read_to_string(renters_key(&folder)).unwrap();
    (folder, public.trim().to_owned())
}

fn endpoint(answer: &Value) -> SshEndpoint {
    SshEndpoint {
        host: answer["host"].as_str().unwrap().to_owned(),
        port: u16::try_from(answer["port"].as_u64().unwrap()).unwrap(),
        user: "root".to_owned(),
        host_key: Some(answer["host_key"].as_str().unwrap().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allocation_of_the_original_s_is_a_container_that_is_acted_upon() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let field = Field::new("1000", "100");
    let home = tempfile::tempdir().unwrap();
    let alice = Hotkey::development("//Alice").unwrap().account().to_ss58();
    let world = OnDocker::with_parts(engine, home.path(), KEY, 1);
    let rents = format!("[rentals]\nallocate = true\nrenters = [{alice:?}]\n");
    let config = world.config().replace("[rentals]\n", &rents);
    let register = "register = true\nregister-limit-rao = 1_000_000_000\n";
    let mut node = Node::new(home.path(), &field.url, KEY, &[register, &config].concat());
    node.start();
    let (first, first_key) = renter(home.path(), "first");
    let (other, other_key) = renter(home.path(), "other");
    let keys = [&*first_key, &*other_key];
    let Some(mut validator) = Validator::new(&port(&node), home.path(), keys) else {
        return;
    };

    let at = endpoint(&validator.yes("allocate"));
    let opens = |folder: &Path| ssh(folder, &at, "echo in").stdout == b"in\n";
    assert!(opens(&first) && !opens(&other), "{}", node.log());
    validator.yes("exchange_key");
    assert!(!opens(&first) && opens(&other), "{}", node.log());
    validator.yes("pause");
    let told = validator.asks("check");
    assert_eq!(told["message"], "Container is not running.", "{told}");
    let paused = node.rentals().unwrap();
    assert_eq!(paused[0].state(), "paused");
    validator.yes("unpause");
    validator.yes("check");
    validator.yes("restart");
    let again = endpoint(&validator.yes("allocate"));
    assert_eq!(again, at);
    assert!(!opens(&first) && opens(&other), "{}", node.log());
    validator.yes("pause");
    validator.yes("deallocate");
    world.is_left_clean();
}
