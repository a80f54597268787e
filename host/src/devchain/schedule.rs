//! When epochs run, and what number they have.
//!
//! An epoch runs a tempo after the last one, or when its owner triggered it, and
//! at the latest after [`MAX_BLOCKS_SINCE_STEP`]. Each moves `SubnetEpochIndex`
//! on by one. What is committed or revealed in a block in which an epoch is
//! still to run counts for that epoch.

use super::codec::CodecError;
use super::state::State;

/// An epoch runs at the latest after so many blocks.
const MAX_BLOCKS_SINCE_STEP: u64 = 50_400;

/// Whether an epoch is due in `block`.
pub(super) fn due(state: &State<'_>, netuid: u16, block: u64) -> Result<bool, CodecError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = state.subtensor("Tempo", of_subnet)?;
    let pending: u64 = state.subtensor("PendingEpochAt", of_subnet)?;
    let since: u64 = state.subtensor("BlocksSinceLastStep", of_subnet)?;
    let triggered = pending > 0 && block >= pending;
    let late = since > MAX_BLOCKS_SINCE_STEP;
    let regular = block >= next_regular(state, netuid)?;
    Ok(tempo != 0 && (triggered || late || regular))
}

/// The block of the next epoch, if nobody triggers one.
pub(super) fn next_regular(state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
    let tempo: u16 = state.subtensor("Tempo", &[netuid.into()])?;
    let last: u64 = state.subtensor("LastEpochBlock", &[netuid.into()])?;
    Ok(last.saturating_add(u64::from(tempo)))
}

/// The block the next epoch is due in, if epochs run.
pub(super) fn next(state: &State<'_>, netuid: u16) -> Result<Option<u64>, CodecError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = state.subtensor("Tempo", of_subnet)?;
    let pending: u64 = state.subtensor("PendingEpochAt", of_subnet)?;
    let regular = next_regular(state, netuid)?;
    Ok((tempo != 0).then_some(match pending {
        0 => regular,
        pending => regular.min(pending),
    }))
}

/// The epoch that something done in `block` belongs to.
pub(super) fn epoch(state: &State<'_>, netuid: u16, block: u64) -> Result<u64, CodecError> {
    let index: u64 = state.subtensor("SubnetEpochIndex", &[netuid.into()])?;
    Ok(index + u64::from(due(state, netuid, block)?))
}

/// Notes that an epoch ran in `block`.
pub(super) fn ran(state: &mut State<'_>, netuid: u16, block: u64) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    state.put_subtensor("LastEpochBlock", of_subnet, &block)?;
    state.put_subtensor("LastMechansimStepBlock", of_subnet, &block)?;
    state.put_subtensor("PendingEpochAt", of_subnet, &0_u64)?;
    state.put_subtensor("BlocksSinceLastStep", of_subnet, &0_u64)?;
    let next = |index: &mut u64| *index = index.saturating_add(1);
    state.mutate("SubnetEpochIndex", of_subnet, next)
}

/// Blocks after which a validator counts as silent: a factor of the tempo.
pub(super) fn activity_cutoff(state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
    let factor: u32 = state.subtensor("ActivityCutoffFactorMilli", &[netuid.into()])?;
    let tempo: u16 = state.subtensor("Tempo", &[netuid.into()])?;
    Ok(u64::from(factor) * u64::from(tempo) / 1000)
}
