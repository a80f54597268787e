//! One WebSocket to one node, and the legacy calls made over it.
//!
//! Every call has a deadline and every answer a size. Only the old methods are
//! used (`chain_`, `state_`, `author_`, `system_`), which every node of this
//! chain has; `rpc_methods` is not asked. So a node whose `chainHead_v1` or
//! `archive_v1` is missing or faulty is served like any other, and there is
//! nothing to find out: subxt's own client, which prefers them where they are
//! listed, makes no connection here. Answers are bytes and numbers here; what they
//! mean is [`runtime`](super::runtime)'s.

mod answer;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jsonrpsee::core::client::{
    ClientT as _, Error as RpcError, Subscription, SubscriptionClientT as _,
};
use jsonrpsee::ws_client::{PingConfig, WsClient, WsClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::subnet::BlockNumber;
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::key::AccountId;
use crate::subnet::text::escape;
use answer::{Changes, Header, SignedBlock, hash, number, unhex};

pub(super) use answer::{Progress, Versions, header_number, progress};

/// The largest answer: mainnet's metadata is below 3 MiB in hexadecimal.
const ANSWER_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// The largest request: an extrinsic is far below.
const REQUEST_BYTES_MAX: u32 = 1024 * 1024;
/// Calls waiting for an answer at one time.
const CALLS_MAX: usize = 64;
/// Notifications waiting to be read; beyond, the subscription ends.
const NOTIFICATIONS_MAX: usize = 64;
/// What jsonrpsee calls redirections: with one try, none is followed.
const CONNECTION_TRIES: usize = 1;
/// Calls in a row without an answer after which the connection counts as dead.
const SILENT_CALLS_MAX: u32 = 3;
/// Reads in a row without sense after which another endpoint is tried.
const SENSELESS_READS_MAX: u32 = 3;
/// Values asked for in one call; mainnet's nodes take far more.
const KEYS_MAX: usize = 512;
/// Keys listed in one call: what nodes allow.
const PAGE_KEYS: usize = 1000;
/// JSON-RPC's code for a method that is not there.
const METHOD_NOT_FOUND: i32 = -32601;

/// Why a call has no answer.
#[derive(Debug, Clone)]
pub(super) enum CallError {
    /// The connection broke or nothing came in time: it may have arrived.
    Lost(String),
    /// The node said no.
    Refused {
        code: i32,
        message: String,
        data: String,
    },
    /// The answer has another shape than it should.
    Nonsense(String),
}

impl From<CallError> for ChainError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Lost(reason) => Self::Unreachable(reason),
            CallError::Refused {
                code,
                message,
                data,
            } => Self::Nonsense(format!("error {code}: {message} {data}")),
            CallError::Nonsense(reason) => Self::Nonsense(reason),
        }
    }
}

impl CallError {
    /// The node has no such method.
    pub(super) fn is_unknown_method(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == METHOD_NOT_FOUND)
    }
}

/// An open connection.
pub(super) struct Link {
    client: WsClient,
    deadline: Duration,
    silent_calls: AtomicU32,
    senseless_reads: AtomicU32,
    suspect: Notify,
}

impl Link {
    pub(super) async fn open(url: &str, deadline: Duration) -> Result<Self, ChainError> {
        let ping = PingConfig::new()
            .ping_interval(deadline)
            .inactive_limit(deadline);
        let building = WsClientBuilder::new()
            .max_response_size(ANSWER_BYTES_MAX)
            .max_request_size(REQUEST_BYTES_MAX)
            .max_concurrent_requests(CALLS_MAX)
            .max_buffer_capacity_per_subscription(NOTIFICATIONS_MAX)
            .max_redirections(CONNECTION_TRIES)
            .request_timeout(deadline)
            .connection_timeout(deadline)
            .enable_ws_ping(ping)
            .build(url);
        let name = shown(url);
        let unreachable = |reason: &str| ChainError::Unreachable(format!("{name}: {reason}"));
        let client = tokio::time::timeout(deadline, building)
            .await
            .map_err(|_| unreachable("no connection in time"))?
            .map_err(|error| unreachable(&escape(&error.to_string())))?;
        Ok(Self {
            client,
            deadline,
            silent_calls: AtomicU32::new(0),
            senseless_reads: AtomicU32::new(0),
            suspect: Notify::new(),
        })
    }

