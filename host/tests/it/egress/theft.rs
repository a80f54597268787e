//! A plugin that tries every way to read a credential back gets nothing.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use host::subnet::outbound::{Auth, Header, OutboundError, Response};

use super::support::{Act, CANARY, Case, Log, PLUGIN, Received, bearer, get, header, ok};

/// What would be enough to use the credential, or most of it.
fn forms() -> Vec<String> {
    vec![
        CANARY.to_owned(),
        "CANARY".to_owned(),
        hex::encode(CANARY),
        hex::encode("CANARY"),
        BASE64_STANDARD.encode(CANARY),
        BASE64_URL_SAFE_NO_PAD.encode(CANARY),
        BASE64_STANDARD.encode(format!("{CANARY}:")),
        BASE64_STANDARD.encode(format!("Bearer {CANARY}")),
        CANARY
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D"),
    ]
}

pub(super) fn search(text: &str) {
    for form in forms() {
        assert!(
            !text.to_lowercase().contains(&form.to_lowercase()),
            "{form} in {text}"
        );
    }
}

fn search_response(response: &Response) {
    search(&String::from_utf8_lossy(&response.body));
    for Header { name, value } in &response.headers {
        search(name);
        search(value);
    }
}

/// Repeats whatever came in the way that its path asks for.
pub(super) fn echo(received: &Received) -> Vec<Act> {
    let sent = received
        .header("authorization")
        .or(received.header("x-api-key"));
    let sent = sent.unwrap_or_default().to_owned();
    let all = received.head.clone();
    let path = received
        .head
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    match path.as_str() {
        "/body" => ok("", all),
        "/header" => ok(
            &format!("x-echo: {sent}\r\nlocation: https://other.test/?k={sent}\r\n"),
            "",
        ),
        "/name" => ok(
            &format!("x-{}: x\r\n", hex::encode(&sent)),
            hex::encode(&sent),
        ),
        "/status" => {
            let text = format!(
                "HTTP/1.1 401 {sent}\r\nwww-authenticate: Bearer error=\"{sent}\"\r\ncontent-length: 0\r\n\r\n"
            );
            vec![Act::Write(text.into_bytes())]
        }
        _ => echo_encoded(&path, &sent, all),
    }
}

/// The same in an encoding, or in a way that an answer is not made.
fn echo_encoded(path: &str, sent: &str, all: String) -> Vec<Act> {
    match path {
        "/base64" => ok("", BASE64_STANDARD.encode(all)),
        "/base64-url" => ok("", BASE64_URL_SAFE_NO_PAD.encode(all)),
        "/hex" => ok("", hex::encode_upper(all)),
        "/json" => {
            let inner = sent.replace('/', "\\/").replace('+', "\\u002b");
            ok("", serde_json::json!({ "you": inner }).to_string() + &inner)
        }
        "/percent" => ok(
            "",
            sent.bytes()
                .map(|b| format!("%{b:02X}"))
                .collect::<String>(),
        ),
        "/entities" => ok(
            "",
            sent.bytes().map(|b| format!("&#{b};")).collect::<String>(),
        ),
        "/utf16" => ok(
            "",
            sent.encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect::<Vec<_>>(),
        ),
        "/upper" => ok("", sent.to_uppercase()),
        "/chunks" => {
            let mut acts = vec![Act::Write(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            )];
            acts.extend(
                sent.bytes()
                    .map(|b| Act::Write(vec![b'1', b'\r', b'\n', b, b'\r', b'\n'])),
            );
            acts.push(Act::Write(
                format!("0\r\nx-trailer: {sent}\r\n\r\n").into_bytes(),
            ));
            acts
        }
        "/cookie" => ok(
            "set-cookie: session=as-good-as-a-key\r\nauthentication-info: x\r\n",
            "",
        ),
        "/truncated" => vec![Act::Write(
            format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{sent}").into_bytes(),
        )],
        "/nonsense" => vec![Act::Write(format!("{sent}\r\n\r\n").into_bytes())],
        "/gzip" => ok("content-encoding: gzip\r\n", "whatever it is"),
        "/upgrade" => vec![Act::Write(
            format!("HTTP/1.1 101 {sent}\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n{sent}")
                .into_bytes(),
        )],
        _ => ok("", "nothing"),
    }
}

