//! A real Docker Engine, and a node that lets this machine's threads one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use host::subnet::key::Signer as _;
use host::wallet::Hotkey;

use super::kills::World;
use super::node::PATIENCE;
use crate::docker::Engine;
use crate::docker::stage::ports;
use crate::docker::tracks::Tracks;

/// Threads that are let, if there are as many: each a rental of its own.
const THREADS_MAX: usize = 4;
/// What one rental costs its renter; its operator it costs nothing.
pub(crate) const PRICE: u64 = 12_000;
/// Of one rental.
const MEMORY_MIB: u64 = 64;
const DISK_MIB: u64 = 16;

/// What a node let of this machine; taken away when this is dropped.
pub(crate) struct OnDocker<'a> {
    image: String,
    endpoint: String,
    parts: u64,
    tracks: Tracks<'a>,
    /// `docker events`, since an engine forgets them soon.
    events: Child,
    made: PathBuf,
}

impl Drop for OnDocker<'_> {
    fn drop(&mut self) {
        let _ = self.events.kill();
        let _ = self.events.wait();
        self.tracks.sweep();
    }
}

impl<'a> OnDocker<'a> {
    /// What the node of the development key `key` lets: threads, each by itself.
    pub(super) fn new(engine: &'a Engine, home: &Path, key: &'static str) -> Self {
        let threads = std::thread::available_parallelism().unwrap().get();
        let threads = u64::try_from(threads.min(THREADS_MAX)).unwrap();
        Self::with_parts(engine, home, key, threads)
    }

    /// So many of them; the node's folders are in `home`.
    pub(crate) fn with_parts(
        engine: &'a Engine,
        home: &Path,
        key: &'static str,
        parts: u64,
    ) -> Self {
        let hotkey = Hotkey::development(key).unwrap().account();
        let machine = home.join("state/machine");
        let tracks = Tracks::new(engine, &format!("{hotkey} 1"), &machine);
        let made = home.join("made");
        let mut events = engine.command();
        events.args(["events", "--filter", "event=create", "--filter"]);
        events.arg(tracks.label());
        events.args(["--format", "{{.Actor.Attributes.name}}"]);
        events.stdout(File::create(&made).unwrap());
        Self {
            image: engine.image.clone(),
            endpoint: engine.endpoint(),
            parts,
            tracks,
            events: events.spawn().unwrap(),
            made,
        }
    }

    /// What the node has to be told.
    pub(crate) fn config(&self) -> String {
        let ports = ports();
        let parts = self.parts;
        format!(
            "miner.providers = [\"provider-local\"]\n\
             miner.price-micro-usd-per-hour = {}\n\
             [rentals]\nsettle-s = 1\nreconcile-s = 2\n\
             duration-s-min = 10\n\
             [machine]\ndocker = {:?}\nimages = [{:?}]\nssh-host = \"127.0.0.1\"\n\
             ssh-bind = \"127.0.0.1\"\nssh-port-min = {}\nssh-port-max = {}\n\
             cpu-threads = {parts}\nmemory-mib = {}\ndisk-mib = {}\n\
             [plugins.provider-local.settings]\nparts = {parts}\n\
             [plugins.provider-local.grant]\nmachine = true\n",
            parts * PRICE,
            self.endpoint,
            self.image,
            ports.start(),
            ports.end(),
            parts * MEMORY_MIB,
            parts * DISK_MIB,
        )
    }

    /// Names in `docker ps`, all of them with `-a`.
    pub(crate) fn ps(&self, all: &[&str]) -> Vec<String> {
        self.tracks.ps(all)
    }

    /// No disk is left, and no container, whatever it does.
    pub(crate) fn is_left_clean(&self) {
        let begun = Instant::now();
        while self.tracks.disks() > 0 || !self.ps(&["-a"]).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "a disk is left");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

/// `rental.<node>.<adapter>.<order>.<end>`
fn order(name: &str) -> String {
    name.split('.').nth(3).unwrap_or(name).to_owned()
}

impl World for OnDocker<'_> {
    fn machine(&self) -> String {
        format!("provider-local/1-of-{}", self.parts)
    }

    fn room(&self) -> u64 {
        self.parts
    }

    fn running(&self) -> Vec<String> {
        let names = self.ps(&["-a"]);
        names.iter().map(|name| order(name)).collect()
    }

    fn bought(&self) -> BTreeMap<String, usize> {
        let mut bought = BTreeMap::new();
        for name in std::fs::read_to_string(&self.made).unwrap().lines() {
            *bought.entry(order(name)).or_insert(0) += 1;
        }
        bought
    }
}
