//! `host rental show`, `extend` and `end`

use clap::Args;

use crate::admin::Rentals;
use crate::cli::arguments::NodeArgs;
use crate::cli::status::find;
use crate::cli::{World, print_json};

use super::text::{seconds, show};

/// Which rental, and how it is shown.
#[derive(Debug, Args)]
struct Which {
    /// As `host rental list` calls it, or the key it was ordered by here
    key: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Which {
    async fn ask(&self, asked: Rentals, world: &mut World<'_>) -> anyhow::Result<()> {
        let client = find(&self.node, world).await?;
        let lease = client.rental(asked).await?;
        match self.json {
            true => print_json(world.out, &lease),
            false => Ok(show(world.out, &lease)?),
        }
    }
}

/// Show a rental as it is now, and how to log in.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
}

impl Show {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let asked = Rentals::Show(self.which.key.clone());
        self.which.ask(asked, world).await
    }
}

/// Move the end of a rental.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host rental extend my-machine --by 2h")]
pub(super) struct Extend {
    #[command(flatten)]
    which: Which,
    /// By how much: 90s, 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    by: u64,
}

impl Extend {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let key = self.which.key.clone();
        let asked = Rentals::Extend { key, by_s: self.by };
        self.which.ask(asked, world).await
    }
}

/// End a rental, whoever rents it.
///
/// If the provider cannot be reached, the node goes on asking it to end until it
/// has: `host rental show` says `ending` for as long.
#[derive(Debug, Args)]
pub(super) struct End {
    #[command(flatten)]
    which: Which,
}

impl End {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let asked = Rentals::End(self.which.key.clone());
        self.which.ask(asked, world).await
    }
}
