//! `host subnet list`: all subnets of a chain.

use std::sync::Arc;

use clap::Args;

use crate::chain::SubnetLine;
use crate::subnet::events::Unobserved;

use super::super::table::{Column, print};
use super::super::{World, keys, print_json};
use super::{SubnetArgs, tao};

/// List the chain's subnets and what a slot costs in each.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet list --network finney")]
pub(super) struct List {
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let network = world.settings(&self.subnet)?.chain()?;
        let chain = keys::connect(&network, None, Arc::new(Unobserved))?;
        let subnets = chain.subnets().await?;
        if self.json {
            return print_json(world.out, &subnets);
        }
        let columns = [
            Column::Number("netuid"),
            Column::Text("name"),
            Column::Number("neurons"),
            Column::Number("slots"),
            Column::Number("tempo"),
            Column::Number("slot price"),
            Column::Text("weights"),
        ];
        Ok(print(world.out, columns, subnets.iter().map(row))?)
    }
}

fn row(subnet: &SubnetLine) -> [String; 7] {
    let price = match subnet.registration {
        true => tao(subnet.burn_rao),
        false => "closed".to_owned(),
    };
    let weights = match subnet.commit_reveal {
        true => "committed",
        false => "plain",
    };
    [
        subnet.netuid.to_string(),
        subnet.name.clone(),
        subnet.neurons.to_string(),
        subnet.max_uids.to_string(),
        subnet.tempo.to_string(),
        price,
        weights.to_owned(),
    ]
}
