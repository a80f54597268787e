//! `host rental list`

use clap::Args;

use crate::cli::arguments::NodeArgs;
use crate::cli::provider::filter::usd;
use crate::cli::status::find;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::subnet::rental::{Rental, Renter};

use super::text::until;

/// List what the miner lets and has let, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host rental list --live")]
pub(super) struct List {
    /// Only what is not over
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON, all there is to know
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let client = find(&self.node, world).await?;
        let mut rentals = client.rentals().await?;
        rentals.retain(|rental| !self.live || !rental.phase.is_over());
        if self.json {
            return print_json(world.out, &rentals);
        }
        if rentals.is_empty() {
            writeln!(world.out, "nothing is let; `host rental order` rents")?;
            return Ok(());
        }
        let columns = [
            Column::Text("rental"),
            Column::Text("state"),
            Column::Text("renter"),
            Column::Text("adapter"),
            Column::Text("machine"),
            Column::Number("USD/hour"),
            Column::Number("cost USD"),
            Column::Text("ends"),
        ];
        Ok(print(world.out, columns, rentals.iter().map(row))?)
    }
}

fn row(rental: &Rental) -> [String; 8] {
    let renter = match rental.renter {
        Renter::Operator => "operator".to_owned(),
        Renter::Hotkey(account) => account.to_string(),
    };
    let machine = match rental.request.machine.as_str() {
        "" => "own".to_owned(),
        id => id.to_owned(),
    };
    [
        rental.order_key.clone(),
        rental.state().to_owned(),
        renter,
        rental.adapter.clone(),
        machine,
        usd(rental.price_micro_usd_per_hour),
        usd(rental.cost_micro_usd()),
        match rental.phase.is_over() {
            true => "-".to_owned(),
            false => until(rental.ends_at),
        },
    ]
}
