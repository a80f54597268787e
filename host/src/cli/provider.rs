//! `host provider`: whom a miner rents machines from.

mod check;
pub(super) mod filter;
mod list;
mod offers;
mod spend;
mod steps;

use clap::{Args, Subcommand};

use super::World;

/// See whom machines can be rented from, what they have, and whether it works.
///
/// A provider adapter is a plugin that rents machines from one cloud, or from the
/// machine the node runs on. A miner runs the built-in ones that `miner.providers`
/// names, and those that were swapped in; each reaches what it was granted.
#[derive(Debug, Args)]
pub(super) struct Provider {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Offers(offers::Offers),
    Check(check::Check),
}

impl Provider {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self.action {
            Action::List(list) => list.execute(world),
            Action::Offers(offers) => offers.execute(world),
            Action::Check(check) => check.execute(world),
        }
    }
}
