//! The chain itself: blocks one on the other, the state after each, and the
//! extrinsics that wait. It has no clock and no network; [`node`](super::node)
//! gives it both.

mod build;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parity_scale_codec::Encode as _;
use tokio::sync::mpsc;

use super::block::{Block, RUNTIME_UPDATED_LOG, other_log};
use super::call::Call;
use super::codec::{Codec, CodecError};
use super::drand::Reveals;
use super::extrinsic::Extrinsic;
use super::hash::blake2_256;
use super::invalid::Invalid;
use super::options::Options;
use super::pool::{Pending, Pool, Status};
use super::runtime::{Runtime, Spec};
use super::shield::Shield;
use super::state::State;
use super::store::{Changes, HISTORY_BLOCKS, Store};
use super::{balances, genesis};
use build::{Built, Fate, Turn};

/// The chain.
pub(super) struct Ledger {
    /// Runtimes by the block from whose state on they are in force.
    runtimes: BTreeMap<u64, Arc<Runtime>>,
    /// The runtime that the next block brings.
    upgrade: Option<Arc<Runtime>>,
    block_ms: u64,
    shield: Shield,
    store: Store,
    blocks: BTreeMap<u64, Block>,
    heights: HashMap<[u8; 32], u64>,
    pool: Pool,
    head: u64,
    forks: u64,
    genesis: [u8; 32],
    allow_loopback: bool,
    reveals: Reveals,
    signed_until: u64,
}

impl Ledger {
    /// A chain of block zero alone.
    pub(super) fn new(options: &Options, salt: [u8; 32]) -> Result<Self, CodecError> {
        let block_ms = options.pace.block_ms();
        let runtime = Runtime::new(options.spec, block_ms)?;
        let shield = Shield::new(&salt);
        let mut changes = genesis::state(&runtime.codec, options)?;
        changes.extend(shield.announce(&runtime.codec)?);
        let root = root([0; 32], &changes);
        let block = Block::new([0; 32], 0, root, Vec::new(), vec![other_log(&salt)]);
        let mut ledger = Self {
            runtimes: BTreeMap::from([(0, runtime)]),
            upgrade: None,
            block_ms,
            shield,
            store: Store::default(),
            blocks: BTreeMap::new(),
            heights: HashMap::new(),
            pool: Pool::default(),
            head: 0,
            forks: 0,
            genesis: block.hash,
            allow_loopback: options.allow_loopback,
            reveals: Reveals::Made,
            signed_until: 0,
        };
        ledger.store.commit(0, changes);
        ledger.append(0, block);
        Ok(ledger)
    }

    /// The runtime in force at the head: it carries out the next block.
    pub(super) fn runtime(&self) -> &Runtime {
        self.runtime_at(self.head)
    }

    /// The runtime that the state as of a height holds.
    pub(super) fn runtime_at(&self, height: u64) -> &Runtime {
        let mut runtimes = self.runtimes.range(..=height);
        let (_, runtime) = runtimes
            .next_back()
            .expect("one is in force from block zero on and never removed");
        runtime
    }

    /// The codec of the runtime in force.
    pub(super) fn codec(&self) -> &Codec {
        &self.runtime().codec
    }

    /// Lets the next block exchange the runtime, as `System.set_code` does:
    /// that block is still carried out by the old one.
    pub(super) fn upgrade(&mut self, spec: Spec) -> Result<(), CodecError> {
        self.upgrade = Some(Runtime::new(spec, self.block_ms)?);
        Ok(())
    }

    /// The newest block; every block is final at once.
    pub(super) fn head(&self) -> &Block {
        // The head is appended in `new` and never removed.
        &self.blocks[&self.head]
    }

    /// Hash of block zero.
    pub(super) fn genesis(&self) -> [u8; 32] {
        self.genesis
    }

    /// The block of a height.
    pub(super) fn block(&self, height: u64) -> Option<&Block> {
        self.blocks.get(&height)
    }

    /// The height of a block.
    pub(super) fn height(&self, hash: &[u8; 32]) -> Option<u64> {
        self.heights.get(hash).copied()
    }

