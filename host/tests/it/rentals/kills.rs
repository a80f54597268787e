//! `kill -9` at random moments: while machines are ordered, extended and ended, and
//! while a node that was killed looks at what it left.
//!
//! After each the node is started again, or killed once more while it starts; once
//! it has settled, the ledger and what runs there are the same, and no order was
//! ever bought twice. In the end all is given back.
//!
//! Ten against a cloud of the test's own are an ordinary test. For a real Docker
//! Engine and for moto, `HOST_KILLS` says how many (200 unless given), and
//! `HOST_KILLS_SEED` at which moments, which are else others each time:
//!
//! ```sh
//! HOST_KILLS=10 cargo test -p host --test it -- --ignored --nocapture rentals::kills
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host::subnet::rental::Rental;

use super::node::{NO_NETWORK, Node, PATIENCE};
use super::{cloud, docker, moto};

/// Unless `HOST_KILLS` says another.
const KILLS: u64 = 200;
const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
/// Between two looks at whether all is settled.
const LOOK: Duration = Duration::from_millis(200);

/// Where machines are rented, whoever of us lives.
pub(super) trait World {
    /// What `host rental order` names.
    fn machine(&self) -> String;
    /// Rentals that it has room for.
    fn room(&self) -> u64;
    /// The orders of what is there and may be paid for.
    fn running(&self) -> Vec<String>;
    /// How often each order was ever bought.
    fn bought(&self) -> BTreeMap<String, usize>;
}

/// SplitMix64: the same moments again for the same seed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let seed = told("HOST_KILLS_SEED").unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_secs() ^ (u64::from(now.subsec_nanos()) << 32)
        });
        println!("HOST_KILLS_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn moment(&mut self, within: Duration) -> Duration {
        let nanos = u64::try_from(within.as_nanos()).unwrap();
        Duration::from_nanos(self.below(nanos))
    }
}

fn told(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// One trial, and how far it is.
struct Trial<'a> {
    node: Node<'a>,
    world: &'a dyn World,
    chance: Chance,
    key_file: String,
    orders: u64,
    /// How long a start and an order take here when nobody kills.
    start: Duration,
    order: Duration,
    /// Orders, extensions and ends that were asked for, and that a kill cut off.
    cut_off: u64,
}

impl<'a> Trial<'a> {
    fn new(home: &'a Path, node: Node<'a>, world: &'a dyn World) -> Self {
        let key_file = home.join("key.pub");
        std::fs::write(&key_file, SSH_KEY).unwrap();
        Self {
            node,
            world,
            chance: Chance::new(),
            key_file: key_file.display().to_string(),
            orders: 0,
            start: Duration::ZERO,
            order: Duration::ZERO,
            cut_off: 0,
        }
    }

    /// Rents once in peace, starts the node once more, and stops the time it takes.
    fn get_to_know(&mut self) {
        let begun = Instant::now();
        let order = self.next_order();
        self.node.says(&words(&order));
        self.order = begun.elapsed();
        self.agree();
        self.node.kill();
        let begun = Instant::now();
        self.node.start();
        self.start = begun.elapsed();
    }

    fn next_order(&mut self) -> Vec<String> {
        let key = format!("kill-{}", self.orders);
        self.orders += 1;
        let machine = self.world.machine();
        let order = ["rental", "order", &machine, "--for", "1h", "--no-wait"];
        let named = ["--key", &key, "--ssh-key", &self.key_file];
        owned(&[&order[..], &named].concat())
    }

    fn kill(&mut self, times: u64) {
        self.node.kill();
        for _ in 0..times {
            if self.chance.one_in(4) {
                self.kill_as_it_starts();
            } else {
                self.kill_at_work();
            }
        }
        self.node.start();
        self.agree();
    }

    fn kill_as_it_starts(&mut self) {
        self.node.spawn();
        std::thread::sleep(self.chance.moment(self.start));
        self.node.kill();
    }

    /// One asks for a machine if there is room, and for an end and more time now and
    /// then; all of them at once.
    fn kill_at_work(&mut self) {
        self.node.start();
        let live = self.agree();
        let full = live.len() >= usize::try_from(self.world.room()).unwrap();
        let mut asked = Vec::new();
        if !full {
            asked.push(self.next_order());
        }
        if let Some(extended) = self.any(&live).filter(|_| self.chance.one_in(3)) {
            asked.push(owned(&["rental", "extend", extended, "--by", "1h"]));
        }
        let ends = full || self.chance.one_in(3);
        if let Some(ended) = self.any(&live).filter(|_| ends) {
            asked.push(owned(&["rental", "end", ended]));
        }
        let begun = asked.iter().map(|asked| self.node.begin(&words(asked)));
        let begun: Vec<_> = begun.collect();
        std::thread::sleep(self.chance.moment(self.order));
        self.node.kill();
        for mut child in begun {
            let answered = child.wait().is_ok_and(|status| status.success());
            self.cut_off += u64::from(!answered);
        }
    }

