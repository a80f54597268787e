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
//! | `endpoints`, `scout` | which endpoint is healthiest |
//! | `follow` | reconnecting, heads |
//! | `runtime`, `guard` | metadata: names to bytes and back, safely |
//! | `calls`, `nonces`, `submit`, `refusal`, `remedies` | extrinsics: what, how, why not and what then |
//! | `shared` | waiting for a session, reading through it |
//! | `read`, `metagraph`, `neurons`, `epoch` | what is read: a subnet at one block |
//! | `offline` | reading kept answers |
//! | `subnets`, `commitment`, `tools` | what people ask for beside that |
//!
//! Does not: verify what a node says
//! against the chain's consensus, or hold keys. An operator who must not trust
//! an endpoint runs one.

mod calls;
mod commitment;
mod endpoints;
mod epoch;
mod follow;
mod guard;
mod link;
mod metagraph;
pub mod networks;
mod neurons;
mod nonces;
mod offline;
mod read;
mod refusal;
mod remedies;
mod runtime;
mod scout;
mod session;
mod shared;
mod submit;
mod subnets;
#[cfg(test)]
mod testing;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::subnet::chain::{AxonInfo, Chain, ChainError, Head, Included, Metagraph, Network};
use crate::subnet::events::Observer;
use crate::subnet::key::Signer;
use crate::subnet::weights::Weights;
use crate::subnet::{Netuid, Uid};
use shared::Shared;

pub use commitment::{Commitment, Field};
pub use offline::Offline;
pub use subnets::SubnetLine;

/// The most endpoints.
const ENDPOINTS_MAX: usize = 16;
/// The runtime's error for a price above the limit.
const PRICE_ROSE: &str = "RegistrationPriceLimitExceeded";

/// The runtime's error for an announcement that follows another too closely.
const SERVED_TOO_SOON: &str = "ServingRateLimitExceeded";

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
    /// Between two looks at the endpoints that are not in use.
    pub scout_interval: Duration,
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
            scout_interval: Duration::from_secs(60),
        }
    }
}

/// Which chain, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// WebSocket addresses; the healthiest is used, equals in this order.
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
    let shared = Arc::new(Shared::new(options, observer));
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

    /// Announces an axon, and says when it may be if that was too soon.
    async fn announce(&self, netuid: Netuid, call: &calls::Call) -> Result<Included, ChainError> {
        let hotkey = self.hotkey()?;
        let (name, remedy) = match submit::submit(&self.shared, call, hotkey).await {
            Err(ChainError::Refused { name, remedy }) if name == SERVED_TOO_SOON => (name, remedy),
            other => return other,
        };
        let account = hotkey.account();
        let allowed = self
            .shared
            .read(move |session| Box::pin(read::serving_allowed_from(session, netuid, account)))
            .await;
        let remedy = match allowed {
            Ok(Some(block)) => format!("{remedy}; it is allowed from block {block} on"),
            _ => remedy,
        };
        Err(ChainError::Refused { name, remedy })
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
                    .read(move |session| {
                        Box::pin(read::weights_allowed_from(session, netuid, hotkey))
                    })
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
            .read(move |session| Box::pin(read::metagraph(session, netuid)))
            .await
    }

    async fn weights(&self, netuid: Netuid, uid: Uid) -> Result<Weights, ChainError> {
        self.shared
            .read(move |session| Box::pin(read::weights(session, netuid, uid)))
            .await
    }

    async fn serve_axon(&self, netuid: Netuid, axon: AxonInfo) -> Result<Included, ChainError> {
        self.announce(netuid, &calls::serve_axon(netuid, &axon))
            .await
    }

    async fn register(&self, netuid: Netuid, limit_rao: u64) -> Result<Included, ChainError> {
        let hotkey = self.hotkey()?.account();
        let call = self
            .shared
            .read(move |session| Box::pin(read::registration(session, netuid, hotkey, limit_rao)))
            .await?;
        let coldkey = self.coldkey().await?;
        match submit::submit(&self.shared, &call, &*coldkey).await {
            // The price rose meanwhile: say by how much, if it still is too high.
            Err(ChainError::Refused { name, remedy }) if name == PRICE_ROSE => {
                self.shared
                    .read(move |session| {
                        Box::pin(read::registration(session, netuid, hotkey, limit_rao))
                    })
                    .await?;
                Err(ChainError::Refused { name, remedy })
            }
            included => included,
        }
    }

    async fn set_weights(
        &self,
        netuid: Netuid,
        weights: &Weights,
        version_key: u64,
    ) -> Result<Included, ChainError> {
        let weights = weights.clone();
        let call = self
            .shared
            .read(move |session| {
                Box::pin(read::setting(session, netuid, weights.clone(), version_key))
            })
            .await?;
        match submit::submit(&self.shared, &call, self.hotkey()?).await {
            Err(refused) => Err(self.explained(netuid, refused).await),
            included => included,
        }
    }
}

fn missing(key: &str) -> ChainError {
    ChainError::Refused {
        name: "NoKey".to_owned(),
        remedy: format!("This needs the {key}, and the node was started without one"),
    }
}
