//! `host plugin shadow`, `promote`, `rollback` and `history`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::admin::{Approval, Change};
use crate::cli::arguments::NodeArgs;
use crate::cli::replay::validator;
use crate::cli::status::find;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json, small_runtime};
use crate::store::StoreReader;
use crate::subnet::evidence::ShadowRecord;
use crate::subnet::plugin::Rehearsal;
use crate::subnet::text::escape;

use super::swap::When;

/// Epochs of a trial that are shown.
const SHOWN_MAX: usize = 100;

/// Let a policy score every epoch beside the active one, without deciding
/// anything, and see what it would have changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin shadow new.wasm --pin    put it on trial
  host plugin shadow                   what it would have changed so far
  host plugin promote                  make it the active one
  host plugin shadow --end             or end the trial")]
pub(super) struct Shadow {
    /// The policy, a .wasm file [default: show how the trial goes]
    file: Option<PathBuf>,
    /// Approve exactly these bytes: their digest is recorded as yours
    #[arg(long, requires = "file")]
    pin: bool,
    /// End the trial
    #[arg(long, conflicts_with = "file")]
    end: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Make the policy on trial the active one.
#[derive(Debug, Args)]
pub(super) struct Promote {
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    node: NodeArgs,
}

/// Put back what was active before; done twice, it is undone.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host plugin rollback policy")]
pub(super) struct Rollback {
    /// Whose place, as `host plugin list` shows it; `policy` for the policy
    name: String,
    #[command(flatten)]
    node: NodeArgs,
}

/// Show who swapped what when, from which digest to which.
#[derive(Debug, Args)]
pub(super) struct History {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Shadow {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match (&self.file, self.end) {
            (Some(file), _) => self.begin(file, world),
            (None, true) => change(&self.node, Change::EndTrial, "is on trial no more", world),
            (None, false) => self.show(world),
        }
    }

    fn begin(&self, file: &std::path::Path, world: &mut World<'_>) -> anyhow::Result<()> {
        let file =
            std::path::absolute(file).with_context(|| format!("{} is no path", file.display()))?;
        let approval = match self.pin {
            true => Approval::Pin,
            false => Approval::Signatures,
        };
        let swapped = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(
                client
                    .swap("shadow", &file, approval, Rehearsal::Demanded)
                    .await?,
            )
        })?;
        let (name, version) = (escape(&swapped.new.name), escape(&swapped.new.version));
        writeln!(
            world.out,
            "{name} {version} is on trial; it decides nothing"
        )?;
        Ok(())
    }

    fn show(&self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = validator(&self.node, world)?;
        let records = StoreReader::open(&settings.state_folder)?.shadows(SHOWN_MAX)?;
        if self.json {
            let rows: Vec<_> = records.iter().map(object).collect();
            return print_json(world.out, &rows);
        }
        let columns = [
            Column::Number("epoch"),
            Column::Text("policy"),
            Column::Number("moved ppm"),
            Column::Number("to zero"),
            Column::Number("from zero"),
            Column::Number("fuel"),
            Column::Text("trouble"),
        ];
        Ok(print(world.out, columns, records.iter().map(row))?)
    }
}

fn object(record: &ShadowRecord) -> serde_json::Value {
    serde_json::json!({
        "epoch": record.number, "policy": record.policy, "change": record.change,
        "fuel": record.fuel, "failed": record.outcome.as_ref().err(),
    })
}

fn row(record: &ShadowRecord) -> [String; 7] {
    [
        record.number.to_string(),
        record.policy.name.clone(),
        record.change.moved_ppm.to_string(),
        record.change.zeroed.len().to_string(),
        record.change.raised.len().to_string(),
        record.fuel.to_string(),
        record.outcome.as_ref().err().cloned().unwrap_or_default(),
    ]
}

impl Promote {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let Some(moment) = self.when.moment() else {
            return change(&self.node, Change::Promote, "is active", world);
        };
        let place = "shadow".to_owned();
        let at = format!("takes over at {moment}");
        change(&self.node, Change::At { place, moment }, &at, world)
    }
}

impl Rollback {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let back = Change::RollBack(self.name.clone());
        change(&self.node, back, "is active again", world)
    }
}

fn change(
    node: &NodeArgs,
    change: Change,
    what: &str,
    world: &mut World<'_>,
) -> anyhow::Result<()> {
    let swapped = small_runtime()?.block_on(async {
        let client = find(node, world).await?;
        anyhow::Ok(client.change(change).await?)
    })?;
    let new = &swapped.new;
    let (name, version) = (escape(&new.name), escape(&new.version));
    writeln!(world.out, "{name} {version} {what}\n  {}", new.digest)?;
    Ok(())
}

impl History {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let history = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(client.history().await?)
        })?;
        if self.json {
            return print_json(world.out, &history);
        }
        let text = |swap: &serde_json::Value, key: &str| match &swap[key] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let keys = ["at_unix_s", "slot", "from", "to", "by"];
        let columns = ["at (unix s)", "place", "from", "to", "by"].map(Column::Text);
        let rows = history.as_array().into_iter().flatten();
        let rows = rows.map(|swap| keys.map(|key| text(swap, key)));
        Ok(print(world.out, columns, rows)?)
    }
}
