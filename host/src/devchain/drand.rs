//! The beacon whose rounds open timelocked commits.
//!
//! A public network stores drand's quicknet. A development chain has no network
//! to fetch it from, so it has a beacon of its own, with quicknet's clock and a
//! key that anyone can know: [`key`]. `Drand.BeaconConfig` names it, and a client
//! that seals for the beacon it finds there is revealed. Python's bittensor
//! seals for quicknet whatever the chain says: its commits are recorded, and
//! dropped when their round comes, for nobody here can open them.
//!
//! Rounds are signed by the wall clock, one after the other, and by
//! [`DevChain::sign_until`](super::DevChain::sign_until).

use std::sync::LazyLock;

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;
use scale_value::Value;
use sha2::{Digest as _, Sha256};

use super::codec::CodecError;
use super::dispatch::Context;
use super::event::number;
use super::state::State;
use crate::subnet::timelock::{Beacon, BeaconKey, RoundSignature, SIGNATURE_BYTES};

pub(super) use crate::subnet::timelock::RoundSignature as Signature;

const PALLET: &str = "Drand";
/// What the development beacon's key is made of.
const SEED: &[u8] = b"compute-subnet development beacon, known to all";
/// Quicknet's clock: seconds since 1970, and between rounds.
const GENESIS_S: u32 = 1_692_803_367;
const PERIOD_S: u32 = 3;
/// Rounds stored in one block, as the pallet takes them.
const MAX_PULSES_PER_BLOCK: u64 = 50;
/// Rounds kept; the pallet keeps a week's.
const MAX_KEPT_PULSES: u64 = 1000;

/// Whether what is due is revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reveals {
    /// As it should be.
    Made,
    /// It is lost instead, without a word, on purpose.
    Dropped,
}

/// `BeaconConfiguration`.
#[derive(EncodeAsType)]
struct BeaconConfig {
    public_key: Vec<u8>,
    period: u32,
    genesis_time: u32,
    hash: Vec<u8>,
    group_hash: Vec<u8>,
    scheme_id: Vec<u8>,
    metadata: Metadata,
}

#[derive(EncodeAsType)]
struct Metadata {
    beacon_id: Vec<u8>,
}

/// `Pulse`.
#[derive(Debug, EncodeAsType, DecodeAsType)]
struct Pulse {
    round: u64,
    randomness: Vec<u8>,
    signature: Vec<u8>,
}

/// The development beacon's key.
pub(super) fn key() -> BeaconKey {
    BeaconKey::from_seed(&Sha256::digest(SEED).into())
}

/// The development beacon, as clients know it.
pub(super) fn beacon() -> &'static Beacon {
    static BEACON: LazyLock<Beacon> = LazyLock::new(make);
    &BEACON
}

fn make() -> Beacon {
    let (genesis_ms, period_ms) = (u64::from(GENESIS_S) * 1000, u64::from(PERIOD_S) * 1000);
    Beacon::new(&key().public_key(), genesis_ms, period_ms)
        .expect("a key's public half is a point, and three seconds are not zero")
}

/// Names the beacon in block zero.
pub(super) fn configure(state: &mut State<'_>) -> Result<(), CodecError> {
    let public_key = key().public_key().to_vec();
    let config = BeaconConfig {
        period: PERIOD_S,
        genesis_time: GENESIS_S,
        hash: Sha256::digest(&public_key).to_vec(),
        group_hash: Sha256::digest(SEED).to_vec(),
        scheme_id: b"bls-unchained-g1-rfc9380".to_vec(),
        metadata: Metadata {
            beacon_id: b"development".to_vec(),
        },
        public_key,
    };
    state.put(PALLET, "BeaconConfig", &[], &config)
}

/// Stores the rounds signed since the last block: up to the newest at `now_ms`,
/// or up to `until` if that is further. What is too much for a block comes in
/// the next.
pub(super) fn speak(
    context: &mut Context<'_, '_>,
    now_ms: u64,
    until: u64,
) -> Result<(), CodecError> {
    let Some(newest) = beacon().newest_round(now_ms) else {
        return Ok(());
    };
    let last: u64 = context.state.get(PALLET, "LastStoredRound", &[])?;
    let first = match last {
        0 => newest,
        last => last + 1,
    };
    let newest = newest.max(until).min(first + MAX_PULSES_PER_BLOCK - 1);
    if first > newest {
        return Ok(());
    }
    let key = key();
    for round in first..=newest {
        store(context.state, round, key.sign(round))?;
    }
    if last == 0 {
        let oldest = &first;
        context
            .state
            .put(PALLET, "OldestStoredRound", &[], oldest)?;
    }
    context.state.put(PALLET, "LastStoredRound", &[], &newest)?;
    prune(context.state, newest)?;
    let rounds = Value::unnamed_composite((first..=newest).map(number));
    context.deposit_named(PALLET, "NewPulse", [("rounds", rounds)]);
    Ok(())
}

/// What the beacon said of a round, if it is stored.
pub(super) fn signature(
    state: &State<'_>,
    round: u64,
) -> Result<Option<RoundSignature>, CodecError> {
    let pulse: Option<Pulse> = state.find(PALLET, "Pulses", &[round.into()])?;
    let Some(pulse) = pulse else {
        return Ok(None);
    };
    let bytes = <[u8; SIGNATURE_BYTES]>::try_from(pulse.signature.as_slice())
        .map_err(|_| CodecError("a pulse's signature has another size".into()))?;
    let signature = RoundSignature::from_bytes(&bytes);
    signature
        .map(Some)
        .map_err(|error| CodecError(error.to_string()))
}

fn store(state: &mut State<'_>, round: u64, signature: RoundSignature) -> Result<(), CodecError> {
    let signature = signature.to_bytes();
    let pulse = Pulse {
        round,
        randomness: Sha256::digest(signature).to_vec(),
        signature: signature.to_vec(),
    };
    state.put(PALLET, "Pulses", &[round.into()], &pulse)
}

fn prune(state: &mut State<'_>, newest: u64) -> Result<(), CodecError> {
    let oldest: u64 = state.get(PALLET, "OldestStoredRound", &[])?;
    let keep = newest.saturating_sub(MAX_KEPT_PULSES);
    for round in oldest..keep {
        state.remove(PALLET, "Pulses", &[round.into()])?;
    }
    state.put(PALLET, "OldestStoredRound", &[], &oldest.max(keep))
}
