//! Tells a running development chain what to do, over its RPC.

use std::time::Duration;

use jsonrpsee::core::client::{ClientT as _, Error as RpcError};
use jsonrpsee::core::params::ArrayParams;
use jsonrpsee::ws_client::WsClientBuilder;
use serde_json::Value as Json;

/// For how long an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a development chain was not told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens there, or it is no chain.
    #[error("no development chain answers at {url}; start one with: host devchain")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: Box<RpcError>,
    },
    /// It does not do as it is told.
    #[error("the chain at {url} refuses {method}: {why}")]
    Refused {
        /// Where.
        url: String,
        /// What it was told.
        method: &'static str,
        /// In its words.
        why: String,
    },
}

/// Calls one of the `dev_` methods of the chain at `url`.
pub async fn tell(
    url: &str,
    method: &'static str,
    params: Vec<Json>,
) -> Result<Json, ControlError> {
    let client = WsClientBuilder::default()
        .request_timeout(ANSWER_TIMEOUT)
        .connection_timeout(ANSWER_TIMEOUT)
        .build(url)
        .await
        .map_err(|source| ControlError::Unreachable {
            url: url.to_owned(),
            source: Box::new(source),
        })?;
    let mut arguments = ArrayParams::new();
    for param in params {
        // A JSON value is always JSON.
        let _ = arguments.insert(param);
    }
    let answer = client.request(method, arguments).await;
    answer.map_err(|error| ControlError::Refused {
        url: url.to_owned(),
        method,
        why: match error {
            RpcError::Call(refusal) => refusal.message().to_owned(),
            other => other.to_string(),
        },
    })
}