    /// State as of a height.
    pub(super) fn state(&self, height: u64) -> State<'_> {
        State::at(&self.runtime_at(height).codec, &self.store, height)
    }

    /// Whether the state as of a height is still there.
    pub(super) fn has_state(&self, height: u64) -> bool {
        height <= self.head && height + HISTORY_BLOCKS >= self.head
    }

    /// Storage itself.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Extrinsics that wait.
    pub(super) fn pending(&self) -> &[Pending] {
        self.pool.pending()
    }

    /// The nonce an account's next extrinsic needs, those that wait counted.
    pub(super) fn next_nonce(&self, account: [u8; 32]) -> Result<u64, CodecError> {
        let nonce = balances::read(&self.state(self.head), account)?.nonce;
        Ok(self.pool.next_nonce(account, u64::from(nonce)))
    }

    /// Lets an extrinsic in, or says why not.
    pub(super) fn submit(
        &mut self,
        bytes: &[u8],
    ) -> Result<([u8; 32], mpsc::Receiver<Status>), Invalid> {
        let extrinsic = Extrinsic::decode(self.codec(), bytes)?;
        let call = Call::decode(self.codec(), &extrinsic.call)?;
        if self.pool.is_banned(&extrinsic.hash) {
            return Err(Invalid::Banned);
        }
        for pending in self.pool.pending() {
            let other = &pending.extrinsic;
            if other.hash == extrinsic.hash {
                return Err(Invalid::AlreadyImported);
            }
            if other.signer == extrinsic.signer && other.nonce == extrinsic.nonce {
                return Err(Invalid::LowPriority);
            }
        }
        if self.pool.is_full() {
            return Err(Invalid::PoolFull);
        }
        let mut state = self.state(self.head);
        let status = match self.validate(&mut state, &extrinsic, &call, self.head + 1)? {
            Turn::Now => Status::Ready,
            Turn::Later if self.waits_for(&extrinsic)? => Status::Ready,
            Turn::Later => Status::Future,
        };
        let hash = extrinsic.hash;
        let reports = self.pool.push(extrinsic, call);
        if let Some(pending) = self.pool.pending().last() {
            pending.report(status);
        }
        Ok((hash, reports))
    }

    /// Whether all nonces below this one's are in the pool.
    fn waits_for(&self, extrinsic: &Extrinsic) -> Result<bool, Invalid> {
        Ok(self.next_nonce(extrinsic.signer)? >= extrinsic.nonce)
    }

    /// What becomes of reveals from the next block on.
    pub(super) fn set_reveals(&mut self, reveals: Reveals) {
        self.reveals = reveals;
    }

    /// Lets the beacon sign ahead of its clock, up to `round`.
    pub(super) fn sign_until(&mut self, round: u64) {
        self.signed_until = self.signed_until.max(round);
    }

    /// Builds the next block at `now_ms` and makes it the head.
    pub(super) fn advance(&mut self, now_ms: u64) -> Result<&Block, CodecError> {
        let height = self.head + 1;
        let pending = self.pool.drain();
        let Built {
            changes,
            extrinsics,
            fates,
        } = self.build(height, now_ms, &pending)?;
        let number = u32::try_from(height).map_err(|_| CodecError("height".into()))?;
        let parent = self.head().hash;
        let state_root = root(self.head().header.state_root, &changes);
        let mut logs = vec![other_log(&self.forks.to_le_bytes())];
        if let Some(runtime) = self.upgrade.take() {
            logs.push(RUNTIME_UPDATED_LOG.to_vec());
            self.runtimes.insert(height, runtime);
        }
        let block = Block::new(parent, number, state_root, extrinsics, logs);
        let hash = block.hash;
        self.store.commit(height, changes);
        self.append(height, block);
        for (pending, fate) in pending.into_iter().zip(fates) {
            self.settle(pending, fate, hash);
        }
        Ok(self.head())
    }

    fn settle(&mut self, pending: Pending, fate: Fate, block: [u8; 32]) {
        match fate {
            Fate::Included => {
                pending.report(Status::InBlock(block));
                pending.report(Status::Finalized(block));
            }
            Fate::Waits => self.pool.put_back(pending),
            Fate::Invalid => {
                pending.report(Status::Invalid);
                self.pool.ban(pending.extrinsic.hash);
            }
        }
    }

    /// Goes back to `height`, as a reorganisation does; what comes next differs
    /// from what was.
    pub(super) fn go_back(&mut self, height: u64) {
        let height = height.min(self.head);
        self.store.cut(height);
        self.runtimes.split_off(&(height + 1));
        for (_, block) in self.blocks.split_off(&(height + 1)) {
            self.heights.remove(&block.hash);
        }
        self.head = height;
        self.forks += 1;
    }

    fn append(&mut self, height: u64, block: Block) {
        self.heights.insert(block.hash, height);
        self.blocks.insert(height, block);
        self.head = height;
        // Block zero stays: it is what the chain is known by.
        let oldest = height.saturating_sub(HISTORY_BLOCKS).max(1);
        while let Some((&first, _)) = self.blocks.range(1..oldest).next() {
            if let Some(block) = self.blocks.remove(&first) {
                self.heights.remove(&block.hash);
            }
        }
    }
}

/// A commitment to the state: the one before and all that changed.
fn root(before: [u8; 32], changes: &Changes) -> [u8; 32] {
    let mut bytes = before.to_vec();
    for change in changes {
        change.encode_to(&mut bytes);
    }
    blake2_256(&bytes)
}

#[cfg(test)]
mod tests;
