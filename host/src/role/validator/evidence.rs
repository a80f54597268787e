//! Puts together what a policy is told of an epoch.
//!
//! Everything comes from one metagraph and from the store, so the same store
//! gives the same evidence.

use std::collections::BTreeMap;

use crate::subnet::chain::{Metagraph, Neuron};
use crate::subnet::evidence::{EpochRecord, EvidenceStore, StoreError};
use crate::subnet::key::AccountId;
use crate::subnet::probe::{Occupancy, ProbeBook};
use crate::subnet::scoring::{Epoch, Evidence, FINDINGS_MAX, Miner, OfferedMachine};
use crate::subnet::wire::Description;

/// The evidence of the epoch that `metagraph` is in, for the policy called `policy`.
/// Where probes tried to rent a machine since the last epoch, `book` knows better
/// than its miner whether it was let.
pub(super) fn evidence(
    store: &dyn EvidenceStore,
    book: Option<&dyn ProbeBook>,
    metagraph: &Metagraph,
    me: AccountId,
    policy: &str,
) -> Result<Evidence, StoreError> {
    let last = store.last_epoch()?;
    let previous_block = last.as_ref().map(|last| last.evidence.epoch.block);
    let points = last.as_ref().map(points_by_hotkey).unwrap_or_default();
    let mut miners = Vec::with_capacity(metagraph.neurons.len());
    for neuron in metagraph
        .neurons
        .iter()
        .filter(|neuron| neuron.hotkey != me)
    {
        let since = previous_block.unwrap_or(0);
        let previous_points = points.get(&neuron.hotkey).copied().unwrap_or(0);
        let mut miner = miner(store, neuron, since, previous_points)?;
        if let Some(book) = book {
            correct(&mut miner.machines, &book.occupancy(&neuron.hotkey, since)?);
        }
        miners.push(miner);
    }
    Ok(Evidence {
        epoch: epoch(metagraph, previous_block),
        miners,
        memory: memory_of(last, policy),
    })
}

fn epoch(metagraph: &Metagraph, previous_block: Option<u64>) -> Epoch {
    Epoch {
        netuid: metagraph.netuid,
        mechanism: 0,
        number: metagraph.epoch,
        block: metagraph.block,
        previous_block,
        burn_uid: metagraph.burn_uid(),
        metrics: Vec::new(),
    }
}

/// A policy's own memory, empty after a different policy.
fn memory_of(last: Option<EpochRecord>, policy: &str) -> Vec<u8> {
    match last {
        Some(EpochRecord {
            policy: id,
            outcome: Ok(outcome),
            ..
        }) if id.name == policy => outcome.memory,
        _ => Vec::new(),
    }
}

/// By hotkey, not by uid: a slot that changed hands starts at zero.
fn points_by_hotkey(last: &EpochRecord) -> BTreeMap<AccountId, u64> {
    let Ok(outcome) = &last.outcome else {
        return BTreeMap::new();
    };
    let owners: BTreeMap<u16, AccountId> = last
        .evidence
        .miners
        .iter()
        .map(|miner| (miner.uid, miner.hotkey))
        .collect();
    outcome
        .scores
        .iter()
        .filter_map(|score| Some((*owners.get(&score.uid)?, score.points)))
        .collect()
}

fn miner(
    store: &dyn EvidenceStore,
    neuron: &Neuron,
    since: u64,
    previous_points: u64,
) -> Result<Miner, StoreError> {
    let said: Description = store
        .description(&neuron.hotkey)?
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default();
    let (answered, asked) = store.contacts(&neuron.hotkey, since)?;
    let mut findings = store.findings(&neuron.hotkey, FINDINGS_MAX)?;
    findings.retain(|finding| finding.block >= neuron.registered_at);
    Ok(Miner {
        uid: neuron.uid,
        hotkey: neuron.hotkey,
        coldkey: neuron.coldkey,
        registered_at: neuron.registered_at,
        address: neuron.axon.map(|axon| axon.address.ip().to_string()),
        machines: said.machines,
        findings,
        availability_permille: permille(answered, asked),
        previous_points,
        metrics: said.metrics,
    })
}

/// Puts what was found in the place of what was said.
fn correct(machines: &mut [OfferedMachine], found: &[Occupancy]) {
    for machine in machines {
        if let Some(found) = found.iter().find(|found| found.machine == machine.id) {
            machine.rented_permille = permille(found.let_out, found.tries);
        }
    }
}

/// Never asked is never answered.
fn permille(part: u64, whole: u64) -> u16 {
    if whole == 0 {
        return 0;
    }
    u16::try_from(part.min(whole) * 1000 / whole).expect("a share is at most 1000 permille")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miner_that_was_never_asked_was_never_there() {
        assert_eq!(permille(0, 0), 0);
    }

    #[test]
    fn two_answers_of_three_are_666_permille() {
        assert_eq!(permille(2, 3), 666);
    }
}
