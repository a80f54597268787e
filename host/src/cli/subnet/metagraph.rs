//! `host subnet metagraph`: a subnet's neurons.

use clap::Args;

use crate::subnet::chain::{Chain as _, Metagraph, Neuron};

use super::super::table::{Column, print};
use super::super::{World, print_json};
use super::{SubnetArgs, reader};

/// Show the subnet's neurons, all read at one block.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet metagraph --netuid 12 --network finney")]
pub(super) struct Read {
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Read {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let metagraph = chain.metagraph(netuid).await?;
        if self.json {
            return print_json(world.out, &metagraph);
        }
        show(world, &metagraph)
    }
}

fn show(world: &mut World<'_>, metagraph: &Metagraph) -> anyhow::Result<()> {
    let columns = [
        Column::Number("uid"),
        Column::Text("hotkey"),
        Column::Text("axon"),
        Column::Text("permit"),
        Column::Number("stake (rao)"),
        Column::Number("incentive"),
        Column::Number("dividends"),
        Column::Number("updated"),
    ];
    print(world.out, columns, metagraph.neurons.iter().map(row))?;
    writeln!(
        world.out,
        "subnet {} at block {}, epoch {}{}; incentive and dividends are parts of {}",
        metagraph.netuid,
        metagraph.block,
        metagraph.epoch,
        ends(metagraph),
        u16::MAX
    )?;
    Ok(())
}

fn row(neuron: &Neuron) -> [String; 8] {
    let permit = if neuron.validator_permit { "yes" } else { "" };
    [
        neuron.uid.to_string(),
        neuron.hotkey.to_ss58(),
        neuron
            .axon
            .map_or_else(String::new, |axon| axon.address.to_string()),
        permit.to_owned(),
        neuron.stake_rao.to_string(),
        neuron.incentive.to_string(),
        neuron.dividends.to_string(),
        neuron.last_update.to_string(),
    ]
}

fn ends(metagraph: &Metagraph) -> String {
    match metagraph.next_epoch_block {
        Some(block) => format!(" until block {block}"),
        None => ", which does not end".to_owned(),
    }
}
