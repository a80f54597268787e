//! A cloud that outlives every node: what it runs, and how often each order was
//! bought. It answers late now and then, and fails after the effect.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::kills::World;
use crate::plugin::support::PROVIDER;

/// Machines at once.
const ROOM: u64 = 5;

/// What runs there, and what was ever bought.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) instances: Vec<Value>,
    pub(crate) bought: BTreeMap<String, usize>,
    /// Requests that arrived, answered or not, by path.
    pub(crate) asked: BTreeMap<String, u64>,
}

impl Account {
    /// The orders of what is paid for.
    pub(crate) fn alive(&self) -> Vec<String> {
        let alive = self
            .instances
            .iter()
            .filter(|it| it["state"] != "terminated");
        let mut keys: Vec<String> = alive
            .map(|it| it["order_key"].as_str().unwrap_or_default().to_owned())
            .collect();
        keys.sort();
        keys
    }
}

/// Serves until the test's process ends.
pub(super) struct Fickle {
    origin: String,
    account: Arc<Mutex<Account>>,
}

impl Fickle {
    pub(super) fn serve() -> Self {
        let (origin, account) = serve();
        Self { origin, account }
    }

    /// The file of the adapter that a node needs.
    pub(super) fn adapter(&self, home: &Path) -> String {
        let adapter = home.join("adapter.wasm");
        std::fs::write(&adapter, PROVIDER).unwrap();
        adapter.display().to_string()
    }

    /// What the node has to be told.
    pub(super) fn config(&self) -> String {
        let origin = &self.origin;
        format!(
            "[rentals]\nspend-per-day-micro-usd-max = 1_000_000_000\nsettle-s = 1\nreconcile-s = 2\n\
             [plugins.misbehave-provider.settings]\norigin = \"{origin}\"\n\
             [plugins.misbehave-provider.grant]\nprivate-origins = [\"{origin}\"]\n"
        )
    }
}

impl World for Fickle {
    fn machine(&self) -> String {
        "misbehave-provider/small".to_owned()
    }

    fn room(&self) -> u64 {
        ROOM
    }

    fn running(&self) -> Vec<String> {
        self.account.lock().unwrap().alive()
    }

    fn bought(&self) -> BTreeMap<String, usize> {
        self.account.lock().unwrap().bought.clone()
    }
}

/// Serves until the test's process ends; its origin.
pub(crate) fn serve() -> (String, Arc<Mutex<Account>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let account = Arc::new(Mutex::new(Account::default()));
    let kept = account.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let account = kept.clone();
            std::thread::spawn(move || {
                // Whoever is killed in between does not listen any more.
                let _ = answer(&stream, &account);
            });
        }
    });
    (origin, account)
}

fn answer(mut stream: &TcpStream, account: &Mutex<Account>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked: Value = serde_json::from_slice(&body)?;
    let (told, number) = {
        let mut account = account.lock().unwrap();
        *account.asked.entry(path.clone()).or_default() += 1;
        let number = account.asked.values().sum::<u64>();
        (does(&path, &asked, &mut account).to_string(), number)
    };
    // So that a kill meets calls under way, and some that fail though they worked.
    std::thread::sleep(Duration::from_millis(number * 37 % 120));
    let status = match (path.as_str(), number % 5) {
        ("/provision" | "/terminate", 0) => "502 Bad Gateway",
        _ => "200 OK",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
        told.len()
    );
    stream.write_all([head, told].concat().as_bytes())
}

fn hardware() -> Value {
    json!({ "gpus": [], "cpu_model": "x", "cpu_threads": 2, "memory_mib": 1_024,
            "disk_mib": 1_024, "labels": [] })
}

fn does(path: &str, asked: &Value, account: &mut Account) -> Value {
    let place = account
        .instances
        .iter()
        .position(|it| it["id"] == asked["id"]);
    match path {
        "/offers" => json!({ "Ok": [{
            "id": "small", "hardware": hardware(), "region": "here",
            "price_micro_usd_per_hour": 20_000, "interruptible": false, "labels": [],
        }] }),
        "/provision" => {
            let same = account
                .instances
                .iter()
                .find(|it| it["order_key"] == asked["key"]);
            if let Some(instance) = same {
                return json!({ "Ok": instance });
            }
            let key = asked["key"].as_str().unwrap_or_default().to_owned();
            *account.bought.entry(key).or_insert(0) += 1;
            let instance = json!({
                "id": format!("i-{}", account.instances.len()), "order_key": asked["key"],
                "state": "running", "hardware": hardware(), "labels": [],
                "price_micro_usd_per_hour": 20_000, "ends_at": asked["ends_at"],
                "ssh": { "host": "192.0.2.1", "port": 22, "user": "u", "host_key": null },
            });
            account.instances.push(instance.clone());
            json!({ "Ok": instance })
        }
        "/instances" => json!({ "Ok": account.instances }),
        "/inspect" => place.map_or(
            json!({ "Err": "NotFound" }),
            |place| json!({ "Ok": account.instances[place] }),
        ),
        "/extend" => place.map_or(json!({ "Err": "NotFound" }), |place| {
            account.instances[place]["ends_at"] = asked["ends_at"].clone();
            json!({ "Ok": account.instances[place] })
        }),
        "/terminate" => {
            if let Some(place) = place {
                account.instances[place]["state"] = json!("terminated");
            }
            json!({ "Ok": null })
        }
        _ => json!({ "Err": { "Unsupported": "not here" } }),
    }
}
