//! `host backtest`: another policy over the epochs on record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use futures::StreamExt as _;
use serde::Serialize;

use crate::config::Settings;
use crate::role::backtest::{Compared, Contestant, Scored, compare};
use crate::store::StoreReader;
use crate::subnet::Uid;
use crate::subnet::evidence::EpochRecord;
use crate::subnet::shares::Shares;
use crate::subnet::text::escape;

use super::arguments::NodeArgs;
use super::components::Components;
use super::epochs::Epochs;
use super::progress::Progress;
use super::replay::validator;
use super::table::{Column, print};
use super::{World, print_json};

/// Epochs of one backtest; the newest, if the range holds more.
const EPOCHS_MAX: usize = 10_000;
/// Epochs read ahead of the one that is scored.
const READ_AHEAD: usize = 8;

/// Score the epochs on record with another policy and show what would change.
///
/// Nothing is set and no running node is asked: it reads the evidence on disk.
/// A policy goes through the epochs in order with a memory of its own. What is
/// compared with is what was recorded, or another policy with --against.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host backtest --policy new.wasm
  host backtest --policy new.wasm --against old.wasm --epochs 120..130
  host backtest --policy new.wasm --set plugins.my-policy.settings.base=3 --json")]
pub(super) struct Backtest {
    /// The new policy, a .wasm file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The policy to compare with [default: what was recorded]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Epochs: 7, 7..12, 7.. or ..12, both ends included [default: all]
    #[arg(long, value_name = "RANGE")]
    epochs: Option<Epochs>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A miner's mean over the epochs it was scored in.
#[derive(Debug, Default, Serialize)]
struct Mean {
    epochs: u64,
    old_ppm: u64,
    new_ppm: u64,
}

/// All that is shown.
#[derive(Debug, Serialize)]
struct Report {
    epochs: Vec<Compared>,
    miners: BTreeMap<Uid, Mean>,
}

impl Backtest {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = validator(&self.node, world)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let epochs = runtime.block_on(self.compare(&settings))?;
        let report = Report {
            miners: means(&epochs),
            epochs,
        };
        if self.json {
            return print_json(world.out, &report);
        }
        report.print(world)
    }

    async fn compare(&self, settings: &Settings) -> anyhow::Result<Vec<Compared>> {
        let evidence = StoreReader::open(&settings.state_folder)?;
        let range = self.epochs.clone().unwrap_or_default().0;
        let numbers = evidence.epoch_numbers(range, EPOCHS_MAX)?;
        anyhow::ensure!(
            !numbers.is_empty(),
            "no scored epoch is on record in {}; run a validator first, or name its folder with --state-folder",
            escape(&settings.state_folder.display().to_string())
        );
        let components = Components::new(settings, &[])?;
        let mut new = Contestant::new(components.candidate(&self.policy, settings)?);
        let mut old = match &self.against {
            Some(path) => Some(Contestant::new(components.candidate(path, settings)?)),
            None => None,
        };
        let mut progress = Progress::new("scored", numbers.len());
        let mut records = futures::stream::iter(numbers)
            .map(|number| read(settings.state_folder.clone(), number))
            .buffered(READ_AHEAD);
        let mut compared = Vec::new();
        while let Some(record) = records.next().await {
            let Some(record) = record? else { continue };
            let (new, old) = tokio::join!(new.score(&record), before(old.as_mut(), &record));
            compared.push(compare(record.evidence.epoch.number, old, new));
            progress.step();
        }
        progress.done();
        Ok(compared)
    }
}

/// Reads and parses on a thread of its own: that takes as long as scoring.
async fn read(folder: PathBuf, number: u64) -> anyhow::Result<Option<EpochRecord>> {
    let reading = move || anyhow::Ok(StoreReader::open(&folder)?.epoch(number)?);
    tokio::task::spawn_blocking(reading).await?
}

/// What the other policy says, or what was recorded.
async fn before(old: Option<&mut Contestant>, record: &EpochRecord) -> Scored {
    match (old, &record.outcome) {
        (Some(old), _) => old.score(record).await,
        (None, Ok(outcome)) => Scored {
            shares: Shares::of_scores(&outcome.scores),
            fuel: record.fuel,
            failed: None,
        },
        (None, Err(why)) => Scored {
            shares: Shares::default(),
            fuel: 0,
            failed: Some(why.clone()),
        },
    }
}

/// Each uid's mean share over the epochs in which either policy scored it.
fn means(epochs: &[Compared]) -> BTreeMap<Uid, Mean> {
    let mut means: BTreeMap<Uid, Mean> = BTreeMap::new();
    for epoch in epochs {
        let (old, new) = (&epoch.old.shares, &epoch.new.shares);
        let uids: std::collections::BTreeSet<Uid> =
            old.0.keys().chain(new.0.keys()).copied().collect();
        for uid in uids {
            let mean = means.entry(uid).or_default();
            mean.epochs += 1;
            mean.old_ppm += old.get(uid);
            mean.new_ppm += new.get(uid);
        }
    }
    for mean in means.values_mut() {
        mean.old_ppm /= mean.epochs;
        mean.new_ppm /= mean.epochs;
    }
    means
}

impl Report {
    fn print(&self, world: &mut World<'_>) -> anyhow::Result<()> {
        let columns = [
            Column::Number("epoch"),
            Column::Number("moved"),
            Column::Number("rank corr."),
            Column::Text("falls to zero"),
            Column::Text("rises from zero"),
            Column::Number("fuel old"),
            Column::Number("fuel new"),
        ];
        print(world.out, columns, self.epochs.iter().map(row))?;
        writeln!(world.out)?;
        let columns = [
            Column::Number("uid"),
            Column::Number("epochs"),
            Column::Number("old share"),
            Column::Number("new share"),
        ];
        let rows = self.miners.iter().map(|(uid, mean)| {
            [
                uid.to_string(),
                mean.epochs.to_string(),
                percent(mean.old_ppm),
                percent(mean.new_ppm),
            ]
        });
        print(world.out, columns, rows)?;
        for epoch in &self.epochs {
            for (which, scored) in [("old", &epoch.old), ("new", &epoch.new)] {
                if let Some(why) = &scored.failed {
                    writeln!(
                        world.out,
                        "\nepoch {}: the {which} policy {}",
                        epoch.epoch,
                        escape(why)
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn row(epoch: &Compared) -> [String; 7] {
    let change = &epoch.change;
    let correlation = change.rank_correlation_permille.map_or_else(
        || "-".to_owned(),
        |permille| {
            let sign = if permille < 0 { "-" } else { "" };
            let size = permille.unsigned_abs();
            format!("{sign}{}.{:03}", size / 1000, size % 1000)
        },
    );
    [
        epoch.epoch.to_string(),
        percent(change.moved_ppm),
        correlation,
        uids(&change.zeroed),
        uids(&change.raised),
        epoch.old.fuel.to_string(),
        epoch.new.fuel.to_string(),
    ]
}

/// Parts per million as per cent.
fn percent(ppm: u64) -> String {
    format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)
}

/// The first few, and how many more.
fn uids(uids: &[Uid]) -> String {
    const SHOWN_MAX: usize = 6;
    if uids.is_empty() {
        return "-".to_owned();
    }
    let mut text = uids
        .iter()
        .take(SHOWN_MAX)
        .map(Uid::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    if uids.len() > SHOWN_MAX {
        text += &format!(" and {} more", uids.len() - SHOWN_MAX);
    }
    text
}
