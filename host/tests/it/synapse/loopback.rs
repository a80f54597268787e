//! Both ends together over loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host::subnet::challenge::{Answer, PAYLOAD_BYTES_MAX};
use host::subnet::key::Signer;
use host::subnet::wire::{Dendrite as _, Peer, PeerError, Refusal};
use host::synapse::{AxonOptions, HttpDendrite};
use tokio::sync::Notify;

use super::support::{
    Axon, FakeService, PATIENCE, alice, alice_ed25519, charlie, dendrite, described, description,
    loopback_options, task,
};

#[tokio::test]
async fn a_miner_describes_itself() {
    let axon = Axon::start(AxonOptions::default()).await;
    assert_eq!(dendrite().describe(&axon.peer()).await, Ok(described()));
}

#[tokio::test]
async fn a_task_is_answered_over_cold_and_warm_connections_alike() {
    let axon = Axon::start(AxonOptions::default()).await;
    let dendrite = dendrite();
    for payload in [&b"abc"[..], b"", &vec![7; PAYLOAD_BYTES_MAX]] {
        let (answer, elapsed) = dendrite.challenge(&axon.peer(), task(payload)).await;
        let expected: Vec<u8> = payload.iter().rev().copied().collect();
        assert!(
            answer == Answer::Payload(expected),
            "{} bytes",
            payload.len()
        );
        assert!(elapsed > Duration::ZERO && elapsed < PATIENCE);
    }
}

#[tokio::test]
async fn keys_of_either_scheme_understand_one_another() {
    let reversing = FakeService::reversing();
    let axon = Axon::serve_as(alice_ed25519(), AxonOptions::default(), reversing).await;
    for caller in [alice() as Arc<dyn Signer>, alice_ed25519()] {
        let dendrite = HttpDendrite::new(caller, loopback_options());
        let (answer, _) = dendrite.challenge(&axon.peer(), task(b"ab")).await;
        assert_eq!(answer, Answer::Payload(b"ba".to_vec()));
    }
}

#[tokio::test]
async fn the_end_of_a_session_reaches_the_miner() {
    let service = FakeService::reversing();
    let axon = Axon::serve(AxonOptions::default(), Arc::<FakeService>::clone(&service)).await;
    assert_eq!(dendrite().end_session(&axon.peer(), "s-1").await, Ok(()));
    assert_eq!(*service.ended.lock().unwrap(), ["s-1"]);
    let no_name = dendrite().end_session(&axon.peer(), "../x").await;
    assert!(matches!(no_name, Err(PeerError::Refused(_))), "{no_name:?}");
}

