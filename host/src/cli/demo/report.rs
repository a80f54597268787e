//! What came of it: from the validator's memory and from the chain.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::admin::Swapped;
use crate::cli::table::{Column, print};
use crate::subnet::chain::{Chain as _, Metagraph};
use crate::subnet::evidence::{EpochRecord, EvidenceStore};
use crate::subnet::key::AccountId;
use crate::subnet::plugin::PluginId;
use crate::subnet::probe::SSH_PROBE;
use crate::subnet::scoring::{FINDINGS_MAX, Finding};
use crate::subnet::weights::Weights;
use crate::subnet::wire::Description;

use super::actors::{Cast, Part};

/// All of it, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seconds: f64,
    chain_block: u64,
    policy_before: Option<PluginId>,
    policy_after: PluginId,
    miners: Vec<Line>,
}

/// One miner.
#[derive(Debug, Serialize)]
struct Line {
    uid: u16,
    hotkey: AccountId,
    part: &'static str,
    claimed: String,
    /// Millions of operations per second, of its newest passed challenge.
    proven_mops: Option<i64>,
    passed: usize,
    failed: usize,
    /// Whether the validator got into the machine it rented; none if it rented none.
    rented: Option<Rented>,
    reason: String,
    weight_before: u16,
    weight_after: u16,
    /// Of `u16::MAX`, as the chain's consensus has it.
    incentive: u16,
}

/// What came of renting a machine.
#[derive(Debug, Serialize)]
struct Rented {
    logged_in: bool,
    /// From the order to the login.
    after_ms: Option<i64>,
}

/// Reads everything anew: the weights are those in the chain's storage now.
pub(super) async fn gather(
    cast: &Cast,
    store: &dyn EvidenceStore,
    before: Weights,
    swapped: Swapped,
    took: Duration,
) -> anyhow::Result<Report> {
    let netuid = crate::devchain::Options::NETUID;
    let metagraph = cast.onlooker.metagraph(netuid).await?;
    let validator = metagraph
        .neuron(&cast.validator.node.account)
        .context("the validator lost its slot")?;
    let after = cast.onlooker.weights(netuid, validator.uid).await?;
    let last = store.last_epoch()?.context("no epoch was scored")?;
    let mut miners = Vec::new();
    for (part, account) in cast.accounts() {
        miners.push(line(
            part,
            account,
            &metagraph,
            store,
            &last,
            [&before, &after],
        )?);
    }
    Ok(Report {
        seconds: took.as_secs_f64(),
        chain_block: metagraph.block,
        policy_before: swapped.old,
        policy_after: swapped.new,
        miners,
    })
}

fn line(
    part: Part,
    hotkey: AccountId,
    metagraph: &Metagraph,
    store: &dyn EvidenceStore,
    last: &EpochRecord,
    [before, after]: [&Weights; 2],
) -> anyhow::Result<Line> {
    let neuron = metagraph
        .neuron(&hotkey)
        .with_context(|| format!("{hotkey} never registered"))?;
    let (probes, findings): (Vec<Finding>, Vec<Finding>) = store
        .findings(&hotkey, FINDINGS_MAX)?
        .into_iter()
        .partition(|finding| finding.challenge == SSH_PROBE);
    let passed = findings.iter().filter(|finding| finding.passed).count();
    let scores = last
        .outcome
        .as_ref()
        .map(|outcome| outcome.scores.as_slice())
        .unwrap_or_default();
    let reason = scores
        .iter()
        .find(|score| score.uid == neuron.uid)
        .map(|score| score.reason.clone());
    let weight = |weights: &Weights| {
        weights
            .0
            .iter()
            .find(|(uid, _)| *uid == neuron.uid)
            .map_or(0, |(_, w)| *w)
    };
    Ok(Line {
        uid: neuron.uid,
        hotkey,
        part: part.name(),
        claimed: claimed(store.description(&hotkey)?),
        proven_mops: findings
            .iter()
            .find(|finding| finding.passed)
            .and_then(mops),
        passed,
        failed: findings.len() - passed,
        rented: probes.first().map(rented),
        reason: reason.unwrap_or_else(|| "the policy left it out".into()),
        weight_before: weight(before),
        weight_after: weight(after),
        incentive: neuron.incentive,
    })
}

fn mops(finding: &Finding) -> Option<i64> {
    metric(finding, "proven-mops")
}

fn rented(probe: &Finding) -> Rented {
    Rented {
        logged_in: probe.passed,
        after_ms: metric(probe, "rent-to-login-ms"),
    }
}

fn metric(finding: &Finding, name: &str) -> Option<i64> {
    let mut metrics = finding.metrics.iter();
    metrics
        .find(|metric| metric.name == name)
        .map(|metric| metric.value)
}

fn claimed(description: Option<String>) -> String {
    let said: Option<Description> = description.and_then(|json| serde_json::from_str(&json).ok());
    said.and_then(|said| said.machines.into_iter().next())
        .map(|machine| {
            format!(
                "{} threads, {} MiB",
                machine.claimed.cpu_threads, machine.claimed.memory_mib
            )
        })
        .unwrap_or_else(|| "nothing".into())
}

impl Report {
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out)?;
        let columns = [
            Column::Number("uid"),
            Column::Text("miner"),
            Column::Text("claimed"),
            Column::Number("proven Gop/s"),
            Column::Number("passed"),
            Column::Number("failed"),
            Column::Text("rented"),
            Column::Number("weight before"),
            Column::Number("after"),
            Column::Number("incentive"),
        ];
        print(out, columns, self.miners.iter().map(Line::cells))?;
        writeln!(out, "\nWhy, in the policy's words:")?;
        let why = [Column::Number("uid"), Column::Text("reason")];
        print(
            out,
            why,
            self.miners
                .iter()
                .map(|line| [line.uid.to_string(), line.reason.clone()]),
        )?;
        let before = self
            .policy_before
            .as_ref()
            .map(|policy| policy.name.as_str())
            .unwrap_or_default();
        writeln!(
            out,
            "\nWeights and incentive are read back from the chain at block {}; {before} weighed before the swap, {} after.",
            self.chain_block, self.policy_after.name
        )?;
        writeln!(
            out,
            "Done in {:.0} s. `host run --help` is the way on.",
            self.seconds
        )
    }
}

impl Line {
    fn cells(&self) -> [String; 10] {
        [
            self.uid.to_string(),
            self.part.to_owned(),
            self.claimed.clone(),
            self.proven_mops.map_or_else(
                || "none".into(),
                |mops| format!("{}.{}", mops / 1000, mops % 1000 / 100),
            ),
            self.passed.to_string(),
            self.failed.to_string(),
            self.rented
                .as_ref()
                .map_or_else(|| "no".into(), Rented::shown),
            self.weight_before.to_string(),
            self.weight_after.to_string(),
            self.incentive.to_string(),
        ]
    }
}

impl Rented {
    fn shown(&self) -> String {
        match (self.logged_in, self.after_ms) {
            (true, Some(ms)) => format!("in after {ms} ms"),
            (true, None) => "in".into(),
            (false, _) => "not let in".into(),
        }
    }
}
