//! `host rent find`

use clap::Args;

use crate::cli::provider::filter::usd;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::role::operator::{Found, Machines};

use super::api::{Api, ApiArgs};
use super::wish::Wish;

/// Show the machines that can be rented, the cheapest first.
///
/// As far as the validator's last survey knows; what its challenges passed and
/// failed stands beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host rent find --api 203.0.113.7:9292 --validator 5F... --wallet.name me --gpu H100 --gpus 8")]
pub(super) struct Find {
    #[command(flatten)]
    wish: Wish,
    #[command(flatten)]
    pub(super) api: ApiArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Find {
    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let found: Machines = api.ask("find", &self.wish.requirement()).await?;
        if self.json {
            return print_json(world.out, &found.machines);
        }
        if found.machines.is_empty() {
            writeln!(world.out, "no machine that fits is offered; ask for less")?;
            return Ok(());
        }
        let columns = [
            Column::Number("USD/hour"),
            Column::Number("uid"),
            Column::Text("miner"),
            Column::Text("machine"),
            Column::Text("region"),
            Column::Text("cards"),
            Column::Number("threads"),
            Column::Number("memory MiB"),
            Column::Number("disk MiB"),
            Column::Text("passed"),
            Column::Text("failed"),
        ];
        Ok(print(world.out, columns, found.machines.iter().map(row))?)
    }
}

fn row(found: &Found) -> [String; 11] {
    let gpus = found.claimed.gpus.iter();
    let cards: Vec<String> = gpus
        .map(|gpu| format!("{} x {}", gpu.count, gpu.model))
        .collect();
    [
        usd(found.price_micro_usd_per_hour),
        found.uid.to_string(),
        found.miner.to_string(),
        super::list::machine(&found.machine),
        found.region.clone().unwrap_or_default(),
        cards.join(", "),
        found.claimed.cpu_threads.to_string(),
        found.claimed.memory_mib.to_string(),
        found.claimed.disk_mib.to_string(),
        found.passed.join(", "),
        found.failed.join(", "),
    ]
}
