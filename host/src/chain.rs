//! Subtensor, through whichever endpoint answers.
//!
//! [`connect`] returns at once and keeps trying in the background, so a node
//! starts and goes on while the chain is away; each call then waits for a
//! connection as long as for an answer, and fails with [`ChainError`].
//!
//! Promises: every RPC has a deadline; a connection without new blocks is given
//! up; a runtime upgrade needs no restart, since all encoding follows the
//! metadata of the block at hand, by name; an endpoint of another network is
//! refused; a call counts as done when a final block's events say so; nothing a
//! node sends makes this process panic, recurse or grow without bound.
//!
//! | part | what it knows |
//! |---|---|
//! | [`networks`] | names, addresses and genesis of the public networks |
//! | `link` | one WebSocket, legacy JSON-RPC, deadlines |
//! | `session` | a link that leads to the right chain, and its runtimes |
//! | `follow` | reconnecting, heads |
//! | `runtime`, `guard` | metadata: names to bytes and back, safely |
//! | `calls`, `submit`, `refusal`, `remedies` | extrinsics: what, how, why not and what then |
//! | `metagraph`, `epoch` | a subnet at one block |
//!
//! Does not: commit weights (timelocked commit-reveal), verify what a node says
//! against the chain's consensus, or hold keys. An operator who must not trust
//! an endpoint runs one.

mod calls;
mod epoch;
mod follow;
mod guard;
mod link;
mod metagraph;
pub mod networks;
mod refusal;
mod remedies;
mod runtime;
mod session;
mod submit;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use subxt::dynamic::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::subnet::chain::{AxonInfo, Chain, ChainError, Head, Included, Metagraph, Network};
use crate::subnet::events::{Event, Observer};
use crate::subnet::key::{AccountId, Signer};
use crate::subnet::weights::Weights;
use crate::subnet::{Netuid, Uid};
use session::{At, Session};

/// The most endpoints.
const ENDPOINTS_MAX: usize = 16;
/// A read makes several calls; all of them together have as many deadlines.
const READ_DEADLINES: u32 = 3;
/// How often a read is tried, the second time through another connection.
const READ_TRIES: u32 = 2;

/// How long things may take. The default suits mainnet and a local chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// One connection or one answer.
    pub rpc_deadline: Duration,
    /// Without a new block for so long, a connection is given up.
    pub silence_limit: Duration,
    /// How often the head is asked for, beside the subscription.
    pub poll_interval: Duration,
    /// From submission to a final block; mainnet needs about 40 s.
    pub inclusion_deadline: Duration,
    /// The first wait before connecting again.
    pub reconnect_min: Duration,
    /// The longest.
    pub reconnect_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            rpc_deadline: Duration::from_secs(20),
            silence_limit: Duration::from_secs(120),
            poll_interval: Duration::from_secs(6),
            inclusion_deadline: Duration::from_secs(180),
            reconnect_min: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(60),
        }
    }
}

/// Which chain, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// WebSocket addresses, tried in turn.
    pub endpoints: Vec<String>,
    /// Block zero of the network that is meant; any other is refused.
    pub expected_genesis: Option<[u8; 32]>,
    /// Deadlines and waits.
    pub timing: Timing,
}

/// Gives the coldkey's signer when a slot is bought, or a sentence why not.
/// It may read a file or ask for a password: it is called on a blocking thread.
pub type ColdkeySource = Arc<dyn Fn() -> Result<Arc<dyn Signer>, String> + Send + Sync>;

/// Who signs.
#[derive(Clone, Default)]
pub struct Keys {
    /// For axons and weights; without it the chain is read only.
    pub hotkey: Option<Arc<dyn Signer>>,
    /// For registration.
    pub coldkey: Option<ColdkeySource>,
}

/// A chain of subtensor's kind. Dropping it ends its connection.
pub struct Subtensor {
    shared: Arc<Shared>,
    keys: Keys,
    follower: AbortHandle,
}

/// What the background task and the calls have in common.
struct Shared {
    options: Options,
    status: watch::Sender<Status>,
    heads: watch::Sender<Head>,
    /// One extrinsic takes a nonce at a time.
    submitting: Semaphore,
    observer: Arc<dyn Observer>,
}

/// Whether there is a connection.
#[derive(Clone)]
enum Status {
    Down(ChainError),
    Up(Arc<Session>),
}

