//! `host plugin`: what a running node has loaded, what takes its place, and who
//! signed it.

mod inspect;
mod keys;
mod list;
mod sign;
mod swap;
mod trial;
mod verify;

use clap::{Args, Subcommand};

use super::scaffold::New;
use super::trial::{Check, Run};
use super::{World, small_runtime};

/// List, inspect, swap, sign and verify plugins.
///
/// A plugin is a WebAssembly component: a scoring policy, a challenge
/// generator, a challenge solver or a provider adapter. The node has its own
/// built in; another can take the place of one while the node runs.
#[derive(Debug, Args)]
pub(super) struct Plugin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Inspect(inspect::Inspect),
    Swap(swap::Swap),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Keys(keys::Keys),
    Shadow(trial::Shadow),
    Promote(trial::Promote),
    Rollback(trial::Rollback),
    History(trial::History),
    New(New),
    Run(Run),
    Check(Check),
}

impl Plugin {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self.action {
            Action::List(list) => small_runtime()?.block_on(list.execute(world)),
            Action::Inspect(inspect) => small_runtime()?.block_on(inspect.execute(world)),
            Action::Swap(swap) => small_runtime()?.block_on(swap.execute(world)),
            Action::Sign(sign) => sign.execute(world),
            Action::Verify(verify) => verify.execute(world),
            Action::Keys(keys) => keys.execute(world),
            Action::Shadow(shadow) => shadow.execute(world),
            Action::Promote(promote) => promote.execute(world),
            Action::Rollback(rollback) => rollback.execute(world),
            Action::History(history) => history.execute(world),
            Action::New(new) => new.execute(world),
            Action::Run(run) => run.execute(world),
            Action::Check(check) => check.execute(world),
        }
    }
}
