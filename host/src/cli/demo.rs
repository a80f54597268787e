//! `host demo`: a whole subnet in one process.

use clap::Args;

use super::World;
use super::arguments::LogArgs;

/// Run a whole subnet in one process: a chain, a validator and four miners.
///
/// Nothing to configure and no network needed. A fast miner, a limited one, one
/// that makes up its answers and one that goes silent halfway are challenged and
/// scored for several epochs; in the middle another policy takes over. At the
/// end a table shows what each claimed, proved and earned, as the chain has it.
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
    #[command(flatten)]
    log: LogArgs,
}
