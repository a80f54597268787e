//! The chain itself: blocks one on the other, the state after each, and the
//! extrinsics that wait. It has no clock and no network; [`node`](super::node)
//! gives it both.

use std::collections::{BTreeMap, HashMap};

use parity_scale_codec::{Compact, Encode as _};
use tokio::sync::mpsc;

use super::block::Block;
use super::call::Call;
use super::codec::{Codec, CodecError};
use super::dispatch::{self, Context, DispatchError};
use super::event::{Events, Phase};
use super::extrinsic::{Extrinsic, Implied};
use super::hash::blake2_256;
use super::invalid::Invalid;
use super::options::Options;
use super::pool::{Pending, Pool, Status};
use super::state::State;
use super::store::{Changes, HISTORY_BLOCKS, Store};
use super::{balances, epoch, genesis};

/// Extrinsics in a block; the rest waits for the next.
const MAX_BLOCK_EXTRINSICS: usize = 512;
/// Nonces an extrinsic may be ahead of its signer's next.
const MAX_FUTURE_NONCES: u64 = 64;

/// The chain.
pub(super) struct Ledger {
    codec: Codec,
    store: Store,
    blocks: BTreeMap<u64, Block>,
    heights: HashMap<[u8; 32], u64>,
    pool: Pool,
    head: u64,
    forks: u64,
    genesis: [u8; 32],
    versions: (u32, u32),
    allow_loopback: bool,
}

impl Ledger {
    /// A chain of block zero alone.
    pub(super) fn new(options: &Options, salt: [u8; 32]) -> Result<Self, CodecError> {
        let codec = Codec::embedded()?;
        let changes = genesis::state(&codec, options)?;
        let root = root([0; 32], &changes);
        let block = Block::new([0; 32], 0, root, Vec::new(), &salt);
        let mut ledger = Self {
            versions: versions(&codec)?,
            codec,
            store: Store::default(),
            blocks: BTreeMap::new(),
            heights: HashMap::new(),
            pool: Pool::default(),
            head: 0,
            forks: 0,
            genesis: block.hash,
            allow_loopback: options.allow_loopback,
        };
        ledger.store.commit(0, changes);
        ledger.append(0, block);
        Ok(ledger)
    }

