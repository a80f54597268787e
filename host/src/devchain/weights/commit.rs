//! Commits to a hash, which the validator reveals in the right epoch.
//!
//! The hash is BLAKE2b-256 of hotkey, mechanism index, uids, values, salt and
//! version key. A commit of epoch `e` is revealed in epoch `e` plus the subnet's
//! reveal period, not before and not after.

use std::collections::VecDeque;

use parity_scale_codec::Encode as _;
use scale_value::Value;

use super::{commit_reveal, same_lengths, set, slow_enough, touch};
use crate::devchain::call::{BatchCommit, BatchReveal, Commit, Reveal, SetWeights};
use crate::devchain::codec::CodecError;
use crate::devchain::dispatch::{Context, DispatchError};
use crate::devchain::event::{account, number};
use crate::devchain::hash::blake2_256;
use crate::devchain::registration::uid;
use crate::devchain::state::{SUBTENSOR, State};
use crate::devchain::{mechanism, schedule};

/// Commits of a hotkey that may wait at once.
pub(super) const MAX_UNREVEALED: usize = 10;

/// A commit as storage has it: hash, epoch, block, and a field of older times.
type Commits = VecDeque<([u8; 32], u64, u64, u64)>;

/// `commit_weights` and `commit_mechanism_weights`.
pub(super) fn commit(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &Commit,
) -> Result<(), DispatchError> {
    let (index, uid) = admit(context, hotkey, call.netuid, call.mecid)?;
    let block = context.block;
    let epoch = schedule::epoch(context.state, call.netuid, block)?;
    let mut commits = stored(context.state, index, hotkey)?.unwrap_or_default();
    drop_expired(context, call.netuid, &mut commits)?;
    if commits.len() >= MAX_UNREVEALED {
        return Err(DispatchError::subtensor("TooManyUnrevealedCommits"));
    }
    commits.push_back((call.commit_hash, epoch, block, 0));
    store(context.state, index, hotkey, commits)?;
    let hash = Value::from_bytes(call.commit_hash);
    let fields = vec![account(hotkey), number(u64::from(index)), hash];
    context.deposit("WeightsCommitted", fields);
    Ok(touch(context, index, uid)?)
}

/// What every commit must meet; gives the mechanism's index and the uid.
pub(super) fn admit(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    netuid: u16,
    mecid: u8,
) -> Result<(u16, u16), DispatchError> {
    let index = mechanism::existing(context.state, netuid, mecid)?;
    enabled(context.state, netuid)?;
    let Some(uid) = uid(context.state, netuid, hotkey)? else {
        return Err(DispatchError::subtensor("HotKeyNotRegisteredInSubNet"));
    };
    slow_enough(context, netuid, mecid, uid, "CommittingWeightsTooFast")?;
    Ok((index, uid))
}

/// `batch_commit_weights`: each for itself, failures told by events.
pub(super) fn batch(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &BatchCommit,
) -> Result<(), DispatchError> {
    let mut outcomes = Vec::new();
    for (netuid, commit_hash) in call.netuids.iter().zip(&call.commit_hashes) {
        let one = Commit {
            netuid: *netuid,
            mecid: 0,
            commit_hash: *commit_hash,
        };
        let outcome = context.attempt(|context| commit(context, hotkey, &one));
        outcomes.push((*netuid, outcome));
    }
    set::completed(context, hotkey, &call.netuids, outcomes)
}

/// What the pool checks of a reveal: that it has its commit, and its time.
pub(super) fn check_reveal(
    context: &Context<'_, '_>,
    hotkey: [u8; 32],
    call: &Reveal,
) -> Result<(), DispatchError> {
    let index = mechanism::index(call.netuid, call.mecid);
    let commits = stored(context.state, index, hotkey)?.unwrap_or_default();
    let hash = hash(hotkey, index, call);
    let Some((_, epoch, ..)) = commits.iter().find(|(committed, ..)| *committed == hash) else {
        return Err(DispatchError::subtensor("NoWeightsCommitFound"));
    };
    in_time(context, call.netuid, *epoch)
}

/// `reveal_weights` and `reveal_mechanism_weights`.
pub(super) fn reveal(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &Reveal,
) -> Result<(), DispatchError> {
    let hash = open(context, hotkey, call)?;
    let index = mechanism::index(call.netuid, call.mecid);
    let hash = Value::from_bytes(hash);
    let fields = vec![account(hotkey), number(u64::from(index)), hash];
    context.deposit("WeightsRevealed", fields);
    Ok(())
}

/// `batch_reveal_weights`: all or none.
pub(super) fn batch_reveal(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &BatchReveal,
) -> Result<(), DispatchError> {
    batch_lengths(call)?;
    let mut hashes = Vec::new();
    for one in each(call) {
        hashes.push(Value::from_bytes(open(context, hotkey, &one)?));
    }
    let hashes = Value::unnamed_composite(hashes);
    let fields = vec![account(hotkey), number(u64::from(call.netuid)), hashes];
    context.deposit("WeightsBatchRevealed", fields);
    Ok(())
}

