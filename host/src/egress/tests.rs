//! What is granted, what is denied, and what to type; without a network.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::subnet::grant::{Credential, Grant, Origin};
use crate::subnet::outbound::{Auth, Header, Method, OutboundError, Request};

const PLUGIN: &str = "provider-x";
const KEY: &str = "CANARY-0123456789";

/// Every name leads to one address.
struct Leads(SocketAddr);

#[async_trait]
impl Resolver for Leads {
    async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::new(self.0.ip(), port)])
    }
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn grants() -> Grants {
    let grant = Grant {
        origins: [origin("https://api.example.com")].into(),
        private_origins: [origin("http://127.0.0.1:1")].into(),
        machine: false,
    };
    let credential = |usage: &str, plugin: &str| Credential {
        source: "env:KEY".parse().unwrap(),
        usage: usage.parse().unwrap(),
        origins: [origin("https://api.example.com")].into(),
        plugins: [plugin.to_owned()].into(),
    };
    Grants {
        plugins: [(PLUGIN.to_owned(), grant)].into(),
        credentials: [
            ("mine".to_owned(), credential("bearer", PLUGIN)),
            ("theirs".to_owned(), credential("bearer", "another")),
        ]
        .into(),
    }
}

fn egress(leads: &str, limits: EgressLimits) -> HttpEgress {
    let world = World {
        resolver: Arc::new(Leads(format!("{leads}:0").parse().unwrap())),
        clock: Arc::new(SystemClock),
        vault: Vault::new(
            Arc::new(|name| (name == "KEY").then(|| KEY.to_owned())),
            None,
        ),
    };
    HttpEgress::new(grants(), limits, world).unwrap()
}

fn wants() -> Vec<Want> {
    let origins = [
        "https://api.example.com",
        "https://other.example.com",
        "http://127.0.0.1:1",
    ];
    let origins = origins.map(|origin| Want::HttpOrigin(origin.to_owned()));
    let credentials = ["mine", "theirs", "nobodys"].map(|name| Want::Credential(name.to_owned()));
    [origins, credentials].concat()
}

fn get(url: &str, auth: Auth) -> Request {
    Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        auth,
        timeout: Duration::from_secs(5),
    }
}

fn bearer(name: &str) -> Auth {
    Auth::Bearer(name.to_owned())
}

async fn refusal(leads: &str, request: Request) -> OutboundError {
    let call = egress(leads, EgressLimits::default()).open(PLUGIN, &wants());
    call.send(request).await.unwrap_err()
}

#[tokio::test]
async fn a_denial_says_which_line_would_allow_it() {
    let other = refusal(
        "1.1.1.1",
        get("https://other.example.com/", Auth::Anonymous),
    )
    .await;
    assert_eq!(
        other.to_string(),
        "denied: https://other.example.com is not granted to `provider-x`; to grant it, below \
         [plugins.provider-x.grant] write: origins = [\"https://api.example.com\", \"https://other.example.com\"]"
    );
    let theirs = refusal("1.1.1.1", get("https://api.example.com/", bearer("theirs"))).await;
    assert_eq!(
        theirs.to_string(),
        "unknown credential: `theirs` is not bound to `provider-x` and https://api.example.com; to \
         bind it, below [credentials.theirs] write: plugins = [\"another\", \"provider-x\"]"
    );
    let nobodys = refusal(
        "1.1.1.1",
        get("https://api.example.com/", bearer("nobodys")),
    )
    .await;
    assert!(
        nobodys
            .to_string()
            .contains("below [credentials.nobodys] write: from = \"env:NOBODYS\"; as = \"bearer\""),
        "{nobodys}"
    );
    let use_ = refusal(
        "1.1.1.1",
        get("https://api.example.com/", Auth::Basic("mine".to_owned())),
    )
    .await;
    assert!(
        use_.to_string()
            .ends_with("below [credentials.mine] write: as = \"basic\""),
        "{use_}"
    );
}

#[tokio::test]
async fn what_is_granted_but_not_wanted_is_denied() {
    let egress = egress("1.1.1.1", EgressLimits::default());
    let call = egress.open(PLUGIN, &[Want::Credential("mine".to_owned())]);
    let error = call
        .send(get("https://api.example.com/", Auth::Anonymous))
        .await
        .unwrap_err();
    assert!(matches!(error, OutboundError::Denied(_)), "{error}");
    let call = egress.open(
        PLUGIN,
        &[Want::HttpOrigin("https://api.example.com".to_owned())],
    );
    let error = call
        .send(get("https://api.example.com/", bearer("mine")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, OutboundError::UnknownCredential(_)),
        "{error}"
    );
    let call = egress.open("a-plugin-without-a-grant", &wants());
    let error = call
        .send(get("https://api.example.com/", Auth::Anonymous))
        .await
        .unwrap_err();
    assert!(matches!(error, OutboundError::Denied(_)), "{error}");
}

#[tokio::test]
async fn another_port_scheme_or_host_is_another_origin() {
    for url in [
        "https://api.example.com:8443/",
        "http://api.example.com/",
        "https://example.com/",
        "https://x.api.example.com/",
        "https://1.1.1.1/",
        "http://127.0.0.1:2/",
        "https://127.0.0.1:1/",
        "http://localhost:1/",
    ] {
        let error = refusal("1.1.1.1", get(url, Auth::Anonymous)).await;
        assert!(matches!(error, OutboundError::Denied(_)), "{url} {error}");
    }
}

