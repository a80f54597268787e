//! How weights go to the chain: openly, sealed by timelock, or behind a salt.
//!
//! What decides (whether the subnet wants commits, the epoch's counters, the
//! beacon, the time) is read at one block, the newest, since the commit lands in
//! the next. Time is the chain's own, so neither this machine's clock nor a
//! lagging endpoint moves the round. On a public network the beacon is quicknet
//! and a block takes as long as the runtime says; a development chain may have
//! a beacon of its own, which it keeps where real ones keep quicknet's, and any
//! pace, which is measured.
//!
//! Runtimes that do not count epochs (specs 365 and 393) derive them from the
//! block's number, and so does the rule for their commits.

use blake2::Blake2b;
use blake2::digest::{Digest as _, consts::U32};
use parity_scale_codec::Encode;
use scale_decode::DecodeAsType;

use super::calls::{COMMIT_REVEAL_VERSION, PALLET, Weighing};
use super::epoch::{self, Window};
use super::read::{expect_subnet, id, schedule};
use super::refusal;
use super::session::{At, Session};
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::commit::{Commit, Commits, Hiding, Plan};
use crate::subnet::key::AccountId;
use crate::subnet::timelock::{Beacon, TimelockError};
use crate::subnet::weights::Weights;
use crate::subnet::{BlockNumber, Netuid};

/// Drand's pallet.
const DRAND: &str = "Drand";
/// Blocks that the chain has for fetching a round before it is needed.
/// Source: `SECURITY_BLOCK_OFFSET` of `bittensor-drand`.
const INGEST_BLOCKS: u64 = 3;
/// Blocks over which a development chain's pace is measured.
const PACE_BLOCKS: u64 = 20;
/// Numbers of a salt; Bittensor's own tools take 8.
const SALT_NUMBERS: usize = 16;

/// What the chain says before weights are sent.
pub(super) enum Way {
    /// They are set openly.
    Open,
    /// They are committed.
    Commit {
        head: BlockNumber,
        window: Window,
        timelock: Option<Box<Timelock>>,
    },
}

/// Until when to seal, and for whom.
pub(super) struct Timelock {
    beacon: Beacon,
    round: u64,
}

/// The fields we need of drand's `BeaconConfiguration`.
#[derive(DecodeAsType)]
struct BeaconConfig {
    public_key: Vec<u8>,
    period: u32,
    genesis_time: u32,
}

/// What is sealed, as the chain decodes it.
#[derive(Encode)]
struct Payload {
    hotkey: Vec<u8>,
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
}

/// Reads which way weights go now.
pub(super) async fn way(
    session: &Session,
    netuid: Netuid,
    commits: Commits,
) -> Result<Way, ChainError> {
    let at = session.at_newest().await?;
    expect_subnet(&at, netuid).await?;
    if !at
        .storage("CommitRevealWeightsEnabled", vec![id(netuid)])
        .await?
    {
        return Ok(Way::Open);
    }
    let head = at.head.number;
    let window = window(&at, netuid).await?;
    let timelock = match commits {
        Commits::Timelocked if at.has_weighing(Weighing::CommitTimelocked) => {
            Some(Box::new(timelock(&at, &window).await?))
        }
        _ => None,
    };
    Ok(Way::Commit {
        head,
        window,
        timelock,
    })
}

async fn window(at: &At<'_>, netuid: Netuid) -> Result<Window, ChainError> {
    let (schedule, tempo) = schedule(at, netuid).await?;
    let period: u64 = at.storage("RevealPeriodEpochs", vec![id(netuid)]).await?;
    epoch::window(schedule, netuid, tempo, at.head.number, period).ok_or_else(|| {
        ChainError::Refused {
            name: "EpochsDoNotRun".to_owned(),
            remedy: format!(
                "Subnet {netuid} has tempo {tempo} and reveals after {period} epochs, so it would never reveal a commit; ask its owner"
            ),
        }
    })
}

async fn timelock(at: &At<'_>, window: &Window) -> Result<Timelock, ChainError> {
    let version: u16 = at.storage("CommitRevealWeightsVersion", vec![]).await?;
    if version != COMMIT_REVEAL_VERSION {
        return Err(refusal::named("IncorrectCommitRevealVersion"));
    }
    let newest: u64 = at.item(DRAND, "LastStoredRound", vec![]).await?;
    let now_ms = now_ms(at).await?;
    let (beacon, block_ms) = match at.is_development() {
        true => (own_beacon(at).await?, measured_pace_ms(at, now_ms).await?),
        false => (Beacon::quicknet(), at.runtime.slot_ms()),
    };
    let clock = Clock {
        head: at.head.number,
        now_ms,
        block_ms,
        newest,
    };
    Ok(Timelock {
        round: clock.round(&beacon, window),
        beacon,
    })
}

/// What time it is on the chain.
struct Clock {
    head: BlockNumber,
    now_ms: u64,
    /// From one block to the next.
    block_ms: u64,
    /// The newest round that the chain has.
    newest: u64,
}

