//! The signed wire, end to end, and those who would abuse it.

use std::sync::Arc;

use host::subnet::key::Signer;
use host::subnet::rental::{Lease, RentError};
use host::subnet::wire::{Dendrite as _, Peer, PeerError, RentAnswer, RentCall, RentFailure};
use host::synapse::HttpDendrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::super::synapse::support::{
    Axon, alice, bob, charlie, head, listen, loopback_options, now_ns, signed_by, status, talk,
};
use super::support::{PRICE, Paper, miner, request};

const ORDER: &str = "/compute-subnet/1/rent/order";

fn as_renter(signer: Arc<dyn Signer>) -> HttpDendrite {
    HttpDendrite::new(signer, loopback_options())
}

async fn lease(renter: &HttpDendrite, axon: &Axon, call: RentCall) -> Result<Lease, RentFailure> {
    let answer = renter.rent(&axon.peer(), call).await?;
    Ok(answer.into_lease().expect("it is about one rental"))
}

fn show(key: &str) -> RentCall {
    let key = key.to_owned();
    RentCall::Show { key }
}

#[tokio::test]
async fn a_rental_goes_its_whole_way_over_the_wire() {
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account()]).await;
    let renter = as_renter(alice());
    let offers = renter.rent(&axon.peer(), RentCall::Offers).await.unwrap();
    let RentAnswer::Listings(offers) = offers else {
        panic!("offers were asked for")
    };
    assert_eq!(offers[0].price_micro_usd_per_hour, PRICE);

    let rented = lease(&renter, &axon, RentCall::Order(request("k")))
        .await
        .unwrap();
    assert_eq!((rented.state.as_str(), rented.ends_at), ("running", 1_600));
    let again = lease(&renter, &axon, RentCall::Order(request("k")))
        .await
        .unwrap();
    assert_eq!((again, paper.orders()), (rented, 1));
    let full = lease(&renter, &axon, RentCall::Order(request("k2"))).await;
    assert_eq!(full, Err(RentError::Full("it is let".to_owned()).into()));

    let extend = RentCall::Extend {
        key: "k".to_owned(),
        by_s: 60,
    };
    assert_eq!(lease(&renter, &axon, extend).await.unwrap().ends_at, 1_660);
    assert_eq!(
        lease(&renter, &axon, show("k")).await.unwrap().ends_at,
        1_660
    );
    let listed = renter.rent(&axon.peer(), RentCall::List).await.unwrap();
    assert!(matches!(listed, RentAnswer::Leases(leases) if leases.len() == 1));
    let key = "k".to_owned();
    let ended = lease(&renter, &axon, RentCall::End { key }).await.unwrap();
    assert_eq!(ended.state, "ended");
}

#[tokio::test]
async fn refusals_arrive_as_what_they_are() {
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account()]).await;
    let renter = as_renter(alice());
    let mut cheap = request("k");
    cheap.price_micro_usd_per_hour_max = PRICE - 1;
    let refused = lease(&renter, &axon, RentCall::Order(cheap)).await;
    assert_eq!(refused, Err(RentError::PriceRose(PRICE).into()));
    let mut other = request("k");
    other.machine = "pod".to_owned();
    let refused = lease(&renter, &axon, RentCall::Order(other)).await;
    assert_eq!(
        refused,
        Err(RentError::NoSuchMachine("pod".to_owned()).into())
    );
    let refused = lease(&renter, &axon, show("nothing")).await;
    assert_eq!(refused, Err(RentError::NoSuchRental.into()));
}

#[tokio::test]
async fn a_renter_sees_nothing_of_another_and_a_stranger_nothing_at_all() {
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account(), charlie().account()]).await;
    lease(&as_renter(alice()), &axon, RentCall::Order(request("k")))
        .await
        .unwrap();
    let charlie = as_renter(charlie());
    for call in [
        show("k"),
        RentCall::End {
            key: "k".to_owned(),
        },
    ] {
        let refused = lease(&charlie, &axon, call).await;
        assert_eq!(refused, Err(RentError::NoSuchRental.into()));
    }
    let none = charlie.rent(&axon.peer(), RentCall::List).await.unwrap();
    assert_eq!(none, RentAnswer::Leases(Vec::new()));
    let stranger = as_renter(bob());
    let refused = stranger.rent(&axon.peer(), RentCall::Offers).await;
    assert!(
        matches!(refused, Err(RentFailure::NotServed(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_malformed_huge_unsigned_or_replayed_rents_nothing() {
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account()]).await;
    let post = async |target: &str, body: &[u8]| {
        let more = format!(
            "content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
            body.len()
        );
        let mut bytes = head(target, body, &more).into_bytes();
        bytes.extend_from_slice(body);
        talk(axon.address, &bytes).await
    };
    let order = serde_json::to_vec(&request("k")).unwrap();
    assert_eq!(status(&post(ORDER, b"{}").await), Some(400));
    assert!(post(ORDER, b"[").await.contains("\"code\":\"malformed\""));
    assert_eq!(status(&post(ORDER, &vec![b' '; 17 << 10]).await), Some(413));
    assert_eq!(
        status(&post("/compute-subnet/1/rent/show/..", b"").await),
        Some(404)
    );
    let unsigned = format!(
        "POST {ORDER} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        order.len()
    );
    let unsigned = [unsigned.as_bytes(), &order].concat();
    assert_eq!(status(&talk(axon.address, &unsigned).await), Some(401));
    assert_eq!(paper.orders(), 0);

    let receiver = bob().account();
    let proof = signed_by(alice().as_ref(), ORDER, &order, &receiver, now_ns());
    let recorded = format!(
        "POST {ORDER} HTTP/1.1\r\nhost: x\r\n{proof}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        order.len()
    );
    let recorded = [recorded.as_bytes(), &order].concat();
    assert_eq!(status(&talk(axon.address, &recorded).await), Some(200));
    assert_eq!(status(&talk(axon.address, &recorded).await), Some(401));
}

/// Answers one request with `answer`, whatever was asked.
async fn liar(answer: String) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 64 << 10];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        let _ = listen(&mut stream).await;
    });
    Peer {
        hotkey: bob().account(),
        address,
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_lease_that_the_miner_did_not_sign_is_none() {
    let paper = Arc::new(Paper::default());
    let axon = miner(&paper, &[alice().account()]).await;
    let renter = as_renter(alice());
    let real = lease(&renter, &axon, RentCall::Order(request("k")))
        .await
        .unwrap();
    let body = serde_json::to_string(&real).unwrap();
    let peer = liar(http("200 OK", &body)).await;
    let answer = renter.rent(&peer, RentCall::Order(request("k"))).await;
    let Err(failure @ RentFailure::Peer(PeerError::BrokeProtocol(_))) = answer else {
        panic!("{answer:?}")
    };
    assert!(failure.effect_unknown(), "{failure}");
}

#[tokio::test]
async fn a_refusal_that_the_miner_did_not_sign_proves_nothing() {
    let body = r#"{"detail":"let","code":"full"}"#;
    let peer = liar(http("409 Conflict", body)).await;
    let answer = as_renter(alice())
        .rent(&peer, RentCall::Order(request("k")))
        .await;
    assert!(answer.unwrap_err().effect_unknown());
}
