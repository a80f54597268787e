//! Events in, text out.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::subnet::events::{CallKind, EndingKind, SwapKind, WeightsKind};
use crate::subnet::plugin::World;

use super::*;

fn events() -> Vec<Event> {
    let elapsed = Duration::from_millis(20);
    vec![
        Event::SessionBegan,
        Event::SessionEnded {
            kind: EndingKind::Passed,
            elapsed,
        },
        Event::TaskAnswered {
            kind: crate::subnet::events::AnswerKind::Busy,
            elapsed,
        },
        Event::RequestServed {
            kind: crate::subnet::events::ServedKind::Forbidden,
            elapsed,
        },
        Event::PluginCalled {
            world: World::ScoringPolicy,
            kind: CallKind::OK,
            fuel: 1000,
            memory_bytes: 1 << 20,
            elapsed,
        },
        Event::PluginSwap {
            world: World::ScoringPolicy,
            kind: SwapKind::Refused,
        },
        Event::HeadSeen {
            number: 42,
            lag_blocks: 3,
        },
        Event::RpcFailed,
        Event::EpochScored {
            miners: 4,
            scored: 2,
        },
        Event::ShadowScored {
            moved_ppm: 7,
            zeroed: 1,
            raised: 2,
        },
        Event::Weights {
            kind: WeightsKind::Confirmed,
            block: 41,
        },
        Event::Rentals {
            phase: "running",
            count: 1,
        },
    ]
}

#[test]
fn every_series_of_the_table_is_there() {
    let metrics = Metrics::new(&[Condition::Chain]);
    for event in events() {
        metrics.observe(event);
    }
    let text = metrics.encode(Instant::now());
    let table = include_str!("../metrics.rs");
    let named: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .collect();
    assert!(named.len() > 15);
    for name in named {
        assert!(
            text.contains(&format!("\n{name}")),
            "{name} is missing in\n{text}"
        );
    }
}

#[test]
fn a_call_is_counted_with_its_fuel_and_memory() {
    let metrics = Metrics::new(&[]);
    for event in events() {
        metrics.observe(event);
    }
    let text = metrics.encode(Instant::now());
    for line in [
        "host_plugin_fuel_total{world=\"scoring-policy\"} 1000",
        "host_plugin_memory_bytes_sum{world=\"scoring-policy\"} 1048576.0",
        "host_sessions_total{ending=\"passed\"} 1",
        "host_chain_lag_blocks 3",
        "host_weights_block{state=\"confirmed\"} 41",
        "host_epoch_miners{kind=\"scored\"} 2",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_silent_chain_ends_readiness() {
    let metrics = Metrics::new(&[Condition::Chain, Condition::AxonBound]);
    metrics.observe(Event::HeadSeen {
        number: 1,
        lag_blocks: 0,
    });
    metrics.observe(Event::Readiness {
        condition: Condition::AxonBound,
        met: true,
    });
    let now = Instant::now();
    assert!(metrics.readiness(now).ready);
    let later = now + CHAIN_SILENT_MAX + Duration::from_secs(1);
    let readiness = metrics.readiness(later);
    assert!(!readiness.ready);
    assert_eq!(readiness.missing[0].condition, "chain");
}

#[test]
fn while_the_chain_is_away_nothing_is_said_of_what_it_holds() {
    let metrics = Metrics::new(&[
        Condition::Chain,
        Condition::Registered,
        Condition::AxonAnnounced,
        Condition::Plugins,
    ]);
    let missing = |now| -> Vec<&str> {
        let missing = metrics.readiness(now).missing;
        missing.iter().map(|missing| missing.condition).collect()
    };
    let now = Instant::now();
    assert_eq!(missing(now), ["chain", "plugins"]);
    metrics.observe(Event::HeadSeen {
        number: 1,
        lag_blocks: 0,
    });
    assert_eq!(
        missing(Instant::now()),
        ["registered", "axon-announced", "plugins"]
    );
}

#[test]
fn a_condition_nobody_requires_changes_nothing() {
    let metrics = Metrics::new(&[]);
    metrics.observe(Event::Readiness {
        condition: Condition::Plugins,
        met: false,
    });
    assert!(metrics.readiness(Instant::now()).ready);
}

async fn get(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut reply = String::new();
    let _ = stream.read_to_string(&mut reply).await;
    reply
}

#[tokio::test]
async fn the_listener_answers_its_three_paths_and_survives_garbage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Arc::new(Metrics::new(&[Condition::Plugins]));
    let server = tokio::spawn(serve(listener, metrics, std::future::pending()));
    let garbage = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(100_000));
    get(address, &garbage).await;
    let path = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(
        get(address, &path("/healthz"))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let ready = get(address, &path("/readyz")).await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("\"condition\":\"plugins\""), "{ready}");
    assert!(get(address, &path("/metrics")).await.contains("# EOF"));
    assert!(get(address, &path("/x")).await.starts_with("HTTP/1.1 404"));
    let post = get(address, "POST /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    server.abort();
}
