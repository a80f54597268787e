//! Commits sealed until the beacon's round, which the chain opens itself.
//!
//! At the start of each block, before an epoch that is due runs, the commits of
//! the epoch a reveal period ago are opened whose round the beacon has signed;
//! the others are tried again in the next block, until their epoch is over.
//! Whatever is wrong with a commit (sealed for another beacon, another hotkey's,
//! weights against the rules), it is dropped without an event, as subtensor
//! does: only this chain's own log says why.

use parity_scale_codec::Decode;
use scale_value::Value;

use super::commit::{MAX_UNREVEALED, admit, period};
use super::{set, touch};
use crate::devchain::call::{SetWeights, TimelockedCommit};
use crate::devchain::codec::CodecError;
use crate::devchain::dispatch::{Context, DispatchError};
use crate::devchain::drand::{self, Reveals};
use crate::devchain::event::{account, number};
use crate::devchain::hash::blake2_256;
use crate::devchain::state::{SUBTENSOR, State};
use crate::devchain::{mechanism, schedule};

const ITEM: &str = "TimelockedWeightCommits";

/// A commit as storage has it: hotkey, block, sealed bytes, round.
type Stored = ([u8; 32], u64, Vec<u8>, u64);

/// What is sealed.
#[derive(Decode)]
struct Payload {
    hotkey: Vec<u8>,
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
}

/// What older clients seal: not bound to a hotkey.
#[derive(Decode)]
struct LegacyPayload {
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
}

/// A commit must not be for a round that anyone can open already.
pub(super) fn round_is_new(state: &State<'_>, round: u64) -> Result<(), DispatchError> {
    match round < state.get::<u64>("Drand", "LastStoredRound", &[])? {
        true => Err(DispatchError::subtensor("InvalidRevealRound")),
        false => Ok(()),
    }
}

/// `commit_timelocked_weights` and its kin.
pub(super) fn commit(
    context: &mut Context<'_, '_>,
    hotkey: [u8; 32],
    call: &TimelockedCommit,
) -> Result<(), DispatchError> {
    let version: u16 = context.state.subtensor("CommitRevealWeightsVersion", &[])?;
    let admitted = admit(context, hotkey, call.netuid, call.mecid);
    // The version comes after the mechanism and the switch, before the hotkey.
    let known = match &admitted {
        Err(error) => {
            *error != DispatchError::subtensor("MechanismDoesNotExist")
                && *error != DispatchError::subtensor("CommitRevealDisabled")
        }
        Ok(_) => true,
    };
    if known && call.commit_reveal_version.is_some_and(|own| own != version) {
        return Err(DispatchError::subtensor("IncorrectCommitRevealVersion"));
    }
    let (index, uid) = admitted?;
    let epoch = schedule::epoch(context.state, call.netuid, context.block)?;
    let key = &[index.into(), epoch.into()];
    let mut commits: Vec<Stored> = context.state.subtensor(ITEM, key)?;
    let own = commits.iter().filter(|(who, ..)| *who == hotkey);
    if own.count() >= MAX_UNREVEALED {
        return Err(DispatchError::subtensor("TooManyUnrevealedCommits"));
    }
    commits.push((
        hotkey,
        context.block,
        call.commit.clone(),
        call.reveal_round,
    ));
    context.state.put_subtensor(ITEM, key, &commits)?;
    let fields = vec![
        account(hotkey),
        number(u64::from(index)),
        Value::from_bytes(blake2_256(&call.commit)),
        number(call.reveal_round),
    ];
    context.deposit("TimelockedWeightsCommitted", fields);
    Ok(touch(context, index, uid)?)
}

/// Opens what is due in all mechanisms of a subnet.
pub(in super::super) fn reveal(
    context: &mut Context<'_, '_>,
    netuid: u16,
    reveals: Reveals,
) -> Result<(), CodecError> {
    let now = schedule::epoch(context.state, netuid, context.block)?;
    let Some(due) = now.checked_sub(period(context.state, netuid)?) else {
        return Ok(());
    };
    for mecid in 0..mechanism::count(context.state, netuid)? {
        let index = mechanism::index(netuid, mecid);
        forget(context.state, index, due)?;
        let key = &[index.into(), due.into()];
        let commits: Vec<Stored> = context.state.subtensor(ITEM, key)?;
        if commits.is_empty() {
            continue;
        }
        let mut waiting = Vec::new();
        for commit in commits {
            match drand::signature(context.state, commit.3)? {
                Some(signature) => open(context, (netuid, mecid), &commit, signature, reveals),
                None => waiting.push(commit),
            }
        }
        match waiting.is_empty() {
            true => context.state.remove(SUBTENSOR, ITEM, key)?,
            false => context.state.put_subtensor(ITEM, key, &waiting)?,
        }
    }
    Ok(())
}

/// Removes commits of epochs before `due`, which nobody revealed in time.
fn forget(state: &mut State<'_>, index: u16, due: u64) -> Result<(), CodecError> {
    for epoch in state.last_u64s(SUBTENSOR, ITEM, &[index.into()])? {
        if epoch < due {
            state.remove(SUBTENSOR, ITEM, &[index.into(), epoch.into()])?;
        }
    }
    Ok(())
}

/// Opens one commit and sets its weights, or says in the log why not.
fn open(
    context: &mut Context<'_, '_>,
    (netuid, mecid): (u16, u8),
    (hotkey, _, sealed, round): &Stored,
    signature: drand::Signature,
    reveals: Reveals,
) {
    let hotkey = *hotkey;
    let outcome = match reveals {
        Reveals::Dropped => Err("a test drops reveals".to_owned()),
        Reveals::Made => payload(sealed, hotkey, signature).and_then(|payload| {
            let call = SetWeights {
                netuid,
                mecid,
                dests: payload.uids,
                weights: payload.values,
                version_key: payload.version_key,
            };
            context
                .attempt(|context| set::set(context, hotkey, &call))
                .map_err(|error| format!("{error:?}"))
        }),
    };
    match outcome {
        Ok(()) => {
            let index = mechanism::index(netuid, mecid);
            let fields = vec![number(u64::from(index)), account(hotkey)];
            context.deposit("TimelockedWeightsRevealed", fields);
        }
        Err(why) => tracing::warn!(
            netuid,
            mecid,
            round,
            hotkey = %crate::subnet::key::AccountId(hotkey),
            why,
            "a timelocked commit was dropped"
        ),
    }
}

fn payload(
    sealed: &[u8],
    hotkey: [u8; 32],
    signature: drand::Signature,
) -> Result<Payload, String> {
    let bytes = signature.open(sealed).map_err(|error| {
        format!("{error}; only what is sealed for the beacon in Drand.BeaconConfig can be opened")
    })?;
    if let Ok(payload) = Payload::decode(&mut bytes.as_slice())
        && let Ok(sealed_by) = <[u8; 32]>::try_from(payload.hotkey.as_slice())
    {
        return match sealed_by == hotkey {
            true => Ok(payload),
            false => Err("it was sealed by another hotkey".into()),
        };
    }
    let LegacyPayload {
        uids,
        values,
        version_key,
    } = LegacyPayload::decode(&mut bytes.as_slice())
        .map_err(|error| format!("its contents do not decode: {error}"))?;
    Ok(Payload {
        hotkey: hotkey.to_vec(),
        uids,
        values,
        version_key,
    })
}