/// Starts to connect. Fails on what can never work: no endpoint, or one that is
/// no WebSocket address. Must be called within a tokio runtime.
pub fn connect(
    options: Options,
    keys: Keys,
    observer: Arc<dyn Observer>,
) -> Result<Subtensor, ChainError> {
    if options.endpoints.is_empty() || options.endpoints.len() > ENDPOINTS_MAX {
        return Err(ChainError::Unreachable(format!(
            "1 to {ENDPOINTS_MAX} endpoints are needed; name one with --subtensor.chain_endpoint"
        )));
    }
    if let Some(wrong) = options
        .endpoints
        .iter()
        .find(|url| !networks::is_websocket(url))
    {
        return Err(ChainError::Unreachable(format!(
            "{} is no ws:// or wss:// address",
            link::shown(wrong)
        )));
    }
    let connecting = ChainError::Unreachable("no connection yet".to_owned());
    let shared = Arc::new(Shared {
        options,
        status: watch::Sender::new(Status::Down(connecting)),
        heads: watch::Sender::new(Head::default()),
        submitting: Semaphore::new(1),
        observer,
    });
    let follower = tokio::spawn(follow::run(shared.clone())).abort_handle();
    Ok(Subtensor {
        shared,
        keys,
        follower,
    })
}

impl Drop for Subtensor {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Shared {
    fn observe(&self, event: Event) {
        self.observer.observe(event);
    }

    /// An open connection; waits for one as long as for an answer.
    async fn session(&self) -> Result<Arc<Session>, ChainError> {
        let mut status = self.status.subscribe();
        let usable = |status: &Status| match status {
            Status::Up(session) => session.link.is_open(),
            // Waiting does not make it another network.
            Status::Down(ChainError::WrongNetwork(_)) => true,
            Status::Down(_) => false,
        };
        let waiting =
            tokio::time::timeout(self.options.timing.rpc_deadline, status.wait_for(usable));
        if let Ok(Ok(status)) = waiting.await {
            return match &*status {
                Status::Up(session) => Ok(session.clone()),
                Status::Down(error) => Err(error.clone()),
            };
        }
        Err(match &*self.status.borrow() {
            Status::Down(error) => error.clone(),
            Status::Up(_) => ChainError::Unreachable("the connection broke".to_owned()),
        })
    }

    /// Reads within a deadline, and once more should the connection break.
    async fn read<T, F>(&self, read: F) -> Result<T, ChainError>
    where
        F: for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, ChainError>> + Send + Sync,
    {
        let limit = self.options.timing.rpc_deadline * READ_DEADLINES;
        let mut tries = 1;
        loop {
            let session = self.session().await?;
            let error = match tokio::time::timeout(limit, read(&session)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => ChainError::Unreachable(format!(
                    "{}: no answer within {} s",
                    session.endpoint,
                    limit.as_secs()
                )),
            };
            let broken = matches!(error, ChainError::Unreachable(_));
            if broken || matches!(error, ChainError::Nonsense(_)) {
                self.observe(Event::RpcFailed);
            }
            if !broken || session.link.is_open() || tries == READ_TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }
}

impl Subtensor {
    fn hotkey(&self) -> Result<&dyn Signer, ChainError> {
        self.keys.hotkey.as_deref().ok_or_else(|| missing("hotkey"))
    }

    async fn coldkey(&self) -> Result<Arc<dyn Signer>, ChainError> {
        let source = self
            .keys
            .coldkey
            .clone()
            .ok_or_else(|| missing("coldkey"))?;
        tokio::task::spawn_blocking(move || source())
            .await
            .unwrap_or_else(|_| Err("reading it failed".to_owned()))
            .map_err(|remedy| ChainError::Refused {
                name: "NoColdkey".to_owned(),
                remedy,
            })
    }

    async fn register_call(
        &self,
        netuid: Netuid,
        hotkey: AccountId,
        limit_rao: u64,
    ) -> Result<calls::Call, ChainError> {
        self.shared
            .read(move |session| {
                Box::pin(async move {
                    let at = session.at_newest().await?;
                    expect_subnet(&at, netuid).await?;
                    let price_rao: u64 = at.storage("Burn", vec![id(netuid)]).await?;
                    if price_rao > limit_rao {
                        return Err(ChainError::TooDear {
                            price_rao,
                            limit_rao,
                        });
                    }
                    Ok(match at.runtime.has_call(calls::PALLET, "register_limit") {
                        true => calls::register_limit(netuid, &hotkey, limit_rao),
                        false => calls::burned_register(netuid, &hotkey),
                    })
                })
            })
            .await
    }

    /// Says when, where the chain only says too soon.
    async fn explained(&self, netuid: Netuid, refused: ChainError) -> ChainError {
        let ChainError::Refused { name, remedy } = refused else {
            return refused;
        };
        let Some(hotkey) = self.keys.hotkey.as_ref().map(|key| key.account()) else {
            return ChainError::Refused { name, remedy };
        };
        let too_soon = matches!(name.as_str(), "SettingWeightsTooFast" | "RateLimitExceeded");
        let allowed = match too_soon {
            true => {
                self.shared
                    .read(move |session| Box::pin(weights_allowed_from(session, netuid, hotkey)))
                    .await
            }
            false => return ChainError::Refused { name, remedy },
        };
        let remedy = match allowed {
            Ok(Some(block)) => format!("{remedy}, from block {block} on"),
            _ => remedy,
        };
        ChainError::Refused { name, remedy }
    }
}

#[async_trait]
impl Chain for Subtensor {
    fn heads(&self) -> watch::Receiver<Head> {
        self.shared.heads.subscribe()
    }

