//! Mechanisms: the parts of a subnet that are weighed each by itself.
//!
//! What storage keeps by mechanism has an index of `mecid * 4096 + netuid`, so
//! that mechanism 0 has the subnet's own.

use super::codec::CodecError;
use super::dispatch::{Context, DispatchError};
use super::state::{SUBTENSOR, State};

/// Subnets that the index has room for.
const MAX_SUBNETS: u16 = 4096;
/// Mechanisms that the index has room for.
const MAX_MECHANISMS: u8 = 16;
/// Uids of all mechanisms of a subnet together.
const MAX_UIDS_OF_ALL: u16 = 256;

/// The index of a mechanism.
pub(super) fn index(netuid: u16, mecid: u8) -> u16 {
    u16::from(mecid)
        .saturating_mul(MAX_SUBNETS)
        .saturating_add(netuid)
}

/// How many mechanisms a subnet has.
pub(super) fn count(state: &State<'_>, netuid: u16) -> Result<u8, CodecError> {
    state.subtensor("MechanismCountCurrent", &[netuid.into()])
}

/// The indices of all mechanisms of a subnet.
pub(super) fn indices(state: &State<'_>, netuid: u16) -> Result<Vec<u16>, CodecError> {
    let count = count(state, netuid)?;
    Ok((0..count).map(|mecid| index(netuid, mecid)).collect())
}

/// The index of a mechanism that exists.
pub(super) fn existing(state: &State<'_>, netuid: u16, mecid: u8) -> Result<u16, DispatchError> {
    let added: bool = state.subtensor("NetworksAdded", &[netuid.into()])?;
    if !added || mecid >= count(state, netuid)? {
        return Err(DispatchError::subtensor("MechanismDoesNotExist"));
    }
    Ok(index(netuid, mecid))
}

/// Gives a subnet another number of mechanisms; what those that go have is lost.
pub(super) fn set_count(
    context: &mut Context<'_, '_>,
    netuid: u16,
    wanted: u8,
) -> Result<(), DispatchError> {
    let state = &mut *context.state;
    if !state.subtensor::<bool>("NetworksAdded", &[netuid.into()])? {
        return Err(DispatchError::subtensor("MechanismDoesNotExist"));
    }
    let most: u8 = state.subtensor("MaxMechanismCount", &[])?;
    if wanted == 0 || wanted > most.min(MAX_MECHANISMS) {
        return Err(DispatchError::subtensor("InvalidValue"));
    }
    uids_fit(state.subtensor("MaxAllowedUids", &[netuid.into()])?, wanted)?;
    let before = count(state, netuid)?;
    if wanted == before {
        return Ok(());
    }
    for mecid in wanted..before {
        clear(state, index(netuid, mecid))?;
    }
    let neurons: u16 = state.subtensor("SubnetworkN", &[netuid.into()])?;
    for mecid in before..wanted {
        open(state, index(netuid, mecid), neurons)?;
    }
    state.put_subtensor("MechanismCountCurrent", &[netuid.into()], &wanted)?;
    Ok(state.remove(SUBTENSOR, "MechanismEmissionSplit", &[netuid.into()])?)
}

/// Refuses more uids than all mechanisms may have together.
pub(super) fn uids_fit(uids: u16, mechanisms: u8) -> Result<(), DispatchError> {
    if uids.saturating_mul(u16::from(mechanisms)) > MAX_UIDS_OF_ALL {
        return Err(DispatchError::subtensor("TooManyUIDsPerMechanism"));
    }
    Ok(())
}

/// Sets how mechanisms share the emission, in parts of `u16::MAX`; `None`: alike.
pub(super) fn set_split(
    context: &mut Context<'_, '_>,
    netuid: u16,
    split: Option<Vec<u16>>,
) -> Result<(), DispatchError> {
    let state = &mut *context.state;
    if !state.subtensor::<bool>("NetworksAdded", &[netuid.into()])? {
        return Err(DispatchError::subtensor("MechanismDoesNotExist"));
    }
    let of_subnet = &[netuid.into()];
    let Some(split) = split else {
        return Ok(state.remove(SUBTENSOR, "MechanismEmissionSplit", of_subnet)?);
    };
    let whole: u64 = split.iter().copied().map(u64::from).sum();
    if split.len() != usize::from(count(state, netuid)?) || whole != u64::from(u16::MAX) {
        return Err(DispatchError::subtensor("InvalidValue"));
    }
    Ok(state.put_subtensor("MechanismEmissionSplit", of_subnet, &split)?)
}

/// Each mechanism's part of an emission; mechanism 0 has what rounding leaves.
pub(super) fn shares(
    state: &State<'_>,
    netuid: u16,
    emission: u64,
) -> Result<Vec<u64>, CodecError> {
    let count = count(state, netuid)?;
    let split: Option<Vec<u16>> =
        state.find(SUBTENSOR, "MechanismEmissionSplit", &[netuid.into()])?;
    let mut shares: Vec<u64> = match split.filter(|split| split.len() == usize::from(count)) {
        Some(split) => split.iter().map(|part| part_of(emission, *part)).collect(),
        None => vec![emission / u64::from(count.max(1)); usize::from(count)],
    };
    let rest = emission.saturating_sub(shares.iter().sum());
    if let Some(first) = shares.first_mut() {
        *first = first.saturating_add(rest);
    }
    Ok(shares)
}

fn part_of(emission: u64, part: u16) -> u64 {
    let share = u128::from(emission) * u128::from(part) / u128::from(u16::MAX);
    u64::try_from(share).unwrap_or(emission)
}

fn open(state: &mut State<'_>, index: u16, neurons: u16) -> Result<(), CodecError> {
    let size = usize::from(neurons);
    state.put_subtensor("Incentive", &[index.into()], &vec![0_u16; size])?;
    state.put_subtensor("LastUpdate", &[index.into()], &vec![0_u64; size])
}

fn clear(state: &mut State<'_>, index: u16) -> Result<(), CodecError> {
    for name in [
        "Weights",
        "Bonds",
        "WeightCommits",
        "TimelockedWeightCommits",
    ] {
        state.clear(SUBTENSOR, name, &[index.into()])?;
    }
    for name in ["Incentive", "LastUpdate", "ConsensusByMechanism"] {
        state.remove(SUBTENSOR, name, &[index.into()])?;
    }
    Ok(())
}
