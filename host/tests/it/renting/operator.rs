//! A generic client of the operator API: what any signed request may do.

use std::sync::Arc;

use async_trait::async_trait;
use host::role::operator::{OPENAPI, OPENAPI_PATH};
use host::subnet::key::AccountId;
use host::subnet::rental::RentError;
use host::subnet::wire::{Description, Refusal, RentFailure, Service, TaskReceived};
use host::synapse::{AxonOptions, HttpDendrite};

use super::super::synapse::support::{Axon, alice, charlie, loopback_options, status, talk};
use host::subnet::key::Signer as _;

/// Echoes what it is asked, to Alice alone.
struct Echo;

#[async_trait]
impl Service for Echo {
    fn admit(&self, caller: &AccountId) -> Result<(), Refusal> {
        if *caller == alice().account() {
            return Ok(());
        }
        Err(Refusal::Forbidden("not an operator".to_owned()))
    }
    async fn describe(&self, _: &AccountId) -> Result<Description, Refusal> {
        Err(Refusal::Unable("no".to_owned()))
    }
    async fn challenge(&self, _: &AccountId, _: TaskReceived) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Unable("no".to_owned()))
    }
    async fn end_session(&self, _: &AccountId, _: &str) {}
    async fn operate(&self, _: &AccountId, what: &str, body: &[u8]) -> Result<Vec<u8>, RentError> {
        match what {
            "echo" => Ok(body.to_vec()),
            _ => Err(RentError::NoSuchRental),
        }
    }
    fn document(&self, path: &str) -> Option<&'static str> {
        (path == OPENAPI_PATH).then_some(OPENAPI)
    }
}

#[tokio::test]
async fn an_operator_is_served_signed_and_nobody_else_is() {
    let axon = Axon::serve(AxonOptions::default(), Arc::new(Echo)).await;
    let operator = HttpDendrite::new(alice(), loopback_options());
    let peer = axon.peer();
    let answer = operator.operate(&peer, "echo", b"{\"a\":1}".to_vec()).await;
    assert_eq!(answer, Ok(b"{\"a\":1}".to_vec()));
    let refused = operator.operate(&peer, "other", Vec::new()).await;
    assert_eq!(refused, Err(RentError::NoSuchRental.into()));
    let stranger = HttpDendrite::new(charlie(), loopback_options());
    let refused = stranger.operate(&peer, "echo", Vec::new()).await;
    assert!(
        matches!(refused, Err(RentFailure::NotServed(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn anybody_may_read_the_apis_description_and_only_that() {
    let axon = Axon::serve(AxonOptions::default(), Arc::new(Echo)).await;
    let get = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        talk(axon.address, request.as_bytes()).await
    };
    let answer = get(OPENAPI_PATH).await;
    assert_eq!(status(&answer), Some(200));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, OPENAPI);
    assert_eq!(
        status(&get("/compute-subnet/1/operator/find").await),
        Some(405)
    );
}
