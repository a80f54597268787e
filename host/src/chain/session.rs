//! A connection that has proven to lead to the right chain.
//!
//! Reads are pinned to one block: [`Session::at`] finds the runtime of that
//! block, so that an upgrade between two reads changes nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scale_decode::DecodeAsType;
use subxt::dynamic::Value;

use super::link::{CallError, Link, Versions, shown};
use super::networks;
use super::runtime::Runtime;
use super::{Options, calls};
use crate::subnet::chain::{ChainError, Head, Network};

/// Runtimes kept: the present one and, around an upgrade, its predecessor.
const RUNTIMES_MAX: usize = 2;
/// The bytes of a storage key that say which item of which pallet it is.
const ITEM_BYTES: usize = 32;
/// Blocks whose height and versions are kept: they never change for a hash.
const BLOCKS_MAX: usize = 64;

/// A connection, the chain's identity and its runtimes.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) endpoint: String,
    genesis: [u8; 32],
    name: String,
    /// Of one call.
    pub(super) latency: Duration,
    runtimes: Mutex<Vec<Arc<Runtime>>>,
    blocks: Mutex<VecDeque<(Head, Versions)>>,
}

/// What a look at an endpoint shows, before its metadata is read.
pub(super) struct Glance {
    link: Link,
    genesis: [u8; 32],
    /// Of one call.
    pub(super) latency: Duration,
}

/// One block and the runtime that made it.
pub(super) struct At<'a> {
    session: &'a Session,
    pub(super) head: Head,
    pub(super) runtime: Arc<Runtime>,
}

/// Connects and checks which chain it is. `pinned` is the genesis that an
/// earlier connection had.
pub(super) async fn glance(
    url: &str,
    options: &Options,
    pinned: Option<[u8; 32]>,
) -> Result<Glance, ChainError> {
    let link = Link::open(url, options.timing.rpc_deadline).await?;
    let asked = Instant::now();
    let genesis = link
        .block_hash(Some(0))
        .await?
        .ok_or_else(|| ChainError::Nonsense("it has no block zero".to_owned()))?;
    let latency = asked.elapsed();
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
    Ok(Glance {
        link,
        genesis,
        latency,
    })
}

impl Glance {
    /// The newest final block.
    pub(super) async fn head(&self) -> Result<Head, ChainError> {
        Ok(self.link.finalized().await?)
    }
}

impl Session {
    /// Reads the metadata of an endpoint that was looked at.
    pub(super) async fn open(glance: Glance, url: &str) -> Result<(Self, Head), ChainError> {
        let session = Self {
            name: glance.link.chain_name().await?,
            link: glance.link,
            endpoint: shown(url),
            genesis: glance.genesis,
            latency: glance.latency,
            runtimes: Mutex::default(),
            blocks: Mutex::default(),
        };
        let head = session.at_finalized().await?.head;
        Ok((session, head))
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
        self.at_hash(self.link.finalized_hash().await?).await
    }

    pub(super) async fn at_newest(&self) -> Result<At<'_>, ChainError> {
        self.at_hash(self.link.newest_hash().await?).await
    }

    async fn at_hash(&self, hash: [u8; 32]) -> Result<At<'_>, ChainError> {
        if let Some((head, _)) = self.known_block(hash) {
            return self.at(head).await;
        }
        let (head, versions) = futures::try_join!(self.link.head(hash), self.link.versions(hash))?;
        self.remember(head, versions);
        self.at(head).await
    }

    /// A block, to read at or to sign for.
    pub(super) async fn at(&self, head: Head) -> Result<At<'_>, ChainError> {
        let versions = self.versions(head).await?;
        let runtime = match self.known_runtime(versions) {
            Some(runtime) => runtime,
            None => self.fetch_runtime(head, versions).await?,
        };
        Ok(At {
            session: self,
            head,
            runtime,
        })
    }

    fn known_runtime(&self, versions: Versions) -> Option<Arc<Runtime>> {
        let runtimes = lock(&self.runtimes);
        let known = runtimes.iter().find(|known| known.versions() == versions);
        known.cloned()
    }

    async fn versions(&self, head: Head) -> Result<Versions, CallError> {
        if let Some((_, versions)) = self.known_block(head.hash) {
            return Ok(versions);
        }
        let versions = self.link.versions(head.hash).await?;
        self.remember(head, versions);
        Ok(versions)
    }

    fn known_block(&self, hash: [u8; 32]) -> Option<(Head, Versions)> {
        let blocks = lock(&self.blocks);
        blocks.iter().find(|(head, _)| head.hash == hash).copied()
    }

    fn remember(&self, head: Head, versions: Versions) {
        let mut blocks = lock(&self.blocks);
        blocks.push_front((head, versions));
        blocks.truncate(BLOCKS_MAX);
    }

    async fn fetch_runtime(
        &self,
        head: Head,
        versions: Versions,
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
        let mut kept = lock(&self.runtimes);
        kept.insert(0, runtime.clone());
        kept.truncate(RUNTIMES_MAX);
        Ok(runtime)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl At<'_> {
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

    /// What an account has published in a subnet, if anything.
    pub(super) async fn commitment<T: DecodeAsType>(
        &self,
        keys: Vec<Value>,
    ) -> Result<Option<T>, ChainError> {
        let (pallet, item) = (calls::COMMITMENTS, "CommitmentOf");
        let key = self.runtime.storage_key(pallet, item, keys)?;
        let stored = self.session.link.storage(&key, self.head.hash).await?;
        let read = |bytes: Vec<u8>| self.runtime.storage_value(pallet, item, Some(&bytes));
        stored.map(read).transpose()
    }

    /// Several of them in one call, as bytes; decode with [`At::value`].
    pub(super) async fn storages(
        &self,
        items: &[(&'static str, Vec<Value>)],
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let keys = items
            .iter()
            .map(|(item, keys)| self.runtime.storage_key(calls::PALLET, item, keys.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(self.session.link.storages(&keys, self.head.hash).await?)
    }

    /// What [`At::storages`] found, or the item's default.
    pub(super) fn value<T: DecodeAsType>(
        &self,
        item: &str,
        stored: Option<&Vec<u8>>,
    ) -> Result<T, ChainError> {
        let stored = stored.map(Vec::as_slice);
        self.runtime.storage_value(calls::PALLET, item, stored)
    }

    /// The last `bytes` bytes of each key under an item that is kept by one number:
    /// the number itself, since its hasher keeps it.
    pub(super) async fn keys(&self, item: &str, bytes: usize) -> Result<Vec<Vec<u8>>, ChainError> {
        let any = vec![Value::u128(0)];
        let mut prefix = self.runtime.storage_key(calls::PALLET, item, any)?;
        prefix.truncate(ITEM_BYTES);
        let keys = self.session.link.keys(&prefix, self.head.hash).await?;
        Ok(keys
            .into_iter()
            .filter_map(|key| Some(key.get(key.len().checked_sub(bytes)?..)?.to_vec()))
            .collect())
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
