//! Commitments: what a neuron says about itself on chain.
//!
//! A commitment has a few fields and may take so much space per epoch. A
//! field may be sealed until a beacon's round; it is opened then, and what was
//! in it joins `RevealedCommitments`.
//!
//! Fields are kept in their encoding: only the kind of each matters here.

mod field;

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;
use scale_value::Value;

use super::call::SetCommitment;
use super::codec::{CodecError, Key};
use super::dispatch::{Context, DispatchError};
use super::drand;
use super::encoded::Encoded;
use super::event::{account, number};
use super::registration::uid;
use super::state::State;
use field::{Field, Timelock, fields, joined};

const PALLET: &str = "Commitments";
/// Space that the smallest commitment counts for, in bytes.
const MIN_SPACE_BYTES: u64 = 100;
/// Revealed commitments of a neuron that are kept.
const MAX_REVEALS: usize = 10;

/// `Registration`.
#[derive(Debug, Clone, EncodeAsType, DecodeAsType)]
struct Registration {
    deposit: u64,
    block: u32,
    info: Encoded,
}

/// `UsageTracker`.
#[derive(Debug, Clone, Copy, Default, EncodeAsType, DecodeAsType)]
struct Usage {
    last_epoch: u64,
    used_space: u64,
}

/// `set_commitment`.
pub(super) fn set(
    context: &mut Context<'_, '_>,
    who: [u8; 32],
    call: &SetCommitment,
) -> Result<(), DispatchError> {
    let netuid = call.netuid;
    if uid(context.state, netuid, who)?.is_none() {
        return Err(error("AccountNotAllowedCommit"));
    }
    let fields = fields(context.state.codec(), &call.info)?;
    let most: u32 = context.state.codec().constant_as(PALLET, "MaxFields")?;
    if fields.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        return Err(error("TooManyFieldsInCommitmentInfo"));
    }
    use_space(context, netuid, who, &fields)?;
    let key = &[netuid.into(), who.into()];
    let block = u32::try_from(context.block).unwrap_or(u32::MAX);
    let registration = Registration {
        // The runtime's own deposits are zero.
        deposit: 0,
        block,
        info: call.info.clone(),
    };
    let state = &mut *context.state;
    state.put(PALLET, "CommitmentOf", key, &registration)?;
    state.put(PALLET, "LastCommitment", key, &block)?;
    let sealed = fields.iter().find_map(Field::timelock);
    index(state, netuid, who, sealed)?;
    let (netuid, who) = (number(u64::from(netuid)), account(who));
    match sealed {
        Some(Timelock { reveal_round, .. }) => {
            let round = number(*reveal_round);
            let fields = [("netuid", netuid), ("who", who), ("reveal_round", round)];
            context.deposit_named(PALLET, "TimelockCommitment", fields);
        }
        None => {
            let fields = [("netuid", netuid), ("who", who)];
            context.deposit_named(PALLET, "Commitment", fields);
        }
    }
    Ok(())
}

/// Counts the space a commitment takes, and refuses too much of it in an epoch.
fn use_space(
    context: &mut Context<'_, '_>,
    netuid: u16,
    who: [u8; 32],
    fields: &[Field],
) -> Result<(), DispatchError> {
    let key = &[netuid.into(), who.into()];
    let state = &mut *context.state;
    if fields.iter().any(Field::is_timelock_failure) {
        return Err(error("TimelockRevealFailedNotAllowed"));
    }
    let needed: u64 = fields.iter().map(Field::space).sum();
    let needed = needed.max(MIN_SPACE_BYTES);
    let epoch: u64 = state.subtensor("SubnetEpochIndex", &[netuid.into()])?;
    let usage: Option<Usage> = state.find(PALLET, "UsedSpaceOf", key)?;
    let used = usage.filter(|usage| usage.last_epoch == epoch);
    let used_space = used.map_or(0, |usage| usage.used_space) + needed;
    if used_space > u64::from(state.get::<u32>(PALLET, "MaxSpace", &[])?) {
        return Err(error("SpaceLimitExceeded"));
    }
    let usage = Usage {
        last_epoch: epoch,
        used_space,
    };
    Ok(state.put(PALLET, "UsedSpaceOf", key, &usage)?)
}

