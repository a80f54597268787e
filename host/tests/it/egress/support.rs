//! A TLS server of a few lines, a resolver that says what it is told, a log that
//! is kept.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use host::egress::{Clock, HttpEgress, Resolver, Vault, World};
use host::subnet::grant::{Credential, EgressLimits, Grant, Grants};
use host::subnet::outbound::{
    Auth, Egress as _, Method, Outbound, OutboundError, Request, Response,
};
use host::subnet::provider::Want;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracing_subscriber::fmt::MakeWriter;

pub(super) const PLUGIN: &str = "provider-x";
pub(super) const CANARY: &str = "rpa_CANARY/0123+456789abcdefXYZ=";
/// The names that the server's certificate is for.
pub(super) const NAMES: [&str; 2] = ["api.test", "other.test"];

/// A request as it arrived.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// What a server does with a request.
pub(super) enum Act {
    Write(Vec<u8>),
    /// Says no more and does not hang up.
    Hang,
    /// The same bytes without end.
    Repeat(Vec<u8>),
}

/// A whole answer.
pub(super) fn ok(headers: &str, body: impl AsRef<[u8]>) -> Vec<Act> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    vec![Act::Write([head.as_bytes(), body].concat())]
}

type Answer = Arc<dyn Fn(&Received) -> Vec<Act> + Send + Sync>;

/// Its connections end with it.
pub(super) struct Server {
    pub(super) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// With TLS under `tls`, or in the open.
    pub(super) async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Received) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer): (_, Answer) = (received.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, kept, answer) = (tls.clone(), kept.clone(), answer.clone());
                tokio::spawn(async move {
                    // A client that breaks off is what some tests are about.
                    let _ = match tls {
                        None => converse(stream, &kept, &answer).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, &kept, &answer).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self {
            port,
            received,
            task,
        }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    kept: &Mutex<Vec<Received>>,
    answer: &Answer,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let received = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        if let Some(received) = whole(&bytes) {
            break received;
        }
    };
    kept.lock().unwrap().push(received.clone());
    for act in answer(&received) {
        match act {
            Act::Write(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
            }
            Act::Repeat(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Act::Hang => {
                let mut rest = [0; 64];
                while stream.read(&mut rest).await? > 0 {}
            }
        }
    }
    stream.shutdown().await
}

fn whole(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let received = Received {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: bytes[end + 4..].to_vec(),
    };
    let length = received
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    (received.body.len() >= length).then_some(received)
}

/// A certificate authority of one's own, as a file, and a server it vouches for.
pub(super) struct Authority {
    folder: tempfile::TempDir,
    pub(super) acceptor: TlsAcceptor,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate().unwrap();
        let names = NAMES.map(str::to_owned).to_vec();
        let server = CertificateParams::new(names)
            .unwrap()
            .signed_by(&server_key, &issuer)
            .unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), own.pem()).unwrap();
        Self {
            folder,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Answers as told, then with this machine; remembers how often it was asked.
#[derive(Default)]
pub(super) struct Script {
    pub(super) answers: Mutex<VecDeque<Vec<IpAddr>>>,
    pub(super) asked: AtomicU64,
}

#[async_trait]
impl Resolver for Script {
    async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let next = self.answers.lock().unwrap().pop_front();
        let next = next.unwrap_or_else(|| vec![Ipv4Addr::LOCALHOST.into()]);
        Ok(next
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect())
    }
}

/// 2015-08-30T12:36:00Z, until it is moved.
pub(super) struct Hand(pub(super) AtomicU64);

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A server, and an egress that may reach it.
pub(super) struct Case {
    pub(super) server: Server,
    pub(super) resolver: Arc<Script>,
    pub(super) clock: Arc<Hand>,
    pub(super) grants: Grants,
    pub(super) limits: EgressLimits,
    pub(super) secret: Arc<Mutex<String>>,
    _authority: Authority,
}

impl Case {
    pub(super) async fn new(
        answer: impl Fn(&Received) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.acceptor.clone()), answer).await;
        let origin = format!("https://api.test:{}", server.port).parse().unwrap();
        let grant = Grant {
            private_origins: [origin].into(),
            ..Grant::default()
        };
        Self {
            grants: Grants {
                plugins: [(PLUGIN.to_owned(), grant)].into(),
                ..Grants::default()
            },
            limits: EgressLimits {
                ca_file: Some(authority.file()),
                ..EgressLimits::default()
            },
            resolver: Arc::default(),
            clock: Arc::new(Hand(AtomicU64::new(1_440_938_160))),
            secret: Arc::new(Mutex::new(CANARY.to_owned())),
            server,
            _authority: authority,
        }
    }

    /// With the canary as the credential `key`, for `usage`.
    pub(super) async fn with_key(
        usage: &str,
        answer: impl Fn(&Received) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let mut case = Self::new(answer).await;
        let credential = Credential {
            source: "env:KEY".parse().unwrap(),
            usage: usage.parse().unwrap(),
            origins: case.grants.plugins[PLUGIN].private_origins.clone(),
            plugins: [PLUGIN.to_owned()].into(),
        };
        case.grants.credentials.insert("key".to_owned(), credential);
        case
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://api.test:{}{path}", self.server.port)
    }

    pub(super) fn egress(&self) -> HttpEgress {
        let secret = self.secret.clone();
        let world = World {
            resolver: self.resolver.clone(),
            clock: self.clock.clone(),
            vault: Vault::new(
                Arc::new(move |name| (name == "KEY").then(|| secret.lock().unwrap().clone())),
                None,
            ),
        };
        HttpEgress::new(self.grants.clone(), self.limits.clone(), world).unwrap()
    }

    /// One call of the plugin, which wants whatever is granted.
    pub(super) fn call(&self) -> Arc<dyn Outbound> {
        let granted = &self.grants.plugins[PLUGIN];
        let origins = granted.origins.iter().chain(&granted.private_origins);
        let mut wants: Vec<_> = origins.map(|o| Want::HttpOrigin(o.to_string())).collect();
        wants.extend(
            self.grants
                .credentials
                .keys()
                .cloned()
                .map(Want::Credential),
        );
        self.egress().open(PLUGIN, &wants)
    }

    pub(super) async fn get(&self, path: &str, auth: Auth) -> Result<Response, OutboundError> {
        self.call().send(get(&self.url(path), auth)).await
    }
}

pub(super) fn get(url: &str, auth: Auth) -> Request {
    Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        auth,
        timeout: Duration::from_secs(20),
    }
}

pub(super) fn bearer() -> Auth {
    Auth::Bearer("key".to_owned())
}

pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    headers
        .find(|header| header.name == name)
        .map(|header| header.value.as_str())
}

/// All that is logged on this thread while the guard lives, at every level.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
