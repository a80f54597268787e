//! `host demo`: a whole subnet in one process.

mod actors;
mod cheat;
mod play;
mod rental;
mod report;

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::arguments::{LogArgs, Overrides};
use super::{World, logging, print_json};

/// The play is over in half a minute; past this, something is wrong and it says so.
const PLAY_TIMEOUT: Duration = Duration::from_secs(240);

/// Run a whole subnet in one process: a chain, a validator and four miners.
///
/// Nothing to configure and no network needed. A fast miner, a limited one, one
/// that makes up its answers and one that goes silent halfway are challenged and
/// scored for several epochs; in the middle another policy takes over. Where a
/// Docker Engine runs, one miner lets a machine and the validator logs in to it. At
/// the end a table shows what each claimed, proved and earned, as the chain has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host demo
  host demo --json | jq .miners
  host demo --keep        stays up afterwards, to be looked at and swapped into")]
pub(super) struct Demo {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Stay up after the last epoch, until SIGINT
    #[arg(long)]
    keep: bool,
    /// An image of the Docker Engine's that can be rented, by its digest, instead of
    /// one made of this machine's busybox and dropbear
    #[arg(long, value_name = "sha256:...")]
    rental_image: Option<String>,
    /// Any key of the validator's configuration: --set guard.enabled=false
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::arguments::key_and_value)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    log: LogArgs,
}

/// Log lines would tear the story apart, unless they are asked for.
struct Quietly<'a>(&'a LogArgs);

impl Overrides for Quietly<'_> {
    fn overrides(&self) -> Vec<crate::config::Override> {
        let least = crate::config::Override {
            key: "log.level".into(),
            value: "error".into(),
            flag: "host demo".into(),
        };
        std::iter::once(least).chain(self.0.overrides()).collect()
    }
}

impl Demo {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let folder = tempfile::Builder::new().prefix("host-demo-").tempdir()?;
        let stage = actors::Stage::new(folder.path(), self.set.clone());
        logging::start(&stage.settings(Quietly(&self.log).overrides())?.log);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let ended = runtime.block_on(self.show(stage, world));
        runtime.shutdown_timeout(Duration::from_secs(5));
        ended
    }

    async fn show(&self, stage: actors::Stage, world: &mut World<'_>) -> anyhow::Result<()> {
        // With --json, standard output is for the result alone.
        let mut silent = std::io::sink();
        let progress: &mut dyn std::io::Write = if self.json {
            &mut silent
        } else {
            &mut *world.out
        };
        let playing = play::play(&stage, self.rental_image.as_deref(), progress);
        let (cast, report) = tokio::time::timeout(PLAY_TIMEOUT, playing)
            .await
            .with_context(|| {
                format!(
                    "the demo was not over within {} s: this machine is too busy for it; try again, with a release build",
                    PLAY_TIMEOUT.as_secs()
                )
            })??;
        if self.json {
            print_json(world.out, &report)?;
        } else {
            report.print(world.out)?;
        }
        if self.keep {
            stage.say_how_to_go_on(&cast, world.out)?;
            super::shutdown::Shutdown::on_signals()?.requested().await;
        }
        cast.leave().await
    }
}