#[tokio::test]
async fn a_name_that_leads_into_the_house_is_denied() {
    for (address, hint) in [
        ("127.0.0.1", true),
        ("10.0.0.1", true),
        ("[::1]", true),
        ("[::ffff:192.168.0.1]", true),
        ("169.254.169.254", false),
        ("[fd00:ec2::254]", false),
        ("[64:ff9b::169.254.169.254]", false),
        ("0.0.0.0", false),
    ] {
        let error = refusal(address, get("https://api.example.com/", bearer("mine"))).await;
        let OutboundError::Denied(why) = error else {
            panic!("{address} {error}")
        };
        assert_eq!(why.contains("private-origins = ["), hint, "{why}");
    }
}

#[tokio::test]
async fn a_private_grant_opens_no_metadata_service() {
    let mut grants = grants();
    let wanted = "https://api.example.com";
    let grant = grants.plugins.get_mut(PLUGIN).unwrap();
    grant.private_origins.insert(origin(wanted));
    for address in ["169.254.169.254", "168.63.129.16", "[fe80::1]"] {
        let world = World {
            resolver: Arc::new(Leads(format!("{address}:0").parse().unwrap())),
            ..World::of_this_system()
        };
        let egress = HttpEgress::new(grants.clone(), EgressLimits::default(), world).unwrap();
        let call = egress.open(PLUGIN, &[Want::HttpOrigin(wanted.to_owned())]);
        let error = call.send(get(wanted, Auth::Anonymous)).await.unwrap_err();
        assert!(
            matches!(error, OutboundError::Denied(_)),
            "{address} {error}"
        );
    }
}

#[tokio::test]
async fn refused_requests_count_too() {
    let limits = EgressLimits {
        requests_per_call_max: 3,
        ..EgressLimits::default()
    };
    let egress = egress("127.0.0.1", limits);
    let call = egress.open(PLUGIN, &wants());
    for _ in 0..3 {
        let error = call
            .send(get("nonsense", Auth::Anonymous))
            .await
            .unwrap_err();
        assert!(matches!(error, OutboundError::Malformed(_)), "{error}");
    }
    let error = call
        .send(get("nonsense", Auth::Anonymous))
        .await
        .unwrap_err();
    assert_eq!(error, OutboundError::OutOfBudget);
    let error = egress
        .open(PLUGIN, &wants())
        .send(get("nonsense", Auth::Anonymous))
        .await;
    assert!(matches!(error, Err(OutboundError::Malformed(_))));
}

#[tokio::test]
async fn a_body_above_the_limit_is_not_sent() {
    let mut request = get("https://api.example.com/", Auth::Anonymous);
    request.body = vec![0; (256 << 10) + 1];
    assert_eq!(refusal("127.0.0.1", request).await, OutboundError::TooLarge);
}

#[tokio::test]
async fn a_header_of_the_hosts_is_denied_before_anything_is_looked_up() {
    let mut request = get("https://api.example.com/", bearer("mine"));
    request.headers.push(Header {
        name: "Authorization".to_owned(),
        value: "Bearer of-my-own".to_owned(),
    });
    let error = refusal("127.0.0.1", request).await;
    assert_eq!(
        error,
        OutboundError::Denied("the header `authorization` is the host's".to_owned())
    );
}

#[test]
fn what_is_missing_is_toml_that_grants_it() {
    let egress = egress("127.0.0.1", EgressLimits::default());
    let mut all = wants();
    all.push(Want::Machine);
    all.push(Want::HttpOrigin("https://169.254.169.254".to_owned()));
    all.push(Want::HttpOrigin("\u{1b}[2J\"]\nmachine = true".to_owned()));
    let lines = egress.missing("provider-new", &all);
    let text = lines.join("\n");
    let table: toml::Table = text.parse().unwrap_or_else(|why| panic!("{why}\n{text}"));
    let grant = &table["plugins"]["provider-new"]["grant"];
    assert_eq!(grant["origins"].as_array().unwrap().len(), 2, "{text}");
    assert_eq!(
        grant["private-origins"].as_array().unwrap().len(),
        1,
        "{text}"
    );
    assert_eq!(grant["machine"].as_bool(), Some(true));
    for name in ["mine", "theirs", "nobodys"] {
        let plugins = table["credentials"][name]["plugins"].as_array().unwrap();
        assert!(
            plugins
                .iter()
                .any(|plugin| plugin.as_str() == Some("provider-new")),
            "{text}"
        );
    }
    assert_eq!(
        lines.iter().filter(|line| line.starts_with('#')).count(),
        2,
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_is_granted_is_not_missing_but_an_unreadable_credential_is_told() {
    let granted = [
        Want::HttpOrigin("https://api.example.com".to_owned()),
        Want::Credential("mine".to_owned()),
    ];
    assert_eq!(
        egress("127.0.0.1", EgressLimits::default()).missing(PLUGIN, &granted),
        [""; 0]
    );
    let world = World {
        vault: Vault::new(Arc::new(|_| None), None),
        ..World::of_this_system()
    };
    let egress = HttpEgress::new(grants(), EgressLimits::default(), world).unwrap();
    assert_eq!(
        egress.missing(PLUGIN, &granted),
        [
            "# the credential `mine` cannot be used: the variable KEY is not set; type: export KEY=..."
        ]
    );
}

#[test]
fn a_file_without_certificates_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), "/no/such/file.pem".into()] {
        let limits = EgressLimits {
            ca_file: Some(path),
            ..EgressLimits::default()
        };
        let error = HttpEgress::new(grants(), limits, World::of_this_system())
            .err()
            .unwrap();
        assert!(error.to_string().contains("egress.ca-file"), "{error}");
    }
}
