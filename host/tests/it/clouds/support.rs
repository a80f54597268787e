//! A cloud behind a socket, and an adapter that is granted the way to it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use host::egress::{HttpEgress, Vault, World};
use host::plugin::builtin::BuiltIn;
use host::plugin::lone::{self, Provider, With};
use host::plugin::{Engine, Limits, Outside};
use host::subnet::grant::{Credential, EgressLimits, Grant, Grants, Origin};
use host::subnet::provider::{Order, ProviderAdapter};

use super::cloud::{Answer, Asked, Cloud, Troubled};
use crate::plugin::support;

/// What a renter would send.
pub(super) const RENTER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUSyZv8Rga4lMVDxYNtxoHvZ6H3gWwJGGQq5jXKrBsV renter@home";

/// One for all tests, with the limits that adapters have in a node.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let provider = Limits::default().provider;
    let limits = Limits {
        provider,
        ..support::limits()
    };
    Engine::new(limits).unwrap()
});

/// Kept, so that each component is compiled once.
static HELD: Mutex<Vec<Provider>> = Mutex::new(Vec::new());

/// A cloud that tests may look into and trouble.
pub(super) struct Server<C> {
    pub(super) cloud: Arc<Mutex<Troubled<C>>>,
    pub(super) origin: String,
}

impl<C: Cloud + Send + 'static> Server<C> {
    /// Serves until the process ends.
    pub(super) fn start(cloud: C) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let cloud = Arc::new(Mutex::new(Troubled::new(cloud)));
        let served = cloud.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let cloud = served.clone();
                std::thread::spawn(move || converse(stream.unwrap(), &cloud));
            }
        });
        Self { cloud, origin }
    }

    /// The adapter, whose credential is `secret` and is used as `usage` says.
    pub(super) fn adapter(
        &self,
        built_in: &BuiltIn,
        usage: &str,
        secret: &'static str,
        settings: &[(&str, &str)],
    ) -> Arc<dyn ProviderAdapter> {
        let name = built_in.name.to_string();
        let origin: Origin = self.origin.parse().unwrap();
        let credential = Credential {
            source: "env:KEY".parse().unwrap(),
            usage: usage.parse().unwrap(),
            origins: [origin.clone()].into(),
            plugins: [name.clone()].into(),
        };
        let grant = Grant {
            private_origins: [origin].into(),
            ..Grant::default()
        };
        let grants = Grants {
            plugins: [(name, grant)].into(),
            credentials: [("test-key".to_owned(), credential)].into(),
        };
        let world = World {
            vault: Vault::new(Arc::new(move |_| Some(secret.to_owned())), None),
            ..World::of_this_system()
        };
        let egress = HttpEgress::new(grants, EgressLimits::default(), world).unwrap();
        let outside = Outside {
            egress: Some(Arc::new(egress)),
            workloads: None,
        };
        let own = [("endpoint", &*self.origin), ("credential", "test-key")];
        let table = own.iter().chain(settings);
        let table = table.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let with = With::Table(table.collect());
        let provider = lone::provider(&ENGINE, &built_in.bytes, with, outside).unwrap();
        let adapter = provider.adapter.clone();
        HELD.lock().unwrap().push(provider);
        adapter
    }
}

pub(super) fn order(key: &str, offer_id: &str, price_max: u64) -> Order {
    Order {
        key: key.to_owned(),
        offer_id: offer_id.to_owned(),
        image: None,
        ssh_public_key: RENTER.to_owned(),
        disk_mib: 1_024,
        price_micro_usd_per_hour_max: price_max,
        ends_at: 1_900_000_000,
        labels: Vec::new(),
    }
}

/// One request and its answer; then the connection ends.
fn converse<C: Cloud>(mut stream: TcpStream, cloud: &Mutex<Troubled<C>>) {
    let Some((head, body)) = receive(&mut stream) else {
        return;
    };
    let mut words = head.split(' ');
    let asked = Asked {
        method: words.next().unwrap(),
        target: words.next().unwrap(),
        authorization: header(&head, "authorization"),
        body: &body,
    };
    let answer = cloud.lock().unwrap().answer(&asked);
    match answer {
        // A client that breaks off is what some tests are about.
        Some(answer) => drop(stream.write_all(&written(&answer))),
        None => while stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {},
    }
}

/// The head and the body of what comes; `None` where the other end hung up.
pub(super) fn receive(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend(&part[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = &bytes[end + 4..];
        if body.len() >= length {
            return Some((head, body[..length].to_vec()));
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Answer\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    // A status without a body must not announce one.
    if answer.status != 204 {
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    text.push_str("connection: close\r\n\r\n");
    [text.as_bytes(), &answer.body].concat()
}
