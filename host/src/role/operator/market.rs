//! What all miners offer, as the last survey and its challenges know it.
//!
//! Asks no miner: what one said and what was found out is in the store. Left
//! out are machines without a price, miners that have not answered lately, and
//! those who do not sign what they say, since no rental of theirs could be
//! believed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::subnet::chain::{Chain, Metagraph, Neuron};
use crate::subnet::evidence::{EvidenceStore, StoreError};
use crate::subnet::key::AccountId;
use crate::subnet::rental::{ID_BYTES_MAX, RentError};
use crate::subnet::scoring::{FINDINGS_MAX, Finding, OfferedMachine};
use crate::subnet::text::is_plain;
use crate::subnet::wire::{Description, Peer, WIRE_LABEL};
use crate::subnet::{BlockNumber, Netuid};

use super::Means;
use super::asked::{Found, Requirement};

/// The most machines in one answer.
const FOUND_MAX: usize = 1_000;
/// A metagraph is good for so many blocks.
const METAGRAPH_BLOCKS: u64 = 5;
/// The label that says where a machine is.
const REGION_LABEL: &str = "region";

pub(super) struct Market {
    netuid: Netuid,
    me: AccountId,
    answered_within_blocks: u64,
    chain: Arc<dyn Chain>,
    store: Arc<dyn EvidenceStore>,
    seen: Mutex<Option<Arc<Metagraph>>>,
}

impl Market {
    pub(super) fn new(means: &Means) -> Self {
        Self {
            netuid: means.netuid,
            me: means.me,
            answered_within_blocks: means.answered_within_blocks,
            chain: means.chain.clone(),
            store: means.store.clone(),
            seen: Mutex::default(),
        }
    }

    /// All that meet `requirement`, cheapest first.
    pub(super) async fn find(&self, requirement: &Requirement) -> Result<Vec<Found>, RentError> {
        let metagraph = self.metagraph().await?;
        let (store, me) = (self.store.clone(), self.me);
        let (requirement, within) = (requirement.clone(), self.answered_within_blocks);
        let looking = tokio::task::spawn_blocking(move || {
            look(&*store, &metagraph, me, within, &requirement)
        });
        let found = looking.await.map_err(|error| failed(&error))?;
        found.map_err(|error| failed(&error))
    }

    /// Where a miner is now.
    pub(super) async fn peer(&self, miner: AccountId) -> Result<Peer, RentError> {
        let metagraph = self.metagraph().await?;
        let axon = metagraph.neuron(&miner).and_then(|neuron| neuron.axon);
        let axon = axon.ok_or_else(|| {
            RentError::Upstream(format!("{miner} has no axon in the subnet any more"))
        })?;
        Ok(Peer {
            hotkey: miner,
            address: axon.address,
        })
    }

    fn seen(&self) -> Option<Arc<Metagraph>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    async fn metagraph(&self) -> Result<Arc<Metagraph>, RentError> {
        let head = self.chain.heads().borrow().number;
        let is_fresh = |at: BlockNumber| head < at.saturating_add(METAGRAPH_BLOCKS);
        let seen = self.seen();
        if let Some(seen) = seen.as_ref().filter(|seen| is_fresh(seen.block)) {
            return Ok(seen.clone());
        }
        match self.chain.metagraph(self.netuid).await {
            Ok(metagraph) => {
                let metagraph = Arc::new(metagraph);
                let mut kept = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(metagraph.clone());
                Ok(metagraph)
            }
            // An old one still says where miners were.
            Err(error) => seen.ok_or_else(|| failed(&error)),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> RentError {
    RentError::Failed(error.to_string())
}

/// Blocks for as long as the disk takes.
fn look(
    store: &dyn EvidenceStore,
    metagraph: &Metagraph,
    me: AccountId,
    within_blocks: u64,
    requirement: &Requirement,
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    let after = metagraph.block.saturating_sub(within_blocks);
    for neuron in &metagraph.neurons {
        let hotkey = &neuron.hotkey;
        let asked_for = requirement.miner.is_none_or(|miner| miner == *hotkey);
        if !asked_for || *hotkey == me || neuron.axon.is_none() {
            continue;
        }
        if store.contacts(hotkey, after)?.0 == 0 {
            continue;
        }
        let Some(description) = store.description(hotkey)? else {
            continue;
        };
        let Ok(description) = serde_json::from_str::<Description>(&description) else {
            continue;
        };
        let findings = store.findings(hotkey, FINDINGS_MAX)?;
        found.extend(machines(neuron, description, &findings, requirement));
    }
    found.sort_by(|a, b| {
        let rank = |found: &Found| (found.price_micro_usd_per_hour, found.uid);
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.machine.cmp(&b.machine))
    });
    found.truncate(FOUND_MAX);
    Ok(found)
}

pub(super) fn machines(
    neuron: &Neuron,
    description: Description,
    findings: &[Finding],
    requirement: &Requirement,
) -> Vec<Found> {
    let mut seen = HashSet::new();
    let machines = description.machines.into_iter();
    machines
        .filter(|machine| is_for_rent(machine) && seen.insert(machine.id.clone()))
        .filter_map(|machine| {
            let newest = newest(findings, &machine.id);
            let found = found(neuron, machine, &newest);
            is_met(requirement, &found, &newest).then_some(found)
        })
        .collect()
}

fn is_for_rent(machine: &OfferedMachine) -> bool {
    let is_signed = machine.labels.iter().all(|label| label.name != WIRE_LABEL);
    let named = machine.id.len() <= ID_BYTES_MAX && is_plain(&machine.id);
    machine.price_micro_usd_per_hour > 0 && is_signed && named
}

/// The newest finding of each challenge about a machine.
fn newest<'a>(findings: &'a [Finding], machine: &str) -> Vec<&'a Finding> {
    let mut newest: Vec<&Finding> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.machine == machine) {
        if newest
            .iter()
            .all(|known| known.challenge != finding.challenge)
        {
            newest.push(finding);
        }
    }
    newest
}

fn found(neuron: &Neuron, machine: OfferedMachine, newest: &[&Finding]) -> Found {
    let named = |passed: bool| {
        let findings = newest.iter().filter(|finding| finding.passed == passed);
        findings.map(|finding| finding.challenge.clone()).collect()
    };
    let mut labels = machine.labels.iter().chain(&machine.claimed.labels);
    let region = labels.find(|label| label.name == REGION_LABEL);
    Found {
        miner: neuron.hotkey,
        uid: neuron.uid,
        region: region.map(|label| label.value.clone()),
        machine: machine.id,
        price_micro_usd_per_hour: machine.price_micro_usd_per_hour,
        rented_permille: machine.rented_permille,
        passed: named(true),
        failed: named(false),
        claimed: machine.claimed,
    }
}

fn is_met(requirement: &Requirement, found: &Found, newest: &[&Finding]) -> bool {
    let price = found.price_micro_usd_per_hour;
    let proved = || {
        !found.passed.is_empty()
            && found.failed.is_empty()
            && newest
                .iter()
                .all(|finding| requirement.is_proved_by(finding))
    };
    requirement
        .price_micro_usd_per_hour_max
        .is_none_or(|max| price <= max)
        && (requirement.region.is_none() || requirement.region == found.region)
        && requirement.is_met_by(&found.claimed)
        && (!requirement.proven_only || proved())
}
