//! A chain, a miner that lets a cloud's machines, a validator whose operator API
//! is switched on, and a renter: the first three processes of the real binary.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use host::subnet::key::{AccountId, Signer as _};
use host::subnet::rental::Rental;
use host::wallet::Hotkey;
use serde_json::{Value, json};

use super::schema::{check_answer, check_request};
use crate::node::process::{Field, Running};
use crate::plugin::support::PROVIDER;
use crate::rentals::cloud::{self, Account};
use crate::synapse::support::{now_ns, signed_by, status, talk};

/// A slow machine under load needs this long for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// What the cloud asks, and the miner's markup of a fifth.
pub(super) const PRICE: u64 = 24_000;
pub(super) const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

pub(super) struct Stage {
    pub(super) field: Field,
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) miner: Running,
    pub(super) validator: Option<Running>,
    pub(super) api: SocketAddr,
    renter: Hotkey,
    document: Value,
}

impl Stage {
    /// Up and with a machine to be found; a day may cost so much.
    pub(super) async fn open(day_micro_usd_max: u64) -> Self {
        let field = Field::new("250", "20");
        let (origin, account) = cloud::serve();
        let miner = miner(&field, &origin);
        let mut stage = Self {
            field,
            account,
            miner,
            validator: None,
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
            renter: Hotkey::development("//Charlie").unwrap(),
            document: serde_json::from_str(host::role::operator::OPENAPI).unwrap(),
        };
        stage.start_validator(day_micro_usd_max);
        stage.api = stage.listening();
        stage.lets_a_cloud();
        stage
            .until("find", json!({}), |found| found["machines"] != json!([]))
            .await;
        stage
    }

    /// On the port it had before, if it had one.
    pub(super) fn start_validator(&mut self, day_micro_usd_max: u64) {
        let sets = [
            format!("operator.listen={}", self.api),
            format!("operator.keys={}", self.renter.account()),
            format!("operator.spend-per-day-micro-usd-max={day_micro_usd_max}"),
        ];
        let flags: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        self.validator = Some(self.field.run("validator.toml", "validator", &flags));
    }

    /// Where the operator API says it is.
    fn listening(&self) -> SocketAddr {
        self.field
            .until_said("validator", "the operator API listens");
        let log = self.field.log("validator");
        let (_, place) = log.split_once("the operator API listens").unwrap();
        let (_, place) = place.split_once("listening=").unwrap();
        place.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn lets_a_cloud(&self) {
        let adapter = self.field.home.path().join("adapter.wasm");
        std::fs::write(&adapter, PROVIDER).unwrap();
        let begun = Instant::now();
        while !self.ask_miner(&["status"]).status.success() {
            let late = begun.elapsed() >= PATIENCE;
            assert!(!late, "never up: {}", self.field.log("miner"));
            std::thread::sleep(LOOK);
        }
        let adapter = adapter.display().to_string();
        let swap = ["plugin", "swap", "misbehave-provider", &adapter, "--pin"];
        let swapped = self.ask_miner(&swap);
        let said = String::from_utf8_lossy(&swapped.stderr);
        assert!(swapped.status.success(), "{said}");
    }

    pub(super) fn ask_miner(&self, arguments: &[&str]) -> Output {
        self.ask_node("miner", arguments)
    }

    /// By its admin socket.
    pub(super) fn ask_node(&self, node: &str, arguments: &[&str]) -> Output {
        let state = self.field.state(node).display().to_string();
        let state = ["--state-folder", &state];
        self.field.host(&[arguments, &state].concat())
    }

    /// What a node has on record, as it tells its own operator.
    pub(super) fn on_record(&self, node: &str) -> Vec<Rental> {
        let listed = self.ask_node(node, &["rental", "list", "--json"]);
        serde_json::from_slice(&listed.stdout).unwrap()
    }

    /// `host rent` in the renter's name.
    pub(super) fn rent(&self, arguments: &[&str]) -> Output {
        let (api, validator) = (self.api.to_string(), account("//Alice").to_string());
        let more = [
            "--api",
            &api,
            "--validator",
            &validator,
            "--wallet.name",
            "//Charlie",
        ];
        self.field.host(&[&["rent"], arguments, &more].concat())
    }

    /// The bytes of a signed request.
    pub(super) fn signed(&self, operation: &str, asked: &Value) -> String {
        let target = format!("/compute-subnet/1/operator/{operation}");
        let body = asked.to_string();
        let alice = account("//Alice");
        let proof = signed_by(&self.renter, &target, body.as_bytes(), &alice, now_ns());
        request(&target, &proof, &body)
    }

    /// Asks once; what is asked and answered is what the description says.
    pub(super) async fn ask(&self, operation: &str, asked: Value) -> (u16, Value) {
        check_request(&self.document, operation, &asked);
        let said = talk(self.api, self.signed(operation, &asked).as_bytes()).await;
        self.read(operation, &said)
    }

    /// Reads an answer, held to the description.
    pub(super) fn read(&self, operation: &str, said: &str) -> (u16, Value) {
        let status = status(said).unwrap_or_else(|| panic!("no answer: {said:?}"));
        let (_, body) = said.split_once("\r\n\r\n").unwrap();
        let answer: Value = serde_json::from_str(body).unwrap();
        check_answer(&self.document, operation, status, &answer);
        (status, answer)
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(
        &self,
        operation: &str,
        asked: Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let begun = Instant::now();
        loop {
            let (status, answer) = self.ask(operation, asked.clone()).await;
            if status == 200 && wanted(&answer) {
                return answer;
            }
            let late = begun.elapsed() >= PATIENCE;
            assert!(!late, "{operation}: {status} {answer}\n{}", self.logs());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until something else is so.
    pub(super) async fn until_so(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            let late = begun.elapsed() >= PATIENCE;
            assert!(!late, "never: {what}\n{}", self.logs());
            tokio::time::sleep(LOOK / 10).await;
        }
    }

    fn logs(&self) -> String {
        let (miner, validator) = (self.field.log("miner"), self.field.log("validator"));
        format!("miner: {miner}\nvalidator: {validator}")
    }
}

/// //Alice validates, //Bob mines, //Charlie rents.
pub(super) fn account(name: &str) -> AccountId {
    Hotkey::development(name).unwrap().account()
}

/// What a renter asks for, of two threads and a price.
pub(super) fn order(key: &str) -> Value {
    json!({
        "key": key, "ssh_public_key": SSH_KEY, "duration_s": 600,
        "requirement": {
            "cpu_threads": 2, "memory_mib": 1_024, "price_micro_usd_per_hour_max": PRICE,
        },
    })
}

pub(super) fn request(target: &str, proof: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{proof}\r\n{body}"
    )
}

fn miner(field: &Field, origin: &str) -> Running {
    let sets = [
        format!("plugins.misbehave-provider.settings.origin={origin}"),
        format!("plugins.misbehave-provider.grant.private-origins={origin}"),
        "rentals.spend-per-day-micro-usd-max=1000000000".to_owned(),
        "rentals.settle-s=1".to_owned(),
        "rentals.reconcile-s=2".to_owned(),
    ];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let flags: Vec<&str> = ["--axon.port", "0"].into_iter().chain(sets).collect();
    field.run("miner.toml", "miner", &flags)
}