impl Clock {
    /// The round that a commit made now is sealed for: signed when the chain is
    /// to open it, and not before the commit arrives, which the chain refuses.
    ///
    /// Where blocks are faster than rounds the two exclude one another; then it is
    /// the next round, or if that comes after the epoch the one there is.
    fn round(&self, beacon: &Beacon, window: &Window) -> u64 {
        let ingested = window.reveal_block.saturating_add(INGEST_BLOCKS);
        let due = beacon.settled_round(self.at_ms(ingested));
        let next = self.newest.saturating_add(1);
        let is_next_in_time = beacon.signed_at_ms(next) < self.at_ms(window.reveal_end);
        match due > self.newest {
            true => due,
            false if is_next_in_time => next,
            false => self.newest,
        }
    }

    /// About when a later block is made.
    fn at_ms(&self, block: BlockNumber) -> u64 {
        let wait_ms = block
            .saturating_sub(self.head)
            .saturating_mul(self.block_ms);
        self.now_ms.saturating_add(wait_ms)
    }
}

async fn now_ms(at: &At<'_>) -> Result<u64, ChainError> {
    at.item("Timestamp", "Now", vec![]).await
}

async fn measured_pace_ms(at: &At<'_>, now_ms: u64) -> Result<u64, ChainError> {
    // Block 0 has no time.
    let blocks = at.head.number.saturating_sub(1).min(PACE_BLOCKS);
    let number = at.head.number - blocks;
    let link = &at.session().link;
    let before = match link.block_hash(Some(number)).await? {
        Some(hash) if blocks > 0 => {
            let before = at.session().at(Head { number, hash }).await?;
            now_ms.saturating_sub(self::now_ms(&before).await?)
        }
        _ => return Ok(at.runtime.slot_ms()),
    };
    Ok(before / blocks)
}

async fn own_beacon(at: &At<'_>) -> Result<Beacon, ChainError> {
    let config: BeaconConfig = at.item(DRAND, "BeaconConfig", vec![]).await?;
    let key = config
        .public_key
        .try_into()
        .map_err(|_| TimelockError::NoPoint("the beacon's public key"));
    key.and_then(|key| {
        let genesis_ms = u64::from(config.genesis_time) * 1000;
        Beacon::new(&key, genesis_ms, u64::from(config.period) * 1000)
    })
    .map_err(|error| ChainError::Nonsense(format!("its beacon: {error}")))
}

/// Makes the plan; takes milliseconds of a processor where something is sealed.
pub(super) fn plan(
    way: Way,
    netuid: Netuid,
    hotkey: AccountId,
    weights: &Weights,
    version_key: u64,
) -> Result<Plan, ChainError> {
    let (head, window, timelock) = match way {
        Way::Open => return Ok(Plan::Set { version_key }),
        Way::Commit {
            head,
            window,
            timelock,
        } => (head, window, timelock),
    };
    let (hiding, payload, hash) = match timelock {
        Some(timelock) => {
            let Timelock { beacon, round } = *timelock;
            let sealed = beacon.seal(&message(hotkey, weights, version_key), round);
            let sealed = sealed.map_err(unsealed)?;
            let hash = blake2_256(&sealed);
            (Hiding::Timelocked { round }, sealed, hash)
        }
        None => {
            let salt = salt().map_err(unsealed)?;
            let hash = salted_hash(hotkey, netuid, weights, &salt, version_key);
            (Hiding::Salted { salt }, hash.to_vec(), hash)
        }
    };
    let commit = Commit {
        hiding,
        hash,
        version_key,
        planned_at: head,
        epoch: window.epoch,
        reveal_epoch: window.reveal_epoch,
        reveal_block: window.reveal_block,
    };
    Ok(Plan::Commit { commit, payload })
}

fn unsealed(error: TimelockError) -> ChainError {
    ChainError::Refused {
        name: "NotSealed".to_owned(),
        remedy: format!("The weights could not be hidden: {error}"),
    }
}

fn message(hotkey: AccountId, weights: &Weights, version_key: u64) -> Vec<u8> {
    let payload = Payload {
        hotkey: hotkey.0.to_vec(),
        uids: weights.uids(),
        values: weights.values(),
        version_key,
    };
    payload.encode()
}

fn salt() -> Result<Vec<u16>, TimelockError> {
    let mut bytes = [0; 2 * SALT_NUMBERS];
    getrandom::fill(&mut bytes).map_err(|_| TimelockError::NoRandomness)?;
    let pair = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    Ok(bytes.chunks_exact(2).map(pair).collect())
}

/// What a salted commit is to the chain. Mechanism 0's index is the netuid.
///
/// Source: `generate_weight_hash` of bittensor, `get_commit_hash` of subtensor.
fn salted_hash(
    hotkey: AccountId,
    netuid: Netuid,
    weights: &Weights,
    salt: &[u16],
    version_key: u64,
) -> [u8; 32] {
    let (uids, values) = (weights.uids(), weights.values());
    blake2_256(&(hotkey.0, netuid, uids, values, salt, version_key).encode())
}

pub(super) fn blake2_256(bytes: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::digest(bytes).into()
}

impl At<'_> {
    /// The runtime has a call of this kind, by one name or the other.
    pub(super) fn has_weighing(&self, weighing: Weighing) -> bool {
        self.weighing(weighing).is_some()
    }

    /// What this runtime calls it.
    pub(super) fn weighing(&self, weighing: Weighing) -> Option<&'static str> {
        [weighing.on_a_mechanism(), weighing.on_the_subnet()]
            .into_iter()
            .find(|name| self.runtime.has_call(PALLET, name))
    }
}

#[cfg(test)]
mod tests;