/// The lists of a batch must be of one length.
pub(super) fn batch_lengths(call: &BatchReveal) -> Result<(), DispatchError> {
    let lengths = [
        call.values_list.len(),
        call.salts_list.len(),
        call.version_keys.len(),
    ];
    same_lengths(call.uids_list.len(), &lengths)
}

/// The reveals of a batch.
pub(super) fn each(call: &BatchReveal) -> impl Iterator<Item = Reveal> {
    let lists = call.uids_list.iter().zip(&call.values_list);
    let rest = call.salts_list.iter().zip(&call.version_keys);
    lists
        .zip(rest)
        .map(|((uids, values), (salt, version_key))| Reveal {
            netuid: call.netuid,
            mecid: 0,
            uids: uids.clone(),
            values: values.clone(),
            salt: salt.clone(),
            version_key: *version_key,
        })
}

/// Finds the commit, forgets it and those before it, and sets the weights.
fn open(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &Reveal,
) -> Result<[u8; 32], DispatchError> {
    let of_subnet = &[call.netuid.into()];
    if !context
        .state
        .subtensor::<bool>("NetworksAdded", of_subnet)?
    {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    enabled(context.state, call.netuid)?;
    let index = mechanism::index(call.netuid, call.mecid);
    let Some(mut commits) = stored(context.state, index, hotkey)? else {
        return Err(DispatchError::subtensor("NoWeightsCommitFound"));
    };
    let hash = hash(hotkey, index, call);
    let expired = drop_expired(context, call.netuid, &mut commits)?;
    let found = commits
        .iter()
        .position(|(committed, ..)| *committed == hash);
    let Some((position, (_, epoch, ..))) = found.and_then(|at| Some((at, *commits.get(at)?)))
    else {
        return Err(DispatchError::subtensor(match commits.is_empty() {
            _ if expired.contains(&hash) => "ExpiredWeightCommit",
            true => "NoWeightsCommitFound",
            false => "InvalidRevealCommitHashNotMatch",
        }));
    };
    in_time(context, call.netuid, epoch)?;
    commits.drain(..=position);
    store(context.state, index, hotkey, commits)?;
    let weights = SetWeights {
        netuid: call.netuid,
        mecid: call.mecid,
        dests: call.uids.clone(),
        weights: call.values.clone(),
        version_key: call.version_key,
    };
    set::set(context, hotkey, &weights)?;
    Ok(hash)
}

fn enabled(state: &State<'_>, netuid: u16) -> Result<(), DispatchError> {
    match commit_reveal(state, netuid)? {
        true => Ok(()),
        false => Err(DispatchError::subtensor("CommitRevealDisabled")),
    }
}

/// What a commit hides.
fn hash(hotkey: [u8; 32], index: u16, call: &Reveal) -> [u8; 32] {
    let Reveal {
        uids,
        values,
        salt,
        version_key,
        ..
    } = call;
    blake2_256(&(hotkey, index, uids, values, salt, version_key).encode())
}

fn in_time(context: &Context<'_, '_>, netuid: u16, epoch: u64) -> Result<(), DispatchError> {
    let now = schedule::epoch(context.state, netuid, context.block)?;
    match now == epoch.saturating_add(period(context.state, netuid)?) {
        true => Ok(()),
        false => Err(DispatchError::subtensor("RevealTooEarly")),
    }
}

/// Takes those out whose time is over; gives their hashes.
fn drop_expired(
    context: &Context<'_, '_>,
    netuid: u16,
    commits: &mut Commits,
) -> Result<Vec<[u8; 32]>, CodecError> {
    let now = schedule::epoch(context.state, netuid, context.block)?;
    let period = period(context.state, netuid)?;
    let mut expired = Vec::new();
    while let Some((hash, ..)) =
        commits.pop_front_if(|(_, epoch, ..)| now > epoch.saturating_add(period))
    {
        expired.push(hash);
    }
    Ok(expired)
}

/// Epochs between a commit and its reveal.
pub(super) fn period(state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
    state.subtensor("RevealPeriodEpochs", &[netuid.into()])
}

fn stored(state: &State<'_>, index: u16, hotkey: [u8; 32]) -> Result<Option<Commits>, CodecError> {
    let commits: Option<Vec<_>> =
        state.find(SUBTENSOR, "WeightCommits", &[index.into(), hotkey.into()])?;
    Ok(commits.map(VecDeque::from))
}

fn store(
    state: &mut State<'_>,
    index: u16,
    hotkey: [u8; 32],
    commits: Commits,
) -> Result<(), CodecError> {
    let key = &[index.into(), hotkey.into()];
    match commits.is_empty() {
        true => state.remove(SUBTENSOR, "WeightCommits", key),
        false => state.put_subtensor("WeightCommits", key, &Vec::from(commits)),
    }
}
