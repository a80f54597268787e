//! `host rent`: machines of a whole subnet, by way of a validator.

mod api;
mod find;
mod list;
mod one;
mod order;
mod wish;

use clap::{Args, Subcommand};

use super::{World, logging, small_runtime};
use api::Api;

/// Find machines across all miners of a subnet and rent them, by way of a validator.
///
/// The validator's operator lists your hotkey in operator.keys, and says there what
/// rentals may cost; it owes the miners what they ask. Requests are signed with
/// your hotkey, and an answer counts if the validator signed it. You see your own
/// rentals only.
///
/// To rent from one miner that you run yourself, use `host rental`.
#[derive(Debug, Args)]
pub(super) struct Rent {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Find(find::Find),
    Order(order::Order),
    List(list::List),
    Show(one::Show),
    Extend(one::Extend),
    End(one::End),
}

impl Rent {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let args = match &self.action {
            Action::Find(find) => &find.api,
            Action::Order(order) => &order.api,
            Action::List(list) => &list.api,
            Action::Show(show) => show.api(),
            Action::Extend(extend) => extend.api(),
            Action::End(end) => end.api(),
        };
        logging::start(&world.settings(&args.wallet)?.log);
        small_runtime()?.block_on(async {
            let api = Api::open(args, world).await?;
            match &self.action {
                Action::Find(find) => find.execute(&api, world).await,
                Action::Order(order) => order.execute(&api, world).await,
                Action::List(list) => list.execute(&api, world).await,
                Action::Show(show) => show.execute(&api, world).await,
                Action::Extend(extend) => extend.execute(&api, world).await,
                Action::End(end) => end.execute(&api, world).await,
            }
        })
    }
}