pub(super) const ECHOES: [&str; 13] = [
    "/body",
    "/header",
    "/name",
    "/status",
    "/base64",
    "/base64-url",
    "/hex",
    "/json",
    "/percent",
    "/entities",
    "/utf16",
    "/upper",
    "/chunks",
];

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_gives_nothing_away() {
    for usage in ["bearer", "basic", "header:x-api-key"] {
        let case = Case::with_key(usage, echo).await;
        let log = Log::default();
        let kept = log.keep();
        for path in ECHOES {
            let auth = match usage {
                "bearer" => bearer(),
                "basic" => Auth::Basic("key".to_owned()),
                _ => Auth::Header {
                    credential: "key".to_owned(),
                    header: "x-api-key".to_owned(),
                },
            };
            let response = case.get(path, auth).await.unwrap();
            search_response(&response);
            let scrubbed = response
                .body
                .windows(10)
                .any(|window| window == b"[scrubbed]")
                || response
                    .headers
                    .iter()
                    .any(|header| header.value.contains("[scrubbed]"));
            assert!(scrubbed, "{usage} {path}");
        }
        drop(kept);
        search(&log.text());
        assert!(log.text().contains("a server gave a credential back"));
    }
}

#[tokio::test]
async fn a_signature_that_comes_back_is_taken_out_too() {
    let case = Case::with_key("sigv4", echo).await;
    *case.secret.lock().unwrap() = format!("AKIACANARY0123456:{CANARY}:token-{CANARY}");
    let log = Log::default();
    let kept = log.keep();
    for path in ECHOES {
        let auth = Auth::SigV4 {
            credential: "key".to_owned(),
            region: "us-east-1".to_owned(),
            service: "ec2".to_owned(),
        };
        let response = case.get(path, auth).await.unwrap();
        let sent = case.server.received().pop().unwrap();
        let signature = sent.head.split_once("Signature=").unwrap().1[..64].to_owned();
        search_response(&response);
        assert!(
            !String::from_utf8_lossy(&response.body).contains(&signature),
            "{path}"
        );
        assert!(
            response
                .headers
                .iter()
                .all(|header| !header.value.contains(&signature)),
            "{path}"
        );
    }
    drop(kept);
    search(&log.text());
}

#[tokio::test]
async fn no_error_tells_what_was_sent() {
    let case = Case::with_key("bearer", echo).await;
    let log = Log::default();
    let kept = log.keep();
    for path in ["/truncated", "/nonsense", "/gzip", "/upgrade"] {
        let error = case.get(path, bearer()).await.unwrap_err();
        assert!(
            matches!(error, OutboundError::Unreachable(_)),
            "{path} {error}"
        );
        search(&format!("{error} {error:?}"));
    }
    for (credential, url) in [
        ("key", "nonsense"),
        ("nobodys", "https://api.test/"),
        ("key", "https://other.test/"),
    ] {
        let error = case
            .call()
            .send(get(url, Auth::Bearer(credential.to_owned())))
            .await
            .unwrap_err();
        search(&format!("{error} {error:?}"));
    }
    drop(kept);
    search(&log.text());
}

