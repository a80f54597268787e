//! `host subnet weights`: what one validator thinks of the others, and what
//! Bittensor's own packages would have sent for the same shares.

use std::collections::BTreeSet;

use clap::Args;

use crate::subnet::Uid;
use crate::subnet::chain::{Chain as _, Metagraph};
use crate::subnet::weights::compare::{bittensor_10, bittensor_11};

use super::super::table::{Column, print};
use super::super::{World, print_json};
use super::{SubnetArgs, reader};

/// Show the weights that a validator has set.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet weights 0 --netuid 12 --network finney
  host subnet weights 0 --netuid 12 --network finney --compare")]
pub(super) struct Weights {
    /// The validator's slot
    uid: Uid,
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Show beside them what bittensor 10.5.0 and 11.3.0 send for the same
    /// shares under this subnet's rules
    #[arg(long)]
    compare: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Weights {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let weights = chain.weights(netuid, self.uid).await?.0;
        if self.compare {
            let metagraph = chain.metagraph(netuid).await?;
            return self.compared(world, &weights, &metagraph);
        }
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

    fn compared(
        &self,
        world: &mut World<'_>,
        weights: &[(Uid, u16)],
        metagraph: &Metagraph,
    ) -> anyhow::Result<()> {
        let points: Vec<(Uid, f64)> = weights
            .iter()
            .map(|(uid, weight)| (*uid, f64::from(*weight) / f64::from(u16::MAX)))
            .collect();
        let neurons = Uid::try_from(metagraph.neurons.len()).unwrap_or(Uid::MAX);
        let ten = bittensor_10(&points, neurons, &metagraph.rules);
        let eleven = bittensor_11(&points, self.uid, &metagraph.rules);
        if self.json {
            let refused = eleven.as_ref().err().map(ToString::to_string);
            let eleven = eleven.as_ref().map(|eleven| &eleven.0).ok();
            let compared = serde_json::json!({
                "chain": weights,
                "bittensor_10": ten.0,
                "bittensor_11": eleven,
                "bittensor_11_refuses": refused,
            });
            return print_json(world.out, &compared);
        }
        let columns = ["uid", "chain", "bittensor 10", "bittensor 11"].map(Column::Number);
        let eleven_or_none = eleven.as_ref().map(|eleven| eleven.0.clone());
        let sides = [weights.to_vec(), ten.0, eleven_or_none.unwrap_or_default()];
        print(world.out, columns, rows(&sides))?;
        if let Err(refused) = eleven {
            writeln!(world.out, "bittensor 11 sends nothing: {refused}")?;
        }
        Ok(())
    }
}

/// One row for each uid that any side gives something.
fn rows(sides: &[Vec<(Uid, u16)>; 3]) -> Vec<[String; 4]> {
    let uids: BTreeSet<Uid> = sides.iter().flatten().map(|(uid, _)| *uid).collect();
    let given = |side: &[(Uid, u16)], uid: Uid| {
        let found = side.iter().find(|(of, _)| *of == uid);
        found.map_or_else(|| "-".to_owned(), |(_, weight)| weight.to_string())
    };
    uids.into_iter()
        .map(|uid| {
            let [chain, ten, eleven] = sides.each_ref().map(|side| given(side, uid));
            [uid.to_string(), chain, ten, eleven]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uid_that_any_side_names_has_a_row() {
        let rows = rows(&[vec![(1, 9)], vec![(0, 7), (1, 9)], vec![]]);
        assert_eq!(rows, [["0", "-", "7", "-"], ["1", "9", "9", "-"]]);
    }
}
