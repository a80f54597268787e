//! `kill -9` while machines are rented, extended and ended.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use host::subnet::rental::Rental;

use super::cloud::{self, Account};
use crate::node::process::{Running, host};
use crate::plugin::support::PROVIDER;

/// A slow machine under load needs this long for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(180);
const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

struct Node<'a> {
    home: &'a Path,
    running: Option<Running>,
}

impl Node<'_> {
    /// Starts the node, and waits until it answers its operator.
    fn start(&mut self) {
        let mut log = std::fs::OpenOptions::new();
        let log = log.create(true).append(true).open(self.home.join("log"));
        let log = log.unwrap();
        let mut command = host(self.home);
        command
            .args(["run", "--config"])
            .arg(self.home.join("miner.toml"));
        self.running = Some(Running::of(command.stderr(log).spawn().unwrap()));
        let begun = Instant::now();
        while !self.ask(&["status"]).status.success() {
            assert!(begun.elapsed() < PATIENCE, "never up: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = host(self.home);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.home.join("miner.toml"));
        command
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Asks without waiting for the answer.
    fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// The orders that the ledger says are paid for; `None` while one is in doubt.
    fn settled(&self) -> Option<Vec<String>> {
        let listed = self.ask(&["rental", "list", "--live", "--json"]);
        let rentals: Vec<Rental> = serde_json::from_slice(&listed.stdout).ok()?;
        let running = |rental: &Rental| rental.phase.as_str() == "running";
        let mut keys: Vec<String> = rentals.iter().map(|it| it.order_key.clone()).collect();
        keys.sort();
        rentals.iter().all(running).then_some(keys)
    }
}

fn configure(home: &Path, origin: &str) {
    let config = format!(
        "role = \"miner\"\nnetwork = \"ws://127.0.0.1:9\"\nnetuid = 1\nstate-folder = \"state\"\n\
         wallet.name = \"//Bob\"\nmetrics.listen = \"off\"\n\
         axon.ip = \"127.0.0.1\"\naxon.port = 0\n\
         [rentals]\nspend-per-day-micro-usd-max = 1_000_000_000\nrentals-max = 1_000\nsettle-s = 1\nreconcile-s = 2\n\
         [plugins.misbehave-provider.settings]\norigin = \"{origin}\"\n\
         [plugins.misbehave-provider.grant]\nprivate-origins = [\"{origin}\"]\n"
    );
    let state = home.join("state");
    let config = config.replace("\"state\"", &format!("{:?}", state.display().to_string()));
    std::fs::write(home.join("miner.toml"), config).unwrap();
    std::fs::write(home.join("adapter.wasm"), PROVIDER).unwrap();
    std::fs::write(home.join("key.pub"), SSH_KEY).unwrap();
}

fn times_asked(account: &Mutex<Account>, path: &str) -> u64 {
    let account = account.lock().unwrap();
    account.asked.get(path).copied().unwrap_or(0)
}

/// Waits until the cloud was asked once more; an order may also be one that the
/// node carries out by itself.
fn until_asked(account: &Mutex<Account>, path: &str, before: u64) {
    let begun = Instant::now();
    while times_asked(account, path) == before && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn succeeded(output: &Output, node: &Node<'_>) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{}", node.log());
}

#[test]
fn a_node_killed_ten_times_buys_nothing_twice_and_leaves_nothing_behind() {
    killed(10);
}

#[test]
#[ignore = "takes a quarter of an hour: cargo test -p host --test it -- --ignored rentals::kills"]
fn a_node_killed_two_hundred_times_buys_nothing_twice_and_leaves_nothing_behind() {
    killed(200);
}

/// At a moment of its own each time, while an order is under way.
fn killed(times: u64) {
    let home = tempfile::tempdir().unwrap();
    let (origin, account) = cloud::serve();
    configure(home.path(), &origin);
    let mut node = Node {
        home: home.path(),
        running: None,
    };
    node.start();
    let adapter = home.path().join("adapter.wasm").display().to_string();
    let swapped = node.ask(&["plugin", "swap", "misbehave-provider", &adapter, "--pin"]);
    succeeded(&swapped, &node);
    let key_file = home.path().join("key.pub").display().to_string();
    for round in 0..times {
        let key = format!("kill-{round}");
        let machine = "misbehave-provider/small";
        let order = [
            "rental",
            "order",
            machine,
            "--for",
            "1h",
            "--key",
            &key,
            "--ssh-key",
            &key_file,
            "--no-wait",
        ];
        let ordered = times_asked(&account, "/provision");
        let mut asked = vec![node.begin(&order)];
        if round % 3 == 2 {
            let before = format!("kill-{}", round - 1);
            asked.push(node.begin(&["rental", "end", &before]));
            let first = format!("kill-{}", round - 2);
            asked.push(node.begin(&["rental", "extend", &first, "--by", "1h"]));
        }
        // The request has arrived; its answer takes up to 120 ms, some fail.
        until_asked(&account, "/provision", ordered);
        std::thread::sleep(Duration::from_millis(17 * round % 190));
        node.kill();
        for mut child in asked {
            let _ = child.wait();
        }
        node.start();
    }
    let begun = Instant::now();
    loop {
        let alive = account.lock().unwrap().alive();
        if node.settled().as_ref() == Some(&alive) {
            break;
        }
        let told = format!("{:?} against {alive:?}: {}", node.settled(), node.log());
        assert!(begun.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let twice: Vec<_> = {
        let account = account.lock().unwrap();
        let twice = account.bought.iter().filter(|(_, times)| **times != 1);
        twice.map(|(key, _)| key.clone()).collect()
    };
    assert!(twice.is_empty(), "bought twice: {twice:?}");
    let orders = account.lock().unwrap().bought.len();
    assert!(orders >= 5, "the kills met {orders} orders");
    for order in node.settled().unwrap() {
        succeeded(&node.ask(&["rental", "end", &order]), &node);
    }
    let begun = Instant::now();
    while !account.lock().unwrap().alive().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "still paid for: {}", node.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}
