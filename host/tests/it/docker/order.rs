//! From `host rental order` to a login and to its end, with a whole node between:
//! what its operator types, what its renter sees, and what the engine lists.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host::subnet::provider::SshEndpoint;
use host::subnet::rental::Lease;

use super::stage::{renters_key, ssh};
use super::{Engine, engine};
use crate::node::process::Field;
use crate::rentals::docker::{OnDocker, PRICE};
use crate::rentals::node::{Node, PATIENCE};

/// Has money on the development chain.
const KEY: &str = "//Dave";

/// A miner on a chain, and a renter in its operator's chair.
struct Scene<'a> {
    node: Node<'a>,
    world: OnDocker<'a>,
    home: &'a Path,
    public: String,
}

impl<'a> Scene<'a> {
    /// One that lets one thread, 64 MiB and 16 MiB of disk.
    fn open(engine: &'a Engine, field: &Field, home: &'a Path) -> Self {
        let world = OnDocker::with_parts(engine, home, KEY, 1);
        let register = "register = true\nregister-limit-rao = 1_000_000_000\n";
        let config = [register, &world.config()].concat();
        let mut node = Node::new(home, &field.url, KEY, &config);
        node.start();
        Self {
            node,
            world,
            home,
            public: renters_key(home).display().to_string(),
        }
    }

    fn order(&self, key: &str, time: &str, price_max: &str, more: &[&str]) -> Output {
        let order = ["rental", "order", "--for", time, "--ssh-key", &self.public];
        let rest = ["--price-max", price_max, "--key", key, "--json"];
        self.node.ask(&[&order[..], &rest, more].concat())
    }

    fn rents(&self, key: &str, time: &str, more: &[&str]) -> Lease {
        let ordered = self.order(key, time, "0.02", more);
        let said = String::from_utf8_lossy(&ordered.stderr).into_owned();
        assert!(ordered.status.success(), "{said}{}", self.node.log());
        serde_json::from_slice(&ordered.stdout).unwrap()
    }

    /// What who is refused is told.
    fn refuses(&self, key: &str, price_max: &str) -> String {
        let ordered = self.order(key, "1h", price_max, &[]);
        assert!(!ordered.status.success(), "{ordered:?}");
        String::from_utf8_lossy(&ordered.stderr).into_owned()
    }

    fn inside(&self, at: &SshEndpoint, command: &str) -> String {
        let output = ssh(self.home, at, command);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(255), "no login: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn until(&self, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < PATIENCE, "never: {}", self.node.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_a_login_a_full_machine_is_refused_and_expiry_ends_it() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let field = Field::new("1000", "100");
    let home = tempfile::tempdir().unwrap();
    let scene = Scene::open(engine, &field, home.path());
    let all = || scene.world.ps(&["-a"]);

    // Nothing may be spent, and nothing is: the price is what the operator asks.
    let told = scene.refuses("dear", "0.011");
    assert!(
        told.contains(&format!("the price is {PRICE} micro-USD")),
        "{told}"
    );
    assert_eq!(all(), [""; 0]);

    // Less memory than there is: what is left has no thread, so the machine is full.
    let first = scene.rents("first", "1h", &["--cpu-threads", "1", "--memory-mib", "48"]);
    let at = first.ssh.unwrap();
    assert_eq!(scene.inside(&at, "nproc"), "1");
    let memory = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(scene.inside(&at, memory), (48_u64 << 20).to_string());
    let listed = scene.world.ps(&[]);
    let ends = format!(".{}", first.ends_at);
    assert!(
        matches!(&listed[..], [one] if one.ends_with(&ends)),
        "{listed:?}"
    );

    let told = scene.refuses("second", "0.02");
    assert!(told.contains("no room"), "{told}");
    assert_eq!(all(), listed);
    scene.node.says(&["rental", "end", "first"]);
    assert_eq!(all(), [""; 0]);

    let third = scene.rents("third", "25s", &["--no-wait"]);
    assert_eq!(all().len(), 1);
    scene.until(|| all().is_empty());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(now.as_secs() >= third.ends_at, "ended before its time");
    let shown = || -> Lease {
        let shown = scene.node.says(&["rental", "show", "third", "--json"]);
        serde_json::from_slice(&shown).unwrap()
    };
    scene.until(|| shown().state == "ended");
    assert_eq!(shown().reason.as_deref(), Some("its time is over"));
    scene.world.is_left_clean();
}
