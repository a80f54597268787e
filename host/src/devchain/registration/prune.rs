//! Who makes room when all slots of a subnet are taken.
//!
//! The neuron that earned least in the last epoch goes, of equals the oldest,
//! then the lower uid. New neurons are immune for a while, unless there are no
//! others (or too few of them: `MinNonImmuneUids`). The subnet owner's hotkey and
//! the first of its others (`ImmuneOwnerUidsLimit`) stay whatever they earn.

use super::super::codec::CodecError;
use super::super::commitments;
use super::super::mechanism;
use super::super::state::{SUBTENSOR, State};
use super::{enter, uid};

/// The uid to replace, if any may be.
pub(super) fn weakest(
    state: &State<'_>,
    netuid: u16,
    block: u64,
) -> Result<Option<u16>, CodecError> {
    let of_subnet = &[netuid.into()];
    let neurons: u16 = state.subtensor("SubnetworkN", of_subnet)?;
    let emission: Vec<u64> = state.subtensor("Emission", of_subnet)?;
    let period: u16 = state.subtensor("ImmunityPeriod", of_subnet)?;
    let kept = owners(state, netuid)?;
    let (mut free, mut immune) = (Vec::new(), Vec::new());
    for uid in (0..neurons).filter(|uid| !kept.contains(uid)) {
        let since: u64 = state.subtensor("BlockAtRegistration", &[netuid.into(), uid.into()])?;
        let earned = emission.get(usize::from(uid)).copied().unwrap_or(0);
        match block.saturating_sub(since) < u64::from(period) {
            true => immune.push((earned, since, uid)),
            false => free.push((earned, since, uid)),
        }
    }
    let least: u16 = state.subtensor("MinNonImmuneUids", of_subnet)?;
    let weakest = match free.len() > usize::from(least) {
        true => free.iter().min(),
        false => immune.iter().min(),
    };
    Ok(weakest.map(|(_, _, uid)| *uid))
}

/// The uids of the owner that stay: the owner's hotkey and its oldest others.
fn owners(state: &State<'_>, netuid: u16) -> Result<Vec<u16>, CodecError> {
    let of_subnet = &[netuid.into()];
    let limit: u16 = state.subtensor("ImmuneOwnerUidsLimit", of_subnet)?;
    let coldkey: [u8; 32] = state.subtensor("SubnetOwner", of_subnet)?;
    let hotkeys: Vec<[u8; 32]> = state.subtensor("OwnedHotkeys", &[coldkey.into()])?;
    let mut kept = Vec::new();
    for hotkey in hotkeys {
        if let Some(uid) = uid(state, netuid, hotkey)? {
            let neuron = &[netuid.into(), uid.into()];
            kept.push((state.subtensor::<u64>("BlockAtRegistration", neuron)?, uid));
        }
    }
    kept.sort_unstable();
    let mut kept: Vec<u16> = kept.into_iter().map(|(_, uid)| uid).collect();
    kept.truncate(usize::from(limit));
    let owner: [u8; 32] = state.subtensor("SubnetOwnerHotkey", of_subnet)?;
    if let Some(uid) = uid(state, netuid, owner)?.filter(|uid| !kept.contains(uid)) {
        kept.insert(0, uid);
        // The owner's own hotkey is never replaced, whatever the limit.
        kept.truncate(usize::from(limit).max(1));
    }
    Ok(kept)
}

/// Gives a taken slot to `hotkey`, with a new neuron's values.
pub(super) fn replace(
    state: &mut State<'_>,
    netuid: u16,
    uid: u16,
    hotkey: [u8; 32],
    block: u64,
) -> Result<u16, CodecError> {
    let old: [u8; 32] = state.subtensor("Keys", &[netuid.into(), uid.into()])?;
    let of_old = &[netuid.into(), old.into()];
    for name in ["Uids", "Axons", "NeuronCertificates", "Prometheus"] {
        state.remove(SUBTENSOR, name, of_old)?;
    }
    state.remove(SUBTENSOR, "IsNetworkMember", &[old.into(), netuid.into()])?;
    commitments::forget(state, netuid, old)?;
    enter(state, netuid, uid, hotkey, block)?;
    reset(state, netuid, uid)?;
    for index in mechanism::indices(state, netuid)? {
        reset_mechanism(state, index, uid, block)?;
    }
    Ok(uid)
}

fn reset(state: &mut State<'_>, netuid: u16, uid: u16) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    set(state, "Active", of_subnet, uid, true)?;
    set(state, "ValidatorPermit", of_subnet, uid, false)?;
    set(state, "Emission", of_subnet, uid, 0_u64)?;
    for share in ["Consensus", "Dividends", "ValidatorTrust", "StakeWeight"] {
        set(state, share, of_subnet, uid, 0_u16)?;
    }
    Ok(())
}

fn reset_mechanism(
    state: &mut State<'_>,
    index: u16,
    uid: u16,
    block: u64,
) -> Result<(), CodecError> {
    let of_mechanism = &[index.into()];
    set(state, "Incentive", of_mechanism, uid, 0_u16)?;
    set(state, "LastUpdate", of_mechanism, uid, block)?;
    let neuron = &[index.into(), uid.into()];
    state.remove(SUBTENSOR, "Weights", neuron)?;
    state.remove(SUBTENSOR, "Bonds", neuron)?;
    // What others gave the one who left is not for the one who came.
    let neurons: Vec<u64> = state.subtensor("LastUpdate", of_mechanism)?;
    for (other, _) in (0_u16..).zip(&neurons) {
        let key = &[index.into(), other.into()];
        let mut weights: Vec<(u16, u16)> = state.subtensor("Weights", key)?;
        let mut given = weights.iter_mut().filter(|(to, _)| *to == uid);
        if let Some((_, weight)) = given.next() {
            *weight = 0;
            state.put_subtensor("Weights", key, &weights)?;
        }
    }
    Ok(())
}

fn set<T>(
    state: &mut State<'_>,
    name: &str,
    key: &[super::super::codec::Key],
    uid: u16,
    value: T,
) -> Result<(), CodecError>
where
    Vec<T>: scale_decode::DecodeAsType + scale_encode::EncodeAsType,
{
    state.mutate(name, key, |all: &mut Vec<T>| {
        if let Some(slot) = all.get_mut(usize::from(uid)) {
            *slot = value;
        }
    })
}
