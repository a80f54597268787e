//! `host rental`: what a running miner lets, and machines for its own operator; or
//! what renters have in a validator's name.

mod list;
mod one;
pub(super) mod order;
pub(super) mod text;

use clap::{Args, Subcommand};

use super::{World, small_runtime};

/// See what a running node lets, rent from it, and end rentals.
///
/// What is ordered here is rented for the operator, from any adapter of the miner
/// and within its limits on spending: [rentals] in the configuration. On a validator
/// with an operator API, these are the rentals of its renters, whom it pays for.
#[derive(Debug, Args)]
pub(super) struct Rental {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Order(order::Order),
    Show(one::Show),
    Extend(one::Extend),
    End(one::End),
}

impl Rental {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let runtime = small_runtime()?;
        match self.action {
            Action::List(list) => runtime.block_on(list.execute(world)),
            Action::Order(order) => runtime.block_on(order.execute(world)),
            Action::Show(show) => runtime.block_on(show.execute(world)),
            Action::Extend(extend) => runtime.block_on(extend.execute(world)),
            Action::End(end) => runtime.block_on(end.execute(world)),
        }
    }
}
