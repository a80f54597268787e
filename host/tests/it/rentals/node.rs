//! A miner that lets machines: a process, and what its operator types.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use host::subnet::rental::Rental;

use crate::node::process::{Running, host};

/// A slow machine under load needs this long for what takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Nobody listens there: rentals go on without a chain.
pub(super) const NO_NETWORK: &str = "ws://127.0.0.1:9";

pub(crate) struct Node<'a> {
    home: &'a Path,
    running: Option<Running>,
}

impl<'a> Node<'a> {
    /// What mines with the development key `key`, and is told `more`; not started yet.
    pub(crate) fn new(home: &'a Path, network: &str, key: &str, more: &str) -> Self {
        let state = home.join("state").display().to_string();
        let config = format!(
            "role = \"miner\"\nnetwork = \"{network}\"\nnetuid = 1\nstate-folder = {state:?}\n\
             wallet.name = \"{key}\"\nmetrics.listen = \"off\"\n\
             axon.ip = \"127.0.0.1\"\naxon.port = 0\n{more}"
        );
        std::fs::write(home.join("miner.toml"), config).unwrap();
        Self {
            home,
            running: None,
        }
    }

    /// Starts the node, and waits until it answers its operator.
    pub(crate) fn start(&mut self) {
        self.spawn();
        let begun = Instant::now();
        while !self.ask(&["status"]).status.success() {
            assert!(begun.elapsed() < PATIENCE, "never up: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the node, and waits for nothing.
    pub(super) fn spawn(&mut self) {
        let mut log = std::fs::OpenOptions::new();
        let log = log.create(true).append(true).open(self.home.join("log"));
        let log = log.unwrap();
        let mut command = host(self.home);
        command
            .args(["run", "--config"])
            .arg(self.home.join("miner.toml"));
        self.running = Some(Running::of(command.stderr(log).spawn().unwrap()));
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
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

    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints, and nothing less.
    pub(crate) fn says(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.ask(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let log = if output.status.success() {
            String::new()
        } else {
            self.log()
        };
        assert!(output.status.success(), "{arguments:?}: {said}\n{log}");
        output.stdout
    }

    /// Asks without waiting for the answer.
    pub(super) fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// The ledger's newest; `None` while the node does not say.
    pub(crate) fn rentals(&self) -> Option<Vec<Rental>> {
        let listed = self.ask(&["rental", "list", "--json"]);
        serde_json::from_slice(&listed.stdout).ok()
    }
}
