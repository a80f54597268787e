//! Each kind of credential arrives as its server expects it.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use host::subnet::grant::Grant;
use host::subnet::outbound::{Auth, Header, Method, OutboundError};
use sha2::{Digest as _, Sha256};

use super::support::{Authority, CANARY, Case, PLUGIN, Received, Server, bearer, get, header, ok};

#[tokio::test]
async fn a_bearer_token_arrives() {
    let case = Case::with_key("bearer", |_| ok("x-a: b\r\n", "hello")).await;
    let response = case.get("/v1/pods?all=true", bearer()).await.unwrap();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"hello".as_slice())
    );
    assert_eq!(header(&response, "x-a"), Some("b"));
    let [received] = case.server.received().try_into().ok().unwrap();
    assert!(
        received
            .head
            .starts_with("GET /v1/pods?all=true HTTP/1.1\r\n"),
        "{}",
        received.head
    );
    assert_eq!(
        received.header("authorization"),
        Some(&*format!("Bearer {CANARY}"))
    );
    assert_eq!(
        received.header("host"),
        Some(&*format!("api.test:{}", case.server.port))
    );
    assert_eq!(received.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_basic_credential_arrives_as_user_or_as_both() {
    let case = Case::with_key("basic", |_| ok("", "")).await;
    let basic = || Auth::Basic("key".to_owned());
    case.get("/", basic()).await.unwrap();
    *case.secret.lock().unwrap() = "somebody:and-a-password".to_owned();
    case.get("/", basic()).await.unwrap();
    let sent: Vec<_> = case.server.received().iter().map(authorization).collect();
    let encode = |text: String| format!("Basic {}", BASE64_STANDARD.encode(text));
    assert_eq!(
        sent,
        [
            encode(format!("{CANARY}:")),
            encode("somebody:and-a-password".to_owned())
        ]
    );
}

fn authorization(received: &Received) -> String {
    received.header("authorization").unwrap().to_owned()
}

#[tokio::test]
async fn a_header_credential_arrives_in_its_header_and_in_no_other() {
    let case = Case::with_key("header:x-api-key", |_| ok("", "")).await;
    let auth = |header: &str| Auth::Header {
        credential: "key".to_owned(),
        header: header.to_owned(),
    };
    case.get("/", auth("X-API-Key")).await.unwrap();
    assert_eq!(case.server.received()[0].header("x-api-key"), Some(CANARY));
    for other in ["x-trace", "origin", "x-api-key2", "a\r\nb"] {
        let error = case.get("/", auth(other)).await.unwrap_err();
        assert!(matches!(error, OutboundError::Denied(_)), "{error}");
    }
    let mut request = get(&case.url("/"), Auth::Anonymous);
    request.headers.push(Header {
        name: "x-api-key".to_owned(),
        value: "mine".to_owned(),
    });
    case.call().send(request.clone()).await.unwrap();
    request.auth = auth("x-api-key");
    let error = case.call().send(request).await.unwrap_err();
    assert!(matches!(error, OutboundError::Denied(_)), "{error}");
    assert_eq!(case.server.received().len(), 2);
}

#[tokio::test]
async fn a_signed_request_verifies_at_the_server() {
    let case = Case::with_key("sigv4", |_| ok("", "signed")).await;
    *case.secret.lock().unwrap() = format!(
        "aws_access_key_id = AKIACANARY0123456\naws_secret_access_key = {CANARY}\naws_session_token = token-{CANARY}"
    );
    let mut request = get(
        &case.url("/a%20b/?Action=RunInstances&b=%2F&a=1"),
        Auth::SigV4 {
            credential: "key".to_owned(),
            region: "us-east-1".to_owned(),
            service: "ec2".to_owned(),
        },
    );
    request.method = Method::Post;
    request.body = b"Version=2016-11-15".to_vec();
    request.headers.push(Header {
        name: "Content-Type".to_owned(),
        value: "application/x-www-form-urlencoded".to_owned(),
    });
    case.call().send(request).await.unwrap();
    let [received] = case.server.received().try_into().ok().unwrap();
    assert_eq!(received.header("x-amz-date"), Some("20150830T123600Z"));
    assert_eq!(
        received.header("x-amz-security-token"),
        Some(&*format!("token-{CANARY}"))
    );
    assert!(!authorization(&received).contains(CANARY));
    let (before, signature) = expected(&received);
    let sent = authorization(&received);
    assert!(sent.starts_with(&before), "{sent} {before}");
    assert!(
        sent.ends_with(&format!("Signature={signature}")),
        "{sent} {signature}"
    );
}

/// The signature that AWS's documentation would have, worked out from what
/// arrived: nothing is shared with what signed it.
fn expected(received: &Received) -> (String, String) {
    let scope = "20150830/us-east-1/ec2/aws4_request";
    let sent = authorization(received);
    let signed = sent
        .split_once("SignedHeaders=")
        .unwrap()
        .1
        .split(',')
        .next()
        .unwrap();
    assert!(
        ["host", "content-type", "x-amz-date", "x-amz-security-token"]
            .iter()
            .all(|name| signed.split(';').any(|found| found == *name)),
        "{signed}"
    );
    let headers: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", received.header(name).unwrap()))
        .collect();
    // Path encoded twice, parameters in order.
    let canonical = format!(
        "POST\n/a%2520b/\nAction=RunInstances&a=1&b=%2F\n{headers}\n{signed}\n{}",
        hex::encode(Sha256::digest(&received.body))
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let key = format!("AWS4{CANARY}").into_bytes();
    let key = scope.split('/').fold(key, |key, part| mac(&key, part));
    let before =
        format!("AWS4-HMAC-SHA256 Credential=AKIACANARY0123456/{scope}, SignedHeaders={signed}");
    (before, hex::encode(mac(&key, &to_sign)))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[tokio::test]
async fn a_key_is_changed_without_a_restart() {
    let case = Case::with_key("bearer", |_| ok("", "")).await;
    let call = case.call();
    call.send(get(&case.url("/"), bearer())).await.unwrap();
    *case.secret.lock().unwrap() = "another-key-of-some-length".to_owned();
    call.send(get(&case.url("/"), bearer())).await.unwrap();
    assert_eq!(
        authorization(&case.server.received()[1]),
        "Bearer another-key-of-some-length"
    );
}

#[tokio::test]
async fn a_key_that_is_none_is_told_to_the_operator_and_not_to_the_plugin() {
    let case = Case::with_key("bearer", |_| ok("", "")).await;
    for bad in [
        "",
        "too-short",
        "of more than one word, that is",
        "k\u{fc}nstler-key-0123456",
    ] {
        *case.secret.lock().unwrap() = bad.to_owned();
        let error = case.get("/", bearer()).await.unwrap_err();
        let expected = "`key` cannot be used; the node's log says why";
        assert_eq!(error, OutboundError::UnknownCredential(expected.to_owned()));
    }
    assert!(case.server.received().is_empty());
    assert_eq!(
        case.resolver
            .asked
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_credential() {
    let mut case = Case::with_key("bearer", |_| ok("", "")).await;
    let stranger = Authority::new();
    case.limits.ca_file = Some(stranger.file());
    let error = case.get("/", bearer()).await.unwrap_err();
    assert!(matches!(&error, OutboundError::Unreachable(_)), "{error}");
    // Trusted, but for other names.
    let mut case = Case::with_key("bearer", |_| ok("", "")).await;
    let misnamed = format!("https://elsewhere.test:{}", case.server.port);
    let granted = case.grants.plugins.get_mut(PLUGIN).unwrap();
    granted.private_origins = [misnamed.parse().unwrap()].into();
    case.grants.credentials.get_mut("key").unwrap().origins = [misnamed.parse().unwrap()].into();
    let error = case
        .call()
        .send(get(&misnamed, bearer()))
        .await
        .unwrap_err();
    assert!(matches!(&error, OutboundError::Unreachable(_)), "{error}");
    assert!(case.server.received().is_empty());
}

#[tokio::test]
async fn http_reaches_this_machine_where_it_is_granted() {
    let mut case = Case::with_key("bearer", |_| ok("", "")).await;
    let local = Server::start(None, |_| ok("", "in the open")).await;
    for host in ["127.0.0.1", "localhost"] {
        let origin = format!("http://{host}:{}", local.port).parse().unwrap();
        let grant = Grant {
            private_origins: [origin].into(),
            ..Grant::default()
        };
        case.grants.plugins.insert(PLUGIN.to_owned(), grant);
        let request = get(&format!("http://{host}:{}/", local.port), Auth::Anonymous);
        let response = case.call().send(request).await.unwrap();
        assert_eq!(response.body, b"in the open");
    }
    // A name for this machine that leads elsewhere is another machine's.
    case.resolver
        .answers
        .lock()
        .unwrap()
        .push_back(vec!["10.0.0.1".parse().unwrap()]);
    let mut request = get(
        &format!("http://localhost:{}/", local.port),
        Auth::Anonymous,
    );
    request.timeout = Duration::from_secs(5);
    let error = case.call().send(request).await.unwrap_err();
    assert!(matches!(error, OutboundError::Denied(_)), "{error}");
}