    fn any<'k>(&mut self, keys: &'k [String]) -> Option<&'k String> {
        let place = self.chance.below(u64::try_from(keys.len()).unwrap());
        keys.get(usize::try_from(place).unwrap())
    }

    /// Waits until the ledger has no doubt left and says what runs; those orders.
    fn agree(&mut self) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let told = self.node.rentals();
            let there = sorted(self.world.running());
            let settled = told.as_deref().and_then(settled);
            if settled.as_ref() == Some(&there) {
                self.nothing_twice(&told.unwrap());
                return there;
            }
            let wait = begun.elapsed() < PATIENCE;
            assert!(wait, "{settled:?} against {there:?}: {}", self.node.log());
            std::thread::sleep(LOOK);
        }
    }

    fn nothing_twice(&self, told: &[Rental]) {
        let bought = self.world.bought();
        let twice: Vec<_> = bought.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "bought {twice:?}: {}", self.node.log());
        let told: BTreeSet<&str> = told.iter().map(|it| it.order_key.as_str()).collect();
        let unknown = bought.keys().find(|key| !told.contains(key.as_str()));
        assert!(unknown.is_none(), "{unknown:?}: {}", self.node.log());
    }

    /// Ends all there is.
    fn give_back(&mut self) {
        for order in self.agree() {
            self.node.says(&["rental", "end", &order]);
        }
        let begun = Instant::now();
        while !self.agree().is_empty() {
            let wait = begun.elapsed() < PATIENCE;
            assert!(wait, "still paid for: {}", self.node.log());
            std::thread::sleep(LOOK);
        }
    }
}

/// The orders that the ledger says are paid for; `None` while one is in doubt.
fn settled(told: &[Rental]) -> Option<Vec<String>> {
    let live = told.iter().filter(|rental| !rental.phase.is_over());
    let keys = live.map(|rental| {
        let running = rental.phase.as_str() == "running";
        running.then(|| rental.order_key.clone())
    });
    keys.collect::<Option<Vec<_>>>().map(sorted)
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// The whole of it; `ready` is what a node needs once before anything can be rented.
fn killed(home: &Path, node: Node<'_>, world: &dyn World, times: u64, ready: impl Fn(&Node<'_>)) {
    let began = Instant::now();
    let mut trial = Trial::new(home, node, world);
    trial.node.start();
    ready(&trial.node);
    trial.get_to_know();
    trial.kill(times);
    trial.give_back();
    let bought = world.bought().len();
    println!(
        "{times} kills in {:?}: {} orders asked for, {bought} bought, none of them twice; \
         {} calls were cut off; a start took {:?} and an order {:?}",
        began.elapsed(),
        trial.orders,
        trial.cut_off,
        trial.start,
        trial.order,
    );
    let least = usize::try_from(times / 8).unwrap();
    assert!(bought > least, "the kills met {bought} orders");
}

#[test]
fn a_node_killed_ten_times_buys_nothing_twice_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let cloud = cloud::Fickle::serve();
    let adapter = cloud.adapter(home.path());
    let node = Node::new(home.path(), NO_NETWORK, "//Bob", &cloud.config());
    killed(home.path(), node, &cloud, 10, |node| {
        node.says(&["plugin", "swap", "misbehave-provider", &adapter, "--pin"]);
    });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: HOST_KILLS=10 cargo test -p host --test it -- --ignored --nocapture rentals::kills"]
async fn killed_at_random_moments_a_node_and_its_docker_engine_agree() {
    let _beside = crate::docker::beside_others().await;
    let Some(engine) = crate::docker::engine() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let world = docker::OnDocker::new(engine, home.path(), "//Eve");
    let node = Node::new(home.path(), NO_NETWORK, "//Eve", &world.config());
    let times = told("HOST_KILLS").unwrap_or(KILLS);
    killed(home.path(), node, &world, times, |_| {});
    world.is_left_clean();
}

#[test]
#[ignore = "takes a quarter of an hour: HOST_KILLS=10 cargo test -p host --test it -- --ignored --nocapture rentals::kills"]
fn killed_at_random_moments_a_node_and_moto_agree() {
    let home = tempfile::tempdir().unwrap();
    let Some(world) = moto::OnMoto::start() else {
        return;
    };
    let node = Node::new(home.path(), NO_NETWORK, "//Bob", &world.config(home.path()));
    let times = told("HOST_KILLS").unwrap_or(KILLS);
    killed(home.path(), node, &world, times, |_| {});
}
