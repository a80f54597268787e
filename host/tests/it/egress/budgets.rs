//! Servers that send too much, too slowly or without end, and plugins that ask
//! too often.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use host::subnet::outbound::{Auth, Egress as _, Outbound, OutboundError};
use host::subnet::provider::Want;

use super::support::{Act, Case, PLUGIN, get, ok};

/// Shorter than any of these servers would take, longer than this machine needs.
const SHORT: Duration = Duration::from_millis(300);

fn head(rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes()
}

#[tokio::test]
async fn a_head_without_end_is_too_large() {
    for filler in [
        "x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        "x: y\r\n",
        "z",
    ] {
        let case = Case::new(move |_| {
            vec![
                Act::Write(head("x-a: ")),
                Act::Repeat(filler.as_bytes().to_vec()),
            ]
        })
        .await;
        let error = case.get("/", Auth::Anonymous).await.unwrap_err();
        assert_eq!(error, OutboundError::TooLarge, "{filler}");
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large_announced_or_not() {
    let announced = head("content-length: 999999999999\r\n\r\n");
    let chunked = head("transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    let endless = head("connection: close\r\n\r\n");
    for (first, more) in [
        (announced, Act::Hang),
        (chunked, Act::Repeat(chunk)),
        (endless, Act::Repeat(vec![b'x'; 0x10000])),
    ] {
        let acts = std::sync::Mutex::new(Some(vec![Act::Write(first), more]));
        let mut case = Case::new(move |_| acts.lock().unwrap().take().unwrap()).await;
        case.limits.response_kib_max = 100;
        let error = case.get("/", Auth::Anonymous).await.unwrap_err();
        assert_eq!(error, OutboundError::TooLarge);
    }
}

#[tokio::test]
async fn a_body_at_the_limit_is_not() {
    let mut case = Case::new(|_| ok("", vec![b'x'; 100 << 10])).await;
    case.limits.response_kib_max = 100;
    let response = case.get("/", Auth::Anonymous).await.unwrap();
    assert_eq!(response.body.len(), 100 << 10);
}

#[tokio::test]
async fn a_server_that_dawdles_costs_its_time_and_no_more() {
    type Acts = fn() -> Vec<Act>;
    let ways: [Acts; 4] = [
        || vec![Act::Hang],
        || vec![Act::Write(b"HTTP/1.1 2".to_vec()), Act::Hang],
        || vec![Act::Write(head("x-a: ")), Act::Hang],
        || vec![Act::Write(head("content-length: 10\r\n\r\nx")), Act::Hang],
    ];
    for way in ways {
        let case = Case::new(move |_| way()).await;
        let mut request = get(&case.url("/"), Auth::Anonymous);
        request.timeout = SHORT;
        let began = Instant::now();
        let error = case.call().send(request).await.unwrap_err();
        assert_eq!(error, OutboundError::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn no_plugin_waits_longer_than_its_operator_lets_it() {
    let mut case = Case::new(|_| vec![Act::Hang]).await;
    case.limits.request_time = SHORT;
    let mut request = get(&case.url("/"), Auth::Anonymous);
    request.timeout = Duration::from_secs(86_400);
    let error = case.call().send(request).await.unwrap_err();
    assert_eq!(error, OutboundError::TimedOut);
}

#[tokio::test]
async fn the_time_of_a_call_is_shared_by_its_requests() {
    let mut case = Case::new(|_| vec![Act::Hang]).await;
    case.limits.call_time = SHORT;
    let call = case.call();
    let ask = || call.send(get(&case.url("/"), Auth::Anonymous));
    assert_eq!(ask().await, Err(OutboundError::TimedOut));
    assert_eq!(ask().await, Err(OutboundError::OutOfBudget));
    assert!(case.server.received().len() <= 1);
}

#[tokio::test]
async fn a_call_has_so_many_requests_and_bytes() {
    let mut case = Case::new(|_| ok("", vec![b'x'; 600])).await;
    case.limits.requests_per_call_max = 3;
    let url = case.url("/");
    let ask = |call: Arc<dyn Outbound>| {
        let request = get(&url, Auth::Anonymous);
        async move { call.send(request).await }
    };
    let call = case.call();
    for _ in 0..3 {
        ask(call.clone()).await.unwrap();
    }
    assert_eq!(ask(call).await, Err(OutboundError::OutOfBudget));
    ask(case.call()).await.unwrap();
    assert_eq!(case.server.received().len(), 4);

    case.limits.received_kib_per_call_max = 1;
    let call = case.call();
    ask(call.clone()).await.unwrap();
    assert_eq!(ask(call).await, Err(OutboundError::OutOfBudget));

    case.limits.sent_kib_per_call_max = 1;
    let mut request = get(&url, Auth::Anonymous);
    request.body = vec![0; 1024];
    let before = case.server.received().len();
    assert_eq!(
        case.call().send(request).await,
        Err(OutboundError::OutOfBudget)
    );
    assert_eq!(case.server.received().len(), before);
}

#[tokio::test]
async fn a_day_has_so_many_requests_and_the_next_has_them_again() {
    let mut case = Case::new(|_| ok("", "")).await;
    case.limits.requests_per_day_max = 2;
    let egress = case.egress();
    let wants = [Want::HttpOrigin(case.url(""))];
    let ask = || {
        let call = egress.open(PLUGIN, &wants);
        let request = get(&case.url("/"), Auth::Anonymous);
        async move { call.send(request).await }
    };
    ask().await.unwrap();
    ask().await.unwrap();
    assert_eq!(ask().await, Err(OutboundError::OutOfBudget));
    case.clock.0.fetch_add(86_400, Ordering::Relaxed);
    ask().await.unwrap();
    assert_eq!(case.server.received().len(), 3);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let case = Case::new(|_| ok("", "")).await;
    let url = case.url("/");
    let call = case.call();
    // Its port is closed once it is gone.
    let Case { server, .. } = case;
    drop(server);
    tokio::task::yield_now().await;
    let error = call.send(get(&url, Auth::Anonymous)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Unreachable(_)), "{error}");
}
