//! `host provider offers`

use clap::Args;
use serde_json::Value;

use crate::cli::arguments::NodeArgs;
use crate::cli::status::find;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json, small_runtime};
use crate::subnet::provider::Offer;
use crate::subnet::text::escape;

use super::filter::{Filter, usd};

/// Show what all adapters of a running node have for rent now, the cheapest first.
///
/// All are asked at once; one that fails is a line below the table. Prices are
/// the provider's own.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host provider offers --gpu H100 --gpus 8 --price-max 24.50")]
pub(super) struct Offers {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Offers {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let said = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(client.offers(self.filter.query()).await?)
        })?;
        if self.json {
            return print_json(world.out, &said);
        }
        show(world, &said)
    }
}

fn show(world: &mut World<'_>, said: &Value) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for line in said["offers"].as_array().into_iter().flatten() {
        let offer: Offer = serde_json::from_value(line["offer"].clone())?;
        rows.push(row(line["adapter"].as_str().unwrap_or(""), &offer));
    }
    let columns = [
        Column::Number("USD/hour"),
        Column::Text("adapter"),
        Column::Text("offer"),
        Column::Text("region"),
        Column::Text("cards"),
        Column::Number("threads"),
        Column::Number("memory MiB"),
        Column::Number("disk MiB"),
        Column::Text("may be taken back"),
    ];
    print(world.out, columns, rows)?;
    let left_out = said["left-out"].as_u64().unwrap_or(0);
    if left_out > 0 {
        writeln!(world.out, "and {left_out} dearer ones; ask for less")?;
    }
    for adapter in said["adapters"].as_array().into_iter().flatten() {
        if let (Some(name), Some(error)) = (adapter["name"].as_str(), adapter["error"].as_str()) {
            writeln!(world.out, "{}: {}", escape(name), escape(error))?;
        }
    }
    Ok(())
}

fn row(adapter: &str, offer: &Offer) -> [String; 9] {
    let gpus = offer.hardware.gpus.iter();
    let cards: Vec<String> = gpus
        .map(|gpu| format!("{} x {}", gpu.count, gpu.model))
        .collect();
    [
        usd(offer.price_micro_usd_per_hour),
        adapter.to_owned(),
        offer.id.clone(),
        offer.region.clone(),
        cards.join(", "),
        offer.hardware.cpu_threads.to_string(),
        offer.hardware.memory_mib.to_string(),
        offer.hardware.disk_mib.to_string(),
        if offer.interruptible { "yes" } else { "no" }.to_owned(),
    ]
}
