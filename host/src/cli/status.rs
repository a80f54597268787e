//! `host status`: what a running node is and does.

use clap::Args;

use crate::admin::{AdminError, Client};

use super::arguments::NodeArgs;
use super::exit::Usage;
use super::{World, print_json, small_runtime, table};

/// Show what a running node is and does.
///
/// Asks the node through the admin socket in its state folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host status
  host status --role validator --json")]
pub(super) struct Status {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let status = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(client.status().await?)
        })?;
        if self.json {
            return print_json(world.out, &status);
        }
        Ok(table::print_object(world.out, &status)?)
    }
}

/// The node that was named, or the only one that runs.
pub(super) async fn find(node: &NodeArgs, world: &World<'_>) -> anyhow::Result<Client> {
    let settings = world.settings(node)?;
    if node.is_specific() || settings.role.is_some() {
        return Ok(Client::new(&settings.state_folder));
    }
    let mut running = Vec::new();
    for role in ["miner", "validator"] {
        let folder = world.settings(&node.with_role(role))?.state_folder;
        let client = Client::new(&folder);
        match client.status().await {
            Err(AdminError::NotRunning(_)) => {}
            _ => running.push(client),
        }
    }
    match running.len() {
        0 => Err(AdminError::NotRunning(settings.state_folder).into()),
        1 => Ok(running.swap_remove(0)),
        _ => Err(Usage("a miner and a validator run here: say which with --role".into()).into()),
    }
}
