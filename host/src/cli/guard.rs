//! `host guard`: weights that were held because they change too much.

use clap::{Args, Subcommand};

use super::arguments::NodeArgs;
use super::status::find;
use super::{World, print_json, small_runtime, table};

/// Show the weights that a validator holds because they change too much, or let
/// them through.
///
/// The [guard] table of the configuration says what is too much. While the guard
/// holds, the last weights are set again, for a bounded number of epochs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host guard            what is held, and why
  host guard accept     let it through with the next epoch")]
pub(super) struct Guard {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let what is held through with the next epoch, and what differs little from it
    Accept,
}

impl Guard {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let accepting = self.action.is_some();
        let held = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(match accepting {
                true => client.accept().await?,
                false => client.held().await?,
            })
        })?;
        if self.json {
            return print_json(world.out, &held);
        }
        if held.is_null() {
            writeln!(world.out, "the guard holds nothing")?;
            return Ok(());
        }
        table::print_object(world.out, &held)?;
        let next = match accepting {
            true => "accepted: the next epoch's weights are measured from these",
            false => "if that is as it should be, type: host guard accept",
        };
        writeln!(world.out, "\n{next}")?;
        Ok(())
    }
}
