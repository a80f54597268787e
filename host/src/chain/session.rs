//! A connection that has proven to lead to the right chain.
//!
//! Reads are pinned to one block: [`Session::at`] finds the runtime of that
//! block, so that an upgrade between two reads changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use scale_decode::DecodeAsType;
use subxt::dynamic::Value;

use super::link::{Link, shown};
use super::networks;
use super::runtime::Runtime;
use super::{Options, calls};
use crate::subnet::chain::{ChainError, Head, Network};

/// Runtimes kept: the present one and, around an upgrade, its predecessor.
const RUNTIMES_MAX: usize = 2;

/// A connection, the chain's identity and its runtimes.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) endpoint: String,
    genesis: [u8; 32],
    name: String,
    runtimes: Mutex<Vec<Arc<Runtime>>>,
}

/// One block and the runtime that made it.
pub(super) struct At<'a> {
    session: &'a Session,
    pub(super) head: Head,
    pub(super) runtime: Arc<Runtime>,
}

impl Session {
    /// Connects, checks which chain it is and reads its metadata. `pinned` is
    /// the genesis that an earlier connection had.
    pub(super) async fn open(
        url: &str,
        options: &Options,
        pinned: Option<[u8; 32]>,
    ) -> Result<Self, ChainError> {
        let link = Link::open(url, options.timing.rpc_deadline).await?;
        let genesis = link
            .block_hash(Some(0))
            .await?
            .ok_or_else(|| ChainError::Nonsense("it has no block zero".to_owned()))?;
        for (expected, whose) in [
            (options.expected_genesis, "the configured network has"),
            (pinned, "it had when this node started"),
        ] {
            if let Some(expected) = expected.filter(|expected| *expected != genesis) {
                return Err(ChainError::WrongNetwork(format!(
                    "{} has genesis 0x{}, {whose} 0x{}",
                    shown(url),
                    hex::encode(genesis),
                    hex::encode(expected)
                )));
            }
        }
        let session = Self {
            name: link.chain_name().await?,
            link,
            endpoint: shown(url),
            genesis,
            runtimes: Mutex::default(),
        };
        let head = session.link.finalized().await?;
        session.at(head).await?;
        Ok(session)
    }

    pub(super) fn genesis(&self) -> [u8; 32] {
        self.genesis
    }

    pub(super) async fn network(&self) -> Result<Network, ChainError> {
        let at = self.at_finalized().await?;
        Ok(networks::judge(
            self.genesis,
            self.name.clone(),
            at.runtime.spec_version(),
        ))
    }

    /// How many blocks ago `head` was made, by our clock and the chain's pace.
    pub(super) async fn lag_blocks(&self, head: Head) -> Option<u64> {
        let at = self.at(head).await.ok()?;
        let key = at
            .runtime
            .storage_key("Timestamp", "Now", Vec::new())
            .ok()?;
        let stored = self.link.storage(&key, head.hash).await.ok()??;
        let made: u64 = at
            .runtime
            .storage_value("Timestamp", "Now", Some(&stored))
            .ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let age = u64::try_from(now.as_millis()).ok()?.checked_sub(made)?;
        Some(age / at.runtime.slot_ms().max(1))
    }

    pub(super) async fn at_finalized(&self) -> Result<At<'_>, ChainError> {
        self.at(self.link.finalized().await?).await
    }

    pub(super) async fn at_newest(&self) -> Result<At<'_>, ChainError> {
        self.at(self.link.newest().await?).await
    }

    /// A block, to read at or to sign for.
    pub(super) async fn at(&self, head: Head) -> Result<At<'_>, ChainError> {
        let versions = self.link.versions(head.hash).await?;
        let known = self
            .kept()
            .iter()
            .find(|runtime| runtime.versions() == versions)
            .cloned();
        let runtime = match known {
            Some(runtime) => runtime,
            None => self.fetch_runtime(head, versions).await?,
        };
        Ok(At {
            session: self,
            head,
            runtime,
        })
    }

    async fn fetch_runtime(
        &self,
        head: Head,
        versions: super::link::Versions,
    ) -> Result<Arc<Runtime>, ChainError> {
        let request = Runtime::metadata_request();
        let answer = self
            .link
            .state_call("Metadata_metadata_at_version", &request, head.hash)
            .await?;
        let genesis = self.genesis;
        // Long for a thread that serves the network, and hostile metadata may
        // panic in a library: both end here.
        let reading = tokio::task::spawn_blocking(move || {
            Runtime::new(&Runtime::metadata_answer(&answer)?, genesis, versions)
        });
        let runtime = reading
            .await
            .map_err(|_| ChainError::Nonsense("its metadata cannot be read".to_owned()))??;
        let runtime = Arc::new(runtime);
        tracing::debug!(spec_version = versions.spec_version, "read a runtime");
        let mut kept = self.kept();
        kept.insert(0, runtime.clone());
        kept.truncate(RUNTIMES_MAX);
        Ok(runtime)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Runtime>>> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl At<'_> {
    pub(super) fn session(&self) -> &Session {
        self.session
    }

    /// The chain names itself a development chain and is no known network.
    pub(super) fn is_development(&self) -> bool {
        let session = self.session;
        let spec_version = self.runtime.spec_version();
        networks::judge(session.genesis, session.name.clone(), spec_version).development
    }

    /// A value of any pallet, or its default.
    pub(super) async fn item<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<T, ChainError> {
        let key = self.runtime.storage_key(pallet, item, keys)?;
        let stored = self.session.link.storage(&key, self.head.hash).await?;
        self.runtime.storage_value(pallet, item, stored.as_deref())
    }

    /// A value of subtensor's own pallet, if there is one.
    pub(super) async fn find<T: DecodeAsType>(
        &self,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<Option<T>, ChainError> {
        let key = self.runtime.storage_key(calls::PALLET, item, keys)?;
        let stored = self.session.link.storage(&key, self.head.hash).await?;
        stored
            .map(|stored| {
                self.runtime
                    .storage_value(calls::PALLET, item, Some(&stored))
            })
            .transpose()
    }

    /// A value of subtensor's own pallet, or its default.
    pub(super) async fn storage<T: DecodeAsType>(
        &self,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<T, ChainError> {
        let key = self.runtime.storage_key(calls::PALLET, item, keys)?;
        let stored = self.session.link.storage(&key, self.head.hash).await?;
        self.runtime
            .storage_value(calls::PALLET, item, stored.as_deref())
    }

    /// What a runtime function of one subnet answers.
    pub(super) async fn call<T: DecodeAsType>(
        &self,
        api: &str,
        method: &str,
        arguments: Vec<Value>,
    ) -> Result<T, ChainError> {
        let arguments = self.runtime.api_arguments(api, method, arguments)?;
        let function = format!("{api}_{method}");
        let answer = self
            .session
            .link
            .state_call(&function, &arguments, self.head.hash)
            .await?;
        self.runtime.api_value(api, method, &answer)
    }

    /// The raw events of the block; empty if there are none.
    pub(super) async fn events(&self) -> Result<Vec<u8>, ChainError> {
        let key = self.runtime.storage_key("System", "Events", Vec::new())?;
        let stored = self.session.link.storage(&key, self.head.hash).await?;
        Ok(stored.unwrap_or_default())
    }
}
