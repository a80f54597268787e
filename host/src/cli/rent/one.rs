//! `host rent show`, `extend` and `end`

use clap::Args;
use serde::Serialize;

use crate::cli::provider::filter::usd;
use crate::cli::rental::text::{self, seconds};
use crate::cli::{World, print_json};
use crate::role::operator::{Extension, Held, Named};
use crate::subnet::text::escape;

use super::api::{Api, ApiArgs};
use super::list::is_over;

/// Which rental, and how it is shown.
#[derive(Debug, Args)]
struct Which {
    /// As it was ordered under
    key: String,
    #[command(flatten)]
    api: ApiArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Which {
    async fn ask(
        &self,
        api: &Api,
        operation: &str,
        asked: &impl Serialize,
        world: &mut World<'_>,
    ) -> anyhow::Result<()> {
        let held: Held = api.ask(operation, asked).await?;
        show(&held, self.json, world)
    }

    fn named(&self) -> Named {
        Named {
            key: self.key.clone(),
        }
    }
}

/// One rental, for people or for programs.
pub(super) fn show(held: &Held, json: bool, world: &mut World<'_>) -> anyhow::Result<()> {
    if json {
        return print_json(world.out, held);
    }
    writeln!(world.out, "{:<10}  {}", "miner", held.miner)?;
    text::show(world.out, &held.rental)?;
    let at_most = match is_over(held) {
        true => "",
        false => " at most",
    };
    let cost = usd(held.cost_micro_usd);
    writeln!(world.out, "{:<10}  {cost} USD{at_most}", "cost")?;
    if let Some(note) = &held.note {
        writeln!(world.out, "{:<10}  {}", "note", escape(note))?;
    }
    Ok(())
}

/// Show a rental as its miner says it is now, and how to log in.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
}

impl Show {
    pub(super) fn api(&self) -> &ApiArgs {
        &self.which.api
    }

    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let named = self.which.named();
        self.which.ask(api, "show", &named, world).await
    }
}

/// Move the end of a rental.
///
/// Twice is twice as long: after a failure, look with `host rent show` first.
#[derive(Debug, Args)]
pub(super) struct Extend {
    #[command(flatten)]
    which: Which,
    /// By how much: 90s, 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    by: u64,
}

impl Extend {
    pub(super) fn api(&self) -> &ApiArgs {
        &self.which.api
    }

    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let asked = Extension {
            key: self.which.key.clone(),
            by_s: self.by,
        };
        self.which.ask(api, "extend", &asked, world).await
    }
}

/// End a rental.
///
/// If its miner cannot be reached, the validator goes on asking it to end: `host
/// rent show` says `ending`, or `unknown` where it is not known to have begun.
#[derive(Debug, Args)]
pub(super) struct End {
    #[command(flatten)]
    which: Which,
}

impl End {
    pub(super) fn api(&self) -> &ApiArgs {
        &self.which.api
    }

    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let named = self.which.named();
        self.which.ask(api, "end", &named, world).await
    }
}