    /// A read could be understood.
    pub(super) fn made_sense(&self) {
        self.senseless_reads.store(0, Ordering::Relaxed);
    }

    /// A read could not.
    pub(super) fn made_none(&self) {
        if self.senseless_reads.fetch_add(1, Ordering::Relaxed) + 1 >= SENSELESS_READS_MAX {
            self.suspect.notify_one();
        }
    }

    /// Ends when too many calls in a row went unanswered or made no sense.
    pub(super) async fn suspected(&self) {
        self.suspect.notified().await;
    }

    pub(super) fn is_open(&self) -> bool {
        self.client.is_connected()
    }

    /// The hash of block `number`, or of the newest.
    pub(super) async fn block_hash(
        &self,
        number: Option<BlockNumber>,
    ) -> Result<Option<[u8; 32]>, CallError> {
        let answer: Option<String> = self.call("chain_getBlockHash", json!([number])).await?;
        answer.map(|text| hash(&text)).transpose()
    }

    pub(super) async fn finalized_hash(&self) -> Result<[u8; 32], CallError> {
        let answer: String = self.call("chain_getFinalizedHead", json!([])).await?;
        hash(&answer)
    }

    pub(super) async fn finalized(&self) -> Result<Head, CallError> {
        let hash = self.finalized_hash().await?;
        self.head(hash).await
    }

    pub(super) async fn newest_hash(&self) -> Result<[u8; 32], CallError> {
        let hash = self.block_hash(None).await?;
        hash.ok_or_else(|| CallError::Nonsense("it has no newest block".to_owned()))
    }

    /// The block with this hash.
    pub(super) async fn head(&self, hash: [u8; 32]) -> Result<Head, CallError> {
        let header: Option<Header> = self
            .call("chain_getHeader", json!([prefixed(&hash)]))
            .await?;
        let header =
            header.ok_or_else(|| CallError::Nonsense("a block it named is gone".to_owned()))?;
        Ok(Head {
            number: number(&header.number)?,
            hash,
        })
    }

    /// The extrinsics of a block, in hexadecimal as the node wrote them.
    pub(super) async fn extrinsics(&self, block: [u8; 32]) -> Result<Vec<String>, CallError> {
        let answer: Option<SignedBlock> = self
            .call("chain_getBlock", json!([prefixed(&block)]))
            .await?;
        answer
            .map(|signed| signed.block.extrinsics)
            .ok_or_else(|| CallError::Nonsense("a block it named is gone".to_owned()))
    }

    pub(super) async fn chain_name(&self) -> Result<String, CallError> {
        let name: String = self.call("system_chain", json!([])).await?;
        Ok(escape(&name))
    }

    pub(super) async fn versions(&self, block: [u8; 32]) -> Result<Versions, CallError> {
        self.call("state_getRuntimeVersion", json!([prefixed(&block)]))
            .await
    }

    pub(super) async fn storage(
        &self,
        key: &[u8],
        block: [u8; 32],
    ) -> Result<Option<Vec<u8>>, CallError> {
        let answer: Option<String> = self
            .call("state_getStorage", json!([prefixed(key), prefixed(&block)]))
            .await?;
        answer.map(|text| unhex(&text)).transpose()
    }

    /// Several values in one call; in a call each where a node has no better.
    pub(super) async fn storages(
        &self,
        keys: &[Vec<u8>],
        block: [u8; 32],
    ) -> Result<Vec<Option<Vec<u8>>>, CallError> {
        let mut all = Vec::with_capacity(keys.len());
        for some in keys.chunks(KEYS_MAX) {
            match self.query(some, block).await {
                Err(error) if error.is_unknown_method() => {
                    for key in some {
                        all.push(self.storage(key, block).await?);
                    }
                }
                values => all.extend(values?),
            }
        }
        Ok(all)
    }

    async fn query(
        &self,
        keys: &[Vec<u8>],
        block: [u8; 32],
    ) -> Result<Vec<Option<Vec<u8>>>, CallError> {
        let hex: Vec<String> = keys.iter().map(|key| prefixed(key)).collect();
        let params = json!([hex, prefixed(&block)]);
        let answer: Vec<Changes> = self.call("state_queryStorageAt", params).await?;
        answer::values(answer, keys, block)
    }

