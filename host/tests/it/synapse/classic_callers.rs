//! Callers of the classic wire, honest and not, over raw sockets.

use std::sync::Arc;

use host::subnet::key::Signer as _;
use host::synapse::classic::{Classic, Head};
use host::synapse::replay::{ReplayLimits, ReplayStore};
use host::synapse::verify::{Arrived, Verifier};
use host::synapse::{AxonOptions, Protocol};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::classic_requests::{NO_HASH, bytes, head, request};
use super::support::{Axon, StillClock, alice, bob, head as btauth_head, now_ns, status, talk};
use super::synapses::Synapses;

async fn axon(options: AxonOptions) -> Axon {
    Axon::serve(options, Arc::new(Synapses::default())).await
}

#[tokio::test]
async fn requests_that_overtook_one_another_are_served() {
    let axon = axon(AxonOptions::default()).await;
    let now = now_ns();
    let requests = [3_000_000, 1_000_000, 2_000_000, 0].map(|earlier| {
        bytes(
            "Deny",
            &head(alice().as_ref(), now - earlier, NO_HASH),
            "{}",
        )
    });
    for request in &requests {
        let answer = talk(axon.address, request).await;
        assert_eq!(status(&answer), Some(200), "{answer}");
    }
    for request in &requests {
        let answer = talk(axon.address, request).await;
        assert_eq!(status(&answer), Some(401), "{answer}");
        assert!(
            answer.contains("a newer one was last processed"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn without_a_signature_nobody_is_served_whatever_the_version() {
    let axon = axon(AxonOptions::default()).await;
    for version in [
        None,
        Some(6_000_000),
        Some(7_001_000),
        Some(9_012_002),
        Some(10_005_000),
    ] {
        for signature in [None, Some(""), Some("0x"), Some("00")] {
            let mut head = head(alice().as_ref(), now_ns(), NO_HASH);
            head.dendrite.version = version;
            head.dendrite.signature = signature.map(str::to_owned);
            let answer = talk(axon.address, &bytes("Deny", &head, "{}")).await;
            assert_eq!(status(&answer), Some(401), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_says_nothing_about_who_sent_it() {
    let axon = axon(AxonOptions::default()).await;
    let bob = bob().account().to_ss58();
    let body = format!("{{\"dendrite\":{{\"hotkey\":\"{bob}\"}}}}");
    let answer = talk(axon.address, &request(alice().as_ref(), "Deny", &body)).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    let own = format!("bt_header_dendrite_hotkey: {}", alice().account());
    assert!(answer.contains(&own), "{answer}");
    assert!(
        !answer.contains(&format!("dendrite_hotkey: {bob}")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_timeout_of_a_year_widens_the_window_by_a_minute() {
    let axon = axon(AxonOptions::default()).await;
    let old = |age_s: u64| {
        let mut head = head(alice().as_ref(), now_ns() - age_s * 1_000_000_000, NO_HASH);
        head.timeout_s = Some(31_536_000.0);
        bytes("Deny", &head, "{}")
    };
    let answer = talk(axon.address, &old(60)).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    let answer = talk(axon.address, &old(66)).await;
    assert_eq!(status(&answer), Some(401), "{answer}");
    assert!(
        answer.contains("acceptable delta is 64.00 seconds"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_protocol_that_is_switched_off_is_not_spoken() {
    let ours = btauth_head(
        host::subnet::wire::DESCRIBE_PATH,
        b"",
        "connection: close\r\n",
    );
    let classic = request(alice().as_ref(), "Deny", "{}");
    let only = |protocol| AxonOptions {
        protocols: vec![protocol],
        ..AxonOptions::default()
    };
    let old = axon(only(Protocol::Classic)).await;
    assert_eq!(status(&talk(old.address, &classic).await), Some(200));
    // By the mark that a caller of btauth/1 knows an old axon by.
    let ping = ours.replace(host::subnet::wire::DESCRIBE_PATH, "/Synapse");
    let answer = talk(old.address, ping.as_bytes()).await;
    assert_eq!(status(&answer), Some(500), "{answer}");
    assert!(
        answer.contains("\r\nbt_header_axon_status_code: 500\r\n"),
        "{answer}"
    );
    let new = axon(only(Protocol::Btauth)).await;
    assert_eq!(status(&talk(new.address, ours.as_bytes()).await), Some(200));
    assert_eq!(status(&talk(new.address, &classic).await), Some(404));
}

#[tokio::test]
async fn an_unknown_synapse_is_named_with_those_there_are() {
    let axon = axon(AxonOptions::default()).await;
    let answer = talk(axon.address, &request(alice().as_ref(), "Nope", "{}")).await;
    let said = "Synapse name 'Nope' not found. Available synapses ['Synapse', 'Echo', 'Deny', \
                'Boom', 'Slow', 'StreamIt']";
    assert_eq!(status(&answer), Some(404), "{answer}");
    assert!(
        answer.ends_with(&format!("{{\"message\":\"{said}\"}}")),
        "{answer}"
    );
}

proptest::proptest! {
    #[test]
    fn no_headers_make_the_verifier_panic(values in proptest::collection::vec("[ -~]{0,140}", 6)) {
        let names = ["nonce", "uuid", "hotkey", "signature", "version", "x"];
        let names = names.map(|name| format!("bt_header_dendrite_{name}"));
        let headers: HeaderMap = names
            .iter()
            .map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap())
            .zip(values.iter().map(|v| HeaderValue::from_str(v).unwrap()))
            .collect();
        let clock = Arc::new(StillClock(now_ns().into()));
        let replays = ReplayStore::new(ReplayLimits::default());
        let verifier = Verifier::new(&bob().account(), clock, 0, replays);
        let arrived = Arrived { method: "POST", target: "/x", body: b"" };
        proptest::prop_assert!(verifier.verify(&Classic, &headers, arrived).is_err());
        let _ = Head::read(&headers);
    }
}
