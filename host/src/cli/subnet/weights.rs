//! `host subnet weights`: what one validator thinks of the others.

use clap::Args;

use crate::subnet::Uid;
use crate::subnet::chain::Chain as _;

use super::super::table::{Column, print};
use super::super::{World, print_json};
use super::{SubnetArgs, reader};

/// Show the weights that a validator has set.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet weights 0 --netuid 12 --network finney")]
pub(super) struct Weights {
    /// The validator's slot
    uid: Uid,
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Weights {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let weights = chain.weights(netuid, self.uid).await?.0;
        if self.json {
            return print_json(world.out, &weights);
        }
        if weights.is_empty() {
            writeln!(world.out, "uid {} has set no weights", self.uid)?;
            return Ok(());
        }
        let columns = [
            Column::Number("uid"),
            Column::Number("weight"),
            Column::Number("share"),
        ];
        let total: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let rows = weights.iter().map(|(uid, weight)| {
            let permille = u64::from(*weight) * 1000 / total.max(1);
            let share = format!("{}.{} %", permille / 10, permille % 10);
            [uid.to_string(), weight.to_string(), share]
        });
        Ok(print(world.out, columns, rows)?)
    }
}
