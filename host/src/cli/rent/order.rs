//! `host rent order`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::cli::World;
use crate::cli::rental::order::{is_ending, public_key, random_key, say_how_far, say_no_more};
use crate::cli::rental::text::seconds;
use crate::role::operator::{Held, Named, Wanted};
use crate::subnet::text::escape;

use super::api::{Api, ApiArgs};
use super::one::show;
use super::wish::Wish;

/// Between two looks at what was ordered.
const LOOK: Duration = Duration::from_secs(2);
/// A machine that cannot be logged in to by then is no longer waited for.
const WAIT_MAX: Duration = Duration::from_secs(1_800);

/// Rent the cheapest machine that fits and wait until it can be logged in to.
///
/// The same --key twice is one rental: after a failure, type the same command
/// again.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host rent order --api 203.0.113.7:9292 --validator 5F... --wallet.name me \\
    --key training --for 2h --gpu H100 --price-max 3.50")]
pub(super) struct Order {
    /// For how long: 90s, 30m, 2h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    duration: u64,
    /// What to call it: lower case letters, digits and dashes
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Who may log in; the first of ~/.ssh/id_*.pub if not given
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<PathBuf>,
    /// An image pinned by its digest
    #[arg(long, value_name = "NAME@sha256:...")]
    image: Option<String>,
    /// Return once it is ordered
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    wish: Wish,
    #[command(flatten)]
    pub(super) api: ApiArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Order {
    pub(super) async fn execute(&self, api: &Api, world: &mut World<'_>) -> anyhow::Result<()> {
        let wanted = Wanted {
            key: match &self.key {
                Some(key) => key.clone(),
                None => random_key()?,
            },
            requirement: self.wish.requirement(),
            ssh_public_key: public_key(self.ssh_key.as_deref(), world)?,
            duration_s: self.duration,
            image: self.image.clone(),
        };
        let key = &wanted.key;
        let again = || format!("after a failure the same command with --key {key} rents once");
        let mut held: Held = api.ask("rent", &wanted).await.with_context(again)?;
        if !self.no_wait {
            held = wait(api, held).await.with_context(|| {
                format!("the order is placed; `host rent show {key}` says how far it is")
            })?;
        }
        show(&held, self.json, world)?;
        if is_ending(&held.rental) {
            let why = held.rental.reason.unwrap_or_default();
            bail!("the rental came to its end: {}", escape(&why));
        }
        Ok(())
    }
}

/// Until it can be logged in to, or never will be.
async fn wait(api: &Api, mut held: Held) -> anyhow::Result<Held> {
    let begun = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let named = Named {
        key: held.rental.key.clone(),
    };
    while held.rental.ssh.is_none() && !is_ending(&held.rental) {
        if begun.elapsed() >= WAIT_MAX {
            bail!(
                "it cannot be logged in to after {} minutes",
                WAIT_MAX.as_secs() / 60
            );
        }
        if terminal {
            say_how_far(&held.rental, begun);
        }
        tokio::time::sleep(LOOK).await;
        held = api.ask("show", &named).await?;
    }
    if terminal {
        say_no_more();
    }
    Ok(held)
}