    async fn network(&self) -> Result<Network, ChainError> {
        self.shared
            .read(|session| Box::pin(session.network()))
            .await
    }

    async fn metagraph(&self, netuid: Netuid) -> Result<Metagraph, ChainError> {
        self.shared
            .read(move |session| Box::pin(read_metagraph(session, netuid)))
            .await
    }

    async fn weights(&self, netuid: Netuid, uid: Uid) -> Result<Weights, ChainError> {
        self.shared
            .read(move |session| {
                Box::pin(async move {
                    let at = session.at_newest().await?;
                    expect_subnet(&at, netuid).await?;
                    let keys = vec![id(netuid), id(uid)];
                    let mut stored: Vec<(u16, u16)> = at.storage("Weights", keys).await?;
                    stored.retain(|(_, value)| *value > 0);
                    stored.sort_unstable();
                    Ok(Weights(stored))
                })
            })
            .await
    }

    async fn serve_axon(&self, netuid: Netuid, axon: AxonInfo) -> Result<Included, ChainError> {
        let call = calls::serve_axon(netuid, &axon);
        submit::submit(&self.shared, &call, self.hotkey()?).await
    }

    async fn register(&self, netuid: Netuid, limit_rao: u64) -> Result<Included, ChainError> {
        let hotkey = self.hotkey()?.account();
        let call = self.register_call(netuid, hotkey, limit_rao).await?;
        let coldkey = self.coldkey().await?;
        submit::submit(&self.shared, &call, &*coldkey).await
    }

    async fn set_weights(
        &self,
        netuid: Netuid,
        weights: &Weights,
        version_key: u64,
    ) -> Result<Included, ChainError> {
        let mechanisms = self
            .shared
            .read(|session| {
                Box::pin(async move {
                    let at = session.at_newest().await?;
                    Ok(at.runtime.has_call(calls::PALLET, "set_mechanism_weights"))
                })
            })
            .await?;
        let call = match mechanisms {
            true => calls::set_mechanism_weights(netuid, weights, version_key),
            false => calls::set_weights(netuid, weights, version_key),
        };
        match submit::submit(&self.shared, &call, self.hotkey()?).await {
            Err(refused) => Err(self.explained(netuid, refused).await),
            included => included,
        }
    }
}

async fn read_metagraph(session: &Session, netuid: Netuid) -> Result<Metagraph, ChainError> {
    let at = session.at_finalized().await?;
    let answer: Option<metagraph::Raw> = at
        .call(metagraph::API, metagraph::METHOD, vec![id(netuid)])
        .await?;
    let raw = answer.ok_or(ChainError::NoSuchSubnet(netuid))?;
    let counted = at.runtime.has_storage(calls::PALLET, "SubnetEpochIndex");
    let schedule = match counted {
        true => epoch::Schedule::Counted {
            index: at.storage("SubnetEpochIndex", vec![id(netuid)]).await?,
            last_epoch_block: at.storage("LastEpochBlock", vec![id(netuid)]).await?,
            pending_epoch_at: at.storage("PendingEpochAt", vec![id(netuid)]).await?,
            blocks_since_last_step: raw.blocks_since_last_step,
        },
        false => epoch::Schedule::Derived,
    };
    raw.read(netuid, schedule)
}

async fn expect_subnet(at: &At<'_>, netuid: Netuid) -> Result<(), ChainError> {
    match at.storage("NetworksAdded", vec![id(netuid)]).await? {
        true => Ok(()),
        false => Err(ChainError::NoSuchSubnet(netuid)),
    }
}

/// The first block in which weights are not too soon; `None` without a slot.
async fn weights_allowed_from(
    session: &Session,
    netuid: Netuid,
    hotkey: AccountId,
) -> Result<Option<u64>, ChainError> {
    let at = session.at_newest().await?;
    let keys = vec![id(netuid), Value::from_bytes(hotkey.0)];
    let Ok(uid) = at.storage::<u16>("Uids", keys).await else {
        return Ok(None);
    };
    let updates: Vec<u64> = at.storage("LastUpdate", vec![id(netuid)]).await?;
    let limit: u64 = at.storage("WeightsSetRateLimit", vec![id(netuid)]).await?;
    Ok(updates
        .get(usize::from(uid))
        .map(|last| last.saturating_add(limit)))
}

fn id(number: u16) -> Value {
    Value::u128(u128::from(number))
}

fn missing(key: &str) -> ChainError {
    ChainError::Refused {
        name: "NoKey".to_owned(),
        remedy: format!("This needs the {key}, and the node was started without one"),
    }
}