    /// The codec.
    pub(super) fn codec(&self) -> &Codec {
        &self.codec
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
        State::at(&self.codec, &self.store, height)
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
        let extrinsic = Extrinsic::decode(&self.codec, bytes)?;
        let call = Call::decode(&self.codec, &extrinsic.call)?;
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

    /// Builds the next block at `now_ms` and makes it the head.
    pub(super) fn advance(&mut self, now_ms: u64) -> Result<&Block, CodecError> {
        let height = self.head + 1;
        let pending = self.pool.drain();
        let (changes, extrinsics, fates) = self.build(height, now_ms, &pending)?;
        let number = u32::try_from(height).map_err(|_| CodecError("height".into()))?;
        let parent = self.head().hash;
        let state_root = root(self.head().header.state_root, &changes);
        let note = self.forks.to_le_bytes();
        let block = Block::new(parent, number, state_root, extrinsics, &note);
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

    /// Carries out a block without making it the head.
    fn build(
        &self,
        height: u64,
        now_ms: u64,
        pending: &[Pending],
    ) -> Result<(Changes, Vec<Vec<u8>>, Vec<Fate>), CodecError> {
        let mut state = self.state(self.head);
        let mut events = Events::default();
        let mut extrinsics = vec![self.initialize(&mut state, &mut events, height, now_ms)?];
        let mut fates = Vec::with_capacity(pending.len());
        for pending in pending {
            if extrinsics.len() > MAX_BLOCK_EXTRINSICS {
                fates.push(Fate::Waits);
                continue;
            }
            let index = u32::try_from(extrinsics.len()).unwrap_or(u32::MAX);
            let fate = self.apply(&mut state, &mut events, height, index, pending)?;
            if fate == Fate::Included {
                extrinsics.push(pending.extrinsic.bytes.clone());
            }
            fates.push(fate);
        }
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        state.put("System", "EventCount", &[], &count)?;
        state.put("System", "Events", &[], &events.into_value())?;
        Ok((state.into_changes(), extrinsics, fates))
    }

    /// What every block begins with; gives the inherent.
    fn initialize(
        &self,
        state: &mut State<'_>,
        events: &mut Events,
        height: u64,
        now_ms: u64,
    ) -> Result<Vec<u8>, CodecError> {
        let number = u32::try_from(height).map_err(|_| CodecError("height".into()))?;
        let parent = super::codec::Key::U32(number.saturating_sub(1));
        state.put("System", "Number", &[], &number)?;
        state.put("System", "ParentHash", &[], &self.head().hash)?;
        state.put("System", "BlockHash", &[parent], &self.head().hash)?;
        let mut context = Context {
            state,
            events,
            phase: Phase::Initialization,
            block: height,
            allow_loopback: self.allow_loopback,
        };
        epoch::initialize(&mut context)?;
        let last: u64 = context.state.get("Timestamp", "Now", &[])?;
        let now = now_ms.max(last + 1);
        context.state.put("Timestamp", "Now", &[], &now)?;
        context
            .events
            .outcome(&self.codec, 0, "Mandatory", &Ok(()))?;
        self.inherent(now)
    }

    /// `Timestamp.set`, unsigned.
    fn inherent(&self, now_ms: u64) -> Result<Vec<u8>, CodecError> {
        let call = self.codec.call_index("Timestamp", "set")?;
        let mut body = vec![4];
        body.extend_from_slice(&call);
        Compact(now_ms).encode_to(&mut body);
        Ok(body.encode())
    }

    fn apply(
        &self,
        state: &mut State<'_>,
        events: &mut Events,
        height: u64,
        index: u32,
        pending: &Pending,
    ) -> Result<Fate, CodecError> {
        let Pending {
            extrinsic, call, ..
        } = pending;
        match self.validate(state, extrinsic, call, height) {
            Ok(Turn::Now) => {}
            Ok(Turn::Later) => return Ok(Fate::Waits),
            Err(_) => return Ok(Fate::Invalid),
        }
        let mut info = balances::read(state, extrinsic.signer)?;
        info.nonce = info.nonce.saturating_add(1);
        balances::write(state, extrinsic.signer, &info)?;
        let (mark, kept) = (state.mark(), events.len());
        let mut context = Context {
            state,
            events,
            phase: Phase::Extrinsic(index),
            block: height,
            allow_loopback: self.allow_loopback,
        };
        let outcome = dispatch::dispatch(&mut context, extrinsic.signer, call);
        if let Err(error) = &outcome {
            if let DispatchError::Corruption(error) = error {
                tracing::error!(%error, "a call met state that does not fit its types");
            }
            state.roll_back(mark);
            events.truncate(kept);
        }
        events.outcome(&self.codec, index, "Normal", &outcome)?;
        Ok(Fate::Included)
    }

    /// Era, signature and nonce, then what the pool checks of the call.
    fn validate(
        &self,
        state: &mut State<'_>,
        extrinsic: &Extrinsic,
        call: &Call,
        height: u64,
    ) -> Result<Turn, Invalid> {
        if extrinsic.metadata_hash {
            return Err(Invalid::CannotLookup);
        }
        let born = extrinsic.era.birth(height);
        let birth = match self.blocks.get(&born) {
            Some(block) if born < height => block.hash,
            _ => return Err(Invalid::AncientBirthBlock),
        };
        let implied = Implied {
            spec_version: self.versions.0,
            transaction_version: self.versions.1,
            genesis: self.genesis,
            birth,
        };
        if !extrinsic.verify(&self.codec, &implied)? {
            return Err(Invalid::BadProof);
        }
        let next = u64::from(balances::read(state, extrinsic.signer)?.nonce);
        if extrinsic.nonce < next {
            return Err(Invalid::Stale);
        }
        if extrinsic.nonce > next.saturating_add(MAX_FUTURE_NONCES) {
            return Err(Invalid::Future);
        }
        let context = Context {
            state,
            events: &mut Events::default(),
            phase: Phase::Initialization,
            block: height,
            allow_loopback: self.allow_loopback,
        };
        dispatch::check(&context, extrinsic.signer, call)
            .map_err(|error| Invalid::Custom(error.pool_code()))?;
        match extrinsic.nonce == next {
            true => Ok(Turn::Now),
            false => Ok(Turn::Later),
        }
    }
}

/// Whether it is an extrinsic's turn.
enum Turn {
    Now,
    Later,
}

/// What a block makes of an extrinsic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Included,
    Waits,
    Invalid,
}

/// A commitment to the state: the one before and all that changed.
fn root(before: [u8; 32], changes: &Changes) -> [u8; 32] {
    let mut bytes = before.to_vec();
    for change in changes {
        change.encode_to(&mut bytes);
    }
    blake2_256(&bytes)
}

/// Spec version and transaction version, from the runtime's own constant.
fn versions(codec: &Codec) -> Result<(u32, u32), CodecError> {
    #[derive(scale_decode::DecodeAsType)]
    struct Version {
        spec_version: u32,
        transaction_version: u32,
    }
    let (bytes, type_id) = codec.constant("System", "Version")?;
    let version: Version = codec.decode(bytes, type_id)?;
    Ok((version.spec_version, version.transaction_version))
}

#[cfg(test)]
mod tests;
