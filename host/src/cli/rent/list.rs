//! `host rent list`

use clap::Args;
use serde_json::json;

use crate::cli::provider::filter::usd;
use crate::cli::rental::text::until;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::role::operator::{Held, Rentals};

use super::api::{Api, ApiArgs};

/// List your rentals, the newest first, as the validator has them on record.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only what is not over
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    pub(super) api: ApiArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let Rentals { mut rentals } = api.ask("list", &json!({})).await?;
        rentals.retain(|held| !self.live || !is_over(held));
        if self.json {
            return print_json(world.out, &rentals);
        }
        if rentals.is_empty() {
            writeln!(world.out, "nothing is rented; `host rent order` rents")?;
            return Ok(());
        }
        let columns = [
            Column::Text("rental"),
            Column::Text("state"),
            Column::Text("miner"),
            Column::Text("machine"),
            Column::Number("USD/hour"),
            Column::Number("cost USD"),
            Column::Text("ends"),
        ];
        Ok(print(world.out, columns, rentals.iter().map(row))?)
    }
}

/// Nothing more is to be paid.
pub(super) fn is_over(held: &Held) -> bool {
    ["ended", "refused"].contains(&held.rental.state.as_str())
}

/// What the miner calls it, or what it is where it has no name.
pub(super) fn machine(id: &str) -> String {
    match id {
        "" => "own".to_owned(),
        id => id.to_owned(),
    }
}

fn row(held: &Held) -> [String; 7] {
    let rental = &held.rental;
    [
        rental.key.clone(),
        rental.state.clone(),
        held.miner.to_string(),
        machine(&rental.machine),
        usd(rental.price_micro_usd_per_hour),
        usd(held.cost_micro_usd),
        match is_over(held) {
            true => "-".to_owned(),
            false => until(rental.ends_at),
        },
    ]
}