#[tokio::test]
async fn each_refusal_reaches_the_validator_as_what_it_is() {
    let refusals = [
        (Refusal::Busy(1500), Answer::Busy(1500)),
        (Refusal::Forgotten, Answer::Forgotten),
        (Refusal::Unable("no".into()), Answer::Refused("no".into())),
        (
            Refusal::Malformed("no".into()),
            Answer::Refused("no".into()),
        ),
        (
            Refusal::Forbidden("no".into()),
            Answer::Refused("no".into()),
        ),
        (Refusal::Failed("no".into()), Answer::Refused("no".into())),
    ];
    for (refusal, expected) in refusals {
        let service = FakeService::new(move |_| Err(refusal.clone()));
        let axon = Axon::serve(AxonOptions::default(), service).await;
        let (answer, _) = dendrite().challenge(&axon.peer(), task(b"x")).await;
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn a_stranger_is_known_and_refused() {
    let axon = Axon::start(AxonOptions::default()).await;
    let stranger = HttpDendrite::new(charlie(), loopback_options());
    let refused = Err(PeerError::Refused("validators only".to_owned()));
    assert_eq!(stranger.describe(&axon.peer()).await, refused);
    axon.assert_serves().await;
}

#[tokio::test]
async fn a_request_for_another_hotkey_is_refused() {
    let axon = Axon::start(AxonOptions::default()).await;
    let elsewhere = Peer {
        hotkey: charlie().account(),
        ..axon.peer()
    };
    let refused = dendrite().describe(&elsewhere).await;
    assert!(matches!(refused, Err(PeerError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_hotkey_that_rushes_is_told_to_wait() {
    let options = AxonOptions {
        requests_per_second: 1,
        requests_burst: 1,
        ..AxonOptions::default()
    };
    let axon = Axon::start(options).await;
    let dendrite = dendrite();
    let (first, _) = dendrite.challenge(&axon.peer(), task(b"x")).await;
    assert_eq!(first, Answer::Payload(b"x".to_vec()));
    let (second, _) = dendrite.challenge(&axon.peer(), task(b"x")).await;
    assert!(matches!(second, Answer::Busy(1..=1000)), "{second:?}");
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_never_sent() {
    let service = FakeService::new(|_| Ok(vec![0; PAYLOAD_BYTES_MAX + 1]));
    let axon = Axon::serve(AxonOptions::default(), service).await;
    let (answer, _) = dendrite().challenge(&axon.peer(), task(b"x")).await;
    assert_eq!(
        answer,
        Answer::Refused("the answer is too large".to_owned())
    );
}

#[tokio::test]
async fn a_handler_that_panics_costs_one_request() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let service = FakeService::new(move |task| {
        assert!(
            seen.fetch_add(1, Ordering::SeqCst) > 0,
            "the first call panics"
        );
        Ok(task.payload.clone())
    });
    let axon = Axon::serve(AxonOptions::default(), service).await;
    let dendrite = dendrite();
    let (answer, _) = dendrite.challenge(&axon.peer(), task(b"x")).await;
    assert!(matches!(answer, Answer::Unreachable(_)), "{answer:?}");
    let (answer, _) = dendrite.challenge(&axon.peer(), task(b"x")).await;
    assert_eq!(answer, Answer::Payload(b"x".to_vec()));
}

#[tokio::test]
async fn nobody_is_called_at_a_private_address_unless_told_so() {
    let axon = Axon::start(AxonOptions::default()).await;
    let strict = HttpDendrite::new(alice(), host::synapse::DendriteOptions::default());
    let refused = strict.describe(&axon.peer()).await;
    assert!(matches!(refused, Err(PeerError::Address(_))), "{refused:?}");
    let (answer, _) = strict.challenge(&axon.peer(), task(b"x")).await;
    assert!(matches!(answer, Answer::Unreachable(_)), "{answer:?}");
}

#[tokio::test]
async fn many_calls_at_once_have_nonces_of_their_own() {
    let options = AxonOptions {
        requests_burst: 1000,
        pending_per_hotkey_max: 1000,
        ..AxonOptions::default()
    };
    let axon = Axon::start(options).await;
    let dendrite = dendrite();
    let peer = axon.peer();
    let calls = (0..40).map(|_| dendrite.challenge(&peer, task(b"x")));
    for (answer, _) in futures::future::join_all(calls).await {
        assert_eq!(answer, Answer::Payload(b"x".to_vec()));
    }
}

#[tokio::test]
async fn a_running_request_is_finished_after_shutdown_and_no_other_begins() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = Waiting {
        entered: Arc::clone(&entered),
        leave: Arc::clone(&leave),
    };
    let mut axon = Axon::serve(AxonOptions::default(), Arc::new(service)).await;
    let peer = axon.peer();
    let running = tokio::spawn(async move { dendrite().challenge(&peer, task(b"x")).await });
    entered.notified().await;
    axon.stop();
    // The port closes; until then the listener may still be there.
    while tokio::net::TcpStream::connect(axon.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    leave.notify_one();
    let (answer, _) = running.await.unwrap();
    assert_eq!(answer, Answer::Payload(b"x".to_vec()));
    tokio::time::timeout(PATIENCE, axon.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_request_that_runs_on_after_shutdown_is_cut_off() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = Waiting {
        entered: Arc::clone(&entered),
        leave,
    };
    let options = AxonOptions {
        drain_time: Duration::from_millis(50),
        ..AxonOptions::default()
    };
    let mut axon = Axon::serve(options, Arc::new(service)).await;
    let peer = axon.peer();
    let running = tokio::spawn(async move { dendrite().challenge(&peer, task(b"x")).await });
    entered.notified().await;
    axon.stop();
    let (answer, _) = running.await.unwrap();
    assert!(matches!(answer, Answer::Unreachable(_)), "{answer:?}");
    tokio::time::timeout(PATIENCE, axon.task)
        .await
        .unwrap()
        .unwrap();
}

/// Says when a task has come, and answers when told to.
struct Waiting {
    entered: Arc<Notify>,
    leave: Arc<Notify>,
}

#[async_trait::async_trait]
impl host::subnet::wire::Service for Waiting {
    fn admit(&self, _: &host::subnet::key::AccountId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn describe(
        &self,
        _: &host::subnet::key::AccountId,
    ) -> Result<host::subnet::wire::Description, Refusal> {
        Ok(description())
    }

    async fn challenge(
        &self,
        _: &host::subnet::key::AccountId,
        task: host::subnet::wire::TaskReceived,
    ) -> Result<Vec<u8>, Refusal> {
        self.entered.notify_one();
        self.leave.notified().await;
        Ok(task.payload)
    }

    async fn end_session(&self, _: &host::subnet::key::AccountId, _: &str) {}
}