/// Opens the sealed fields whose round the beacon has signed.
pub(super) fn reveal(context: &mut Context<'_, '_>) -> Result<(), CodecError> {
    let sealed: Vec<(u16, [u8; 32])> = context.state.get(PALLET, "TimelockedIndex", &[])?;
    for (netuid, who) in sealed {
        reveal_of(context, netuid, who)?;
    }
    Ok(())
}

fn reveal_of(context: &mut Context<'_, '_>, netuid: u16, who: [u8; 32]) -> Result<(), CodecError> {
    let key: &[Key] = &[netuid.into(), who.into()];
    let found: Option<Registration> = context.state.find(PALLET, "CommitmentOf", key)?;
    let Some(mut registration) = found else {
        return index(context.state, netuid, who, None);
    };
    let mut kept = Vec::new();
    let mut opened = Vec::new();
    let mut failed = Vec::new();
    for field in fields(context.state.codec(), &registration.info)? {
        let Some(timelock) = field.timelock() else {
            kept.push(field);
            continue;
        };
        match drand::signature(context.state, timelock.reveal_round)? {
            None => kept.push(field),
            Some(signature) => match signature.open(&timelock.encrypted) {
                Ok(text) => opened.push(text),
                Err(_) => failed.push(timelock.reveal_round),
            },
        }
    }
    if opened.is_empty() && failed.is_empty() {
        return Ok(());
    }
    tell(context, netuid, who, opened, &failed)?;
    index(
        context.state,
        netuid,
        who,
        kept.iter().find_map(Field::timelock),
    )?;
    if kept.is_empty() {
        return context.state.remove(PALLET, "CommitmentOf", key);
    }
    registration.info = joined(&kept)?;
    context
        .state
        .put(PALLET, "CommitmentOf", key, &registration)
}

/// Records what was opened, and what could not be.
fn tell(
    context: &mut Context<'_, '_>,
    netuid: u16,
    who: [u8; 32],
    opened: Vec<Vec<u8>>,
    failed: &[u64],
) -> Result<(), CodecError> {
    let named = || [("netuid", number(u64::from(netuid))), ("who", account(who))];
    for round in failed {
        let [netuid, who] = named();
        let error = Value::unnamed_variant("Decrypt", []);
        let fields = [
            netuid,
            who,
            ("reveal_round", number(*round)),
            ("error", error),
        ];
        context.deposit_named(PALLET, "CommitmentRevealFailed", fields);
    }
    if opened.is_empty() {
        return Ok(());
    }
    let key = &[netuid.into(), who.into()];
    let found: Option<Vec<(Vec<u8>, u64)>> =
        context.state.find(PALLET, "RevealedCommitments", key)?;
    let mut all = found.unwrap_or_default();
    for text in opened {
        all.push((text, context.block));
        context.deposit_named(PALLET, "CommitmentRevealed", named());
    }
    let oldest = all.len().saturating_sub(MAX_REVEALS);
    context
        .state
        .put(PALLET, "RevealedCommitments", key, &all[oldest..])
}

/// Notes that a neuron's commitment has something sealed, or nothing.
fn index(
    state: &mut State<'_>,
    netuid: u16,
    who: [u8; 32],
    sealed: Option<&Timelock>,
) -> Result<(), CodecError> {
    let mut all: Vec<(u16, [u8; 32])> = state.get(PALLET, "TimelockedIndex", &[])?;
    all.retain(|entry| *entry != (netuid, who));
    if sealed.is_some() {
        all.push((netuid, who));
        // The runtime's is an ordered set.
        all.sort_unstable();
    }
    state.put(PALLET, "TimelockedIndex", &[], &all)
}

/// Forgets what a neuron said that lost its slot.
pub(super) fn forget(state: &mut State<'_>, netuid: u16, who: [u8; 32]) -> Result<(), CodecError> {
    for name in [
        "CommitmentOf",
        "LastCommitment",
        "LastBondsReset",
        "RevealedCommitments",
        "UsedSpaceOf",
    ] {
        state.remove(PALLET, name, &[netuid.into(), who.into()])?;
    }
    index(state, netuid, who, None)
}

fn error(name: &'static str) -> DispatchError {
    DispatchError::Module {
        pallet: PALLET,
        name,
    }
}