    /// The keys that begin with `prefix`, as many as fit in one answer.
    pub(super) async fn keys(
        &self,
        prefix: &[u8],
        block: [u8; 32],
    ) -> Result<Vec<Vec<u8>>, CallError> {
        let params = json!([prefixed(prefix), PAGE_KEYS, null, prefixed(&block)]);
        let answer: Vec<String> = self.call("state_getKeysPaged", params).await?;
        answer.iter().map(|text| unhex(text)).collect()
    }

    pub(super) async fn state_call(
        &self,
        function: &str,
        arguments: &[u8],
        block: [u8; 32],
    ) -> Result<Vec<u8>, CallError> {
        let params = json!([function, prefixed(arguments), prefixed(&block)]);
        let answer: String = self.call("state_call", params).await?;
        unhex(&answer)
    }

    /// The next nonce, extrinsics in the pool counted.
    pub(super) async fn next_nonce(&self, account: &AccountId) -> Result<u64, CallError> {
        let params = json!([account.to_ss58()]);
        match self.call("system_accountNextIndex", params.clone()).await {
            Err(error) if error.is_unknown_method() => self.call("account_nextIndex", params).await,
            answer => answer,
        }
    }

    pub(super) async fn submit(&self, extrinsic: &[u8]) -> Result<(), CallError> {
        let _hash: Value = self
            .call("author_submitExtrinsic", json!([prefixed(extrinsic)]))
            .await?;
        Ok(())
    }

    pub(super) async fn submit_and_watch(
        &self,
        extrinsic: &[u8],
    ) -> Result<Subscription<Value>, CallError> {
        self.subscribe(
            "author_submitAndWatchExtrinsic",
            json!([prefixed(extrinsic)]),
            "author_unwatchExtrinsic",
        )
        .await
    }

    pub(super) async fn follow_finalized(&self) -> Result<Subscription<Value>, CallError> {
        self.subscribe(
            "chain_subscribeFinalizedHeads",
            json!([]),
            "chain_unsubscribeFinalizedHeads",
        )
        .await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, CallError> {
        let asking = self.client.request::<T, _>(method, positional(params));
        self.judged(method, tokio::time::timeout(self.deadline, asking).await)
    }

    async fn subscribe(
        &self,
        method: &'static str,
        params: Value,
        end: &'static str,
    ) -> Result<Subscription<Value>, CallError> {
        let asking = self
            .client
            .subscribe::<Value, _>(method, positional(params), end);
        self.judged(method, tokio::time::timeout(self.deadline, asking).await)
    }

    fn judged<T>(
        &self,
        method: &str,
        answer: Result<Result<T, RpcError>, tokio::time::error::Elapsed>,
    ) -> Result<T, CallError> {
        let error = match answer {
            Ok(Ok(value)) => {
                self.silent_calls.store(0, Ordering::Relaxed);
                return Ok(value);
            }
            Ok(Err(error)) => error,
            Err(_) => RpcError::RequestTimeout,
        };
        Err(match error {
            RpcError::Call(error) => CallError::Refused {
                code: error.code(),
                message: escape(error.message()),
                data: escape(error.data().map_or("", |data| data.get())),
            },
            RpcError::ParseError(error) => {
                CallError::Nonsense(format!("{method}: {}", escape(&error.to_string())))
            }
            RpcError::RequestTimeout => {
                self.note_silence();
                CallError::Lost(format!(
                    "{method} had no answer within {} ms",
                    self.deadline.as_millis()
                ))
            }
            other => CallError::Lost(format!("{method}: {}", escape(&other.to_string()))),
        })
    }

    fn note_silence(&self) {
        if self.silent_calls.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_CALLS_MAX {
            self.suspect.notify_one();
        }
    }
}

/// An endpoint without what may be a key: scheme, host and port.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    escape(&format!("{scheme}://{host}"))
}

pub(super) fn prefixed(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn positional(params: Value) -> Vec<Value> {
    match params {
        Value::Array(items) => items,
        other => vec![other],
    }
}
