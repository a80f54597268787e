//! Where a miner stands: what its newest findings say.

use std::collections::BTreeMap;

use crate::{
    bindings::{
        compute::subnet::types::Metric,
        exports::compute::subnet::scoring::{Epoch, Finding, Miner},
    },
    settings::Settings,
};

/// What is to be made of a miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// At least one machine proved something lately.
    Proven(Proven),
    /// No machine passed, and at least one failed otherwise than by silence.
    Failed {
        /// The block of the newest failure.
        block: u64,
    },
    /// Nothing proven lately, nothing failed.
    Silent {
        /// The block of the newest pass, if there is one.
        last_pass: Option<u64>,
    },
    /// No finding at all and nothing to carry over.
    New,
}

/// What the machines that passed proved together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Million operations a second.
    pub mops: u64,
    /// How many machines passed.
    pub machines: usize,
    /// How many failed otherwise than by silence.
    pub failed: usize,
    /// Average over the machines by throughput; 0 where none is for rent.
    pub cheapness_permille: u64,
}

/// Judges a miner by the newest finding of each of its machines.
#[must_use]
pub fn standing(settings: &Settings, epoch: &Epoch, miner: &Miner) -> Standing {
    let findings = miner.findings.iter();
    let newest = newest_by_machine(findings.filter(|finding| counts(settings, finding)));
    let fresh: Vec<_> = newest
        .values()
        .filter(|finding| is_fresh(settings, epoch, finding))
        .collect();
    let proven = sum(settings, miner, &fresh);
    let failures = fresh.iter().filter(|finding| is_failure(finding));
    if proven.machines > 0 {
        return Standing::Proven(proven);
    }
    if let Some(block) = failures.map(|finding| finding.block).max() {
        return Standing::Failed { block };
    }
    if newest.is_empty() && miner.previous_points == 0 {
        return Standing::New;
    }
    let passes = miner.findings.iter().filter(|finding| finding.passed);
    let passes = passes.filter(|finding| counts(settings, finding));
    Standing::Silent {
        last_pass: passes.map(|finding| finding.block).max(),
    }
}

fn newest_by_machine<'a>(
    findings: impl Iterator<Item = &'a Finding>,
) -> BTreeMap<&'a str, &'a Finding> {
    let mut newest: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in findings {
        let kept = newest.entry(&finding.machine).or_insert(finding);
        if finding.block > kept.block {
            *kept = finding;
        }
    }
    newest
}

/// Whether a finding is about throughput. One that is not is another challenge's
/// affair, failed or passed: unless the operator named the challenge, only what
/// such a challenge reports tells its failures from those of others.
fn counts(settings: &Settings, finding: &Finding) -> bool {
    let has = |name| metric(&finding.metrics, name).is_some();
    match &settings.challenge {
        Some(name) if *name != finding.challenge => false,
        _ if finding.passed => has("proven-mops"),
        Some(_) => true,
        None => has("unanswered-tasks"),
    }
}

/// What the newest probe of each machine says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Machines that let the validator in.
    pub open: usize,
    /// Machines that were let to the validator.
    pub machines: usize,
}

/// The challenge that a validator's own look around goes by.
const PROBE: &str = "ssh-probe";

/// Whether the validator got into the miner's machines; it pays nothing here.
#[must_use]
pub fn probed(miner: &Miner) -> Probed {
    let probes = miner.findings.iter();
    let newest = newest_by_machine(probes.filter(|finding| finding.challenge == PROBE));
    Probed {
        open: newest.values().filter(|finding| finding.passed).count(),
        machines: newest.len(),
    }
}

fn is_fresh(settings: &Settings, epoch: &Epoch, finding: &Finding) -> bool {
    let since_last = epoch
        .previous_block
        .map(|previous| epoch.block.saturating_sub(previous).saturating_mul(2));
    let window = settings.fresh_blocks.or(since_last).unwrap_or(u64::MAX);
    epoch.block.saturating_sub(finding.block) <= window
}

fn is_failure(finding: &Finding) -> bool {
    !finding.passed && metric(&finding.metrics, "unanswered-tasks").is_none_or(|tasks| tasks == 0)
}

fn sum(settings: &Settings, miner: &Miner, fresh: &[&&Finding]) -> Proven {
    let mut total = Proven::default();
    let mut mops = 0_u128;
    let mut cheapness = 0_u128;
    for finding in fresh {
        if is_failure(finding) {
            total.failed += 1;
        }
        if finding.passed {
            let proven = u128::from(metric(&finding.metrics, "proven-mops").unwrap_or(0));
            total.machines += 1;
            mops += proven;
            cheapness += proven * u128::from(cheapness_permille(settings, miner, finding));
        }
    }
    total.mops = u64::try_from(mops).unwrap_or(u64::MAX);
    total.cheapness_permille =
        u64::try_from(cheapness.checked_div(mops).unwrap_or(0)).unwrap_or(1_000);
    total
}

fn cheapness_permille(settings: &Settings, miner: &Miner, finding: &Finding) -> u64 {
    let mut machines = miner.machines.iter();
    let price = machines
        .find(|machine| machine.id == finding.machine)
        .map_or(0, |machine| machine.price_micro_usd_per_hour);
    let scaled = u128::from(settings.price_reference_micro_usd_per_hour) * 1_000;
    let cheapness = scaled.checked_div(u128::from(price)).unwrap_or(0);
    u64::try_from(cheapness.min(1_000)).unwrap_or(1_000)
}

/// A metric by name, and zero for one below it.
fn metric(metrics: &[Metric], name: &str) -> Option<u64> {
    metrics
        .iter()
        .find(|metric| metric.name == name)
        .map(|metric| u64::try_from(metric.value).unwrap_or(0))
}
