//! A day of traffic in a minute, on a clock that the test moves: what an axon
//! remembers leaves again, so its memory stays where it was after an hour.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use host::subnet::key::Signer;
use host::subnet::wire::DESCRIBE_PATH;
use host::synapse::AxonOptions;

use super::classic_requests::{NO_HASH, bytes, head};
use super::floods::{elsewhere, resident_bytes};
use super::support::{Axon, StillClock, bob, keys, signed_by, status, talk};
use super::synapses::Synapses;

const HOUR_NS: u64 = 3_600_000_000_000;
/// One every 7 s, beside those that are refused.
const REQUESTS_PER_HOUR: u64 = 500;
const CALLERS: u8 = 64;
const GROWTH_BYTES_MAX: u64 = 8 << 20;

#[tokio::test]
#[ignore = "half a minute of requests: cargo test -p host --test it a_day -- --ignored"]
async fn a_day_of_traffic_leaves_memory_as_it_was() {
    if elsewhere("synapse::a_day::a_day_of_traffic_leaves_memory_as_it_was") {
        return;
    }
    let begun = 1_795_353_540_000_000_000;
    let clock = Arc::new(StillClock(begun.into()));
    let options = AxonOptions {
        clock: clock.clone(),
        ..AxonOptions::default()
    };
    let axon = Axon::serve(options, Arc::new(Synapses::default())).await;
    let callers = keys(CALLERS);
    let mut after_an_hour = 0;
    for hour in 0..24 {
        for n in 0..REQUESTS_PER_HOUR {
            let now = begun + hour * HOUR_NS + n * (HOUR_NS / REQUESTS_PER_HOUR);
            clock.0.store(now, Ordering::SeqCst);
            let caller = &callers[usize::try_from(n % u64::from(CALLERS)).unwrap()];
            traffic(&axon, caller.as_ref(), now, n).await;
        }
        if hour == 0 {
            after_an_hour = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(after_an_hour);
    println!("{after_an_hour} bytes after an hour, {grown} more after a day");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more after a day");
}

/// A request of either wire, and now and then one that is refused.
async fn traffic(axon: &Axon, caller: &dyn Signer, now: u64, n: u64) {
    let request = if n.is_multiple_of(2) {
        bytes("Deny", &head(caller, now, NO_HASH), "{}")
    } else {
        let proof = signed_by(caller, DESCRIBE_PATH, b"", &bob().account(), now);
        let line = format!("POST {DESCRIBE_PATH} HTTP/1.1\r\nhost: x\r\nconnection: close");
        format!("{line}\r\n{proof}\r\n").into_bytes()
    };
    let answer = talk(axon.address, &request).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    if n.is_multiple_of(10) {
        let answer = talk(axon.address, &request).await;
        assert_eq!(status(&answer), Some(401), "{answer}");
    }
}