#[tokio::test]
async fn what_one_request_carried_is_taken_out_of_the_answer_to_another() {
    let stored = format!("the log of yesterday: {CANARY}");
    let case = Case::with_key("bearer", move |_| ok("", &stored)).await;
    let response = case.get("/", Auth::Anonymous).await.unwrap();
    assert_eq!(response.body, b"the log of yesterday: [scrubbed]");
    // The length of what was there would tell where to look.
    assert_eq!(header(&response, "content-length"), None);
    assert_eq!(case.server.received()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_session_that_a_key_opened_stays_with_the_host() {
    let case = Case::with_key("bearer", echo).await;
    let response = case.get("/cookie", bearer()).await.unwrap();
    for name in ["set-cookie", "authentication-info", "connection"] {
        assert_eq!(header(&response, name), None);
    }
    case.get("/", bearer()).await.unwrap();
    assert_eq!(case.server.received()[1].header("cookie"), None);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_carries_nothing_anywhere() {
    let other = Case::new(|_| ok("", "")).await;
    let to = other.url("/").replace("api.test", "other.test");
    for status in [301, 302, 303, 307, 308] {
        let head =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        let case = Case::with_key("bearer", move |_| {
            vec![Act::Write(head.clone().into_bytes())]
        })
        .await;
        let response = case.get("/", bearer()).await.unwrap();
        assert_eq!(response.status, status);
        assert_eq!(header(&response, "location"), Some(&*to));
        assert_eq!(case.server.received().len(), 1);
        let error = case.call().send(get(&to, bearer())).await.unwrap_err();
        assert!(matches!(error, OutboundError::Denied(_)), "{error}");
    }
    assert!(other.server.received().is_empty());
}

#[tokio::test]
async fn a_credential_goes_to_no_other_origin_even_if_both_are_granted() {
    let mut case = Case::with_key("bearer", echo).await;
    let url = case.url("/").replace("api.test", "other.test");
    let grant = case.grants.plugins.get_mut(PLUGIN).unwrap();
    grant
        .private_origins
        .insert(url.trim_end_matches('/').parse().unwrap());
    let error = case.call().send(get(&url, bearer())).await.unwrap_err();
    assert!(
        matches!(error, OutboundError::UnknownCredential(_)),
        "{error}"
    );
    case.call().send(get(&url, Auth::Anonymous)).await.unwrap();
    assert_eq!(case.server.received()[0].header("authorization"), None);
}

#[tokio::test]
async fn another_plugins_credential_is_unknown() {
    let mut case = Case::with_key("bearer", echo).await;
    case.grants.credentials.get_mut("key").unwrap().plugins = ["another".to_owned()].into();
    let error = case.get("/body", bearer()).await.unwrap_err();
    assert!(
        matches!(error, OutboundError::UnknownCredential(_)),
        "{error}"
    );
    assert!(case.server.received().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_of_no_use() {
    let case = Case::with_key("bearer", |_| ok("", "")).await;
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let here = address("127.0.0.1");
    let answers = [
        vec![here],
        vec![address("169.254.169.254")],
        vec![here, address("169.254.169.254")],
        vec![],
    ];
    case.resolver.answers.lock().unwrap().extend(answers);
    let call = case.call();
    let ask = || call.send(get(&case.url("/"), bearer()));
    ask().await.unwrap();
    for _ in 0..2 {
        let error = ask().await.unwrap_err();
        assert!(matches!(error, OutboundError::Denied(_)), "{error}");
    }
    assert!(matches!(ask().await, Err(OutboundError::Unreachable(_))));
    // One look-up for each request: what was judged is what was called.
    assert_eq!(case.resolver.asked.load(Ordering::Relaxed), 4);
    assert_eq!(case.server.received().len(), 1);
}

#[tokio::test]
async fn a_public_grant_does_not_reach_this_machine() {
    let mut case = Case::with_key("bearer", |_| ok("", "")).await;
    let grant = case.grants.plugins.get_mut(PLUGIN).unwrap();
    grant.origins = std::mem::take(&mut grant.private_origins);
    let error = case.get("/", bearer()).await.unwrap_err();
    assert!(error.to_string().contains("private-origins = ["), "{error}");
    assert!(case.server.received().is_empty());
}

#[tokio::test]
async fn a_header_cannot_carry_a_second_one_or_a_second_request() {
    let case = Case::with_key("bearer", echo).await;
    for value in [
        "x\r\nhost: evil.test",
        "x\n\nGET /steal HTTP/1.1",
        "x\rhost: y",
        "x\0",
    ] {
        let mut request = get(&case.url("/"), bearer());
        request.headers.push(Header {
            name: "x-a".to_owned(),
            value: value.to_owned(),
        });
        let error = case.call().send(request).await.unwrap_err();
        assert!(matches!(error, OutboundError::Malformed(_)), "{error}");
    }
    for path in [
        "/ HTTP/1.1\r\nhost: evil.test\r\n",
        "/\r\n\r\nGET / HTTP/1.1",
    ] {
        let error = case.get(path, bearer()).await.unwrap_err();
        assert!(matches!(error, OutboundError::Malformed(_)), "{error}");
    }
    assert!(case.server.received().is_empty());
}
