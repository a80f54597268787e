//! `host devchain`: a chain of one's own.

mod control;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::devchain::{self, DevChain, Options, Pace, Spec};

use control::Control;

use super::arguments::{LogArgs, Overrides};
use super::shutdown::Shutdown;
use super::{World, logging};

/// Run a development chain: subtensor's rules, on this machine alone.
///
/// For trying things out and for tests; it is no network, and forgets everything
/// when it ends unless --state keeps it. Subnet 1 is //Alice's; //Alice to //Ferdie have funds. Python's
/// bittensor and btcli connect to it like to any other: --subtensor.chain_endpoint.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  host devchain --allow-loopback
  host devchain --block-ms 250 --tempo 20 --listen 127.0.0.1:9945
  host devchain --spec 393      # and, while it runs: host devchain upgrade
  host devchain --state devchain.journal
  host devchain fault hang 50   # silent for 50 blocks")]
pub(super) struct Devchain {
    #[command(subcommand)]
    control: Option<Control>,
    /// Where to listen; loopback only
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9944")]
    listen: SocketAddr,
    /// Milliseconds from one block to the next
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    block_ms: u64,
    /// Blocks of an epoch
    #[arg(long, value_name = "BLOCKS", default_value_t = Options::default().tempo, value_parser = clap::value_parser!(u16).range(1..))]
    tempo: u16,
    /// Let neurons announce 127.0.0.1, which subtensor refuses
    #[arg(long)]
    allow_loopback: bool,
    /// Weights must be committed first, as on most subnets
    #[arg(long)]
    commit_reveal: bool,
    /// Runtime to begin with: 393 or 461
    #[arg(long, value_name = "SPEC", default_value = "461", value_parser = control::spec)]
    spec: Spec,
    /// Keep the chain in this file and go on where it ended
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

impl Devchain {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        logging::start(&world.settings(&Flags(&self.log))?.log);
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(async {
                match self.control {
                    Some(control) => control.execute(world).await,
                    None => self.serve(world).await,
                }
            })
    }

    async fn serve(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let shutdown = Shutdown::on_signals()?;
        let chain = devchain::start(Options {
            listen: self.listen,
            pace: Pace::EveryMs(self.block_ms),
            tempo: self.tempo,
            allow_loopback: self.allow_loopback,
            commit_reveal: self.commit_reveal,
            spec: self.spec,
            state: self.state.clone(),
            ..Options::default()
        })
        .await?;
        self.introduce(world, &chain)?;
        shutdown.requested().await;
        chain.stop().await;
        Ok(())
    }

    fn introduce(&self, world: &mut World<'_>, chain: &DevChain) -> anyhow::Result<()> {
        let out = &mut *world.out;
        writeln!(out, "development chain at {}", chain.url())?;
        writeln!(out, "  genesis  0x{}", hex::encode(chain.genesis()))?;
        writeln!(out, "  runtime  subtensor, spec {}", chain.spec().number())?;
        writeln!(
            out,
            "  subnet   {}, an epoch every {} blocks of {} ms",
            Options::NETUID,
            self.tempo,
            self.block_ms
        )?;
        let kept = match &self.state {
            Some(path) => format!(
                "kept in {}, now at block {}",
                path.display(),
                chain.head().number
            ),
            None => "nothing kept when it ends".to_owned(),
        };
        writeln!(
            out,
            "A tool for trying things out: no network, no real TAO, {kept}."
        )?;
        out.flush()?;
        Ok(())
    }
}

/// Only what it logs is configured: a chain has no role and no file.
struct Flags<'a>(&'a LogArgs);

impl Overrides for Flags<'_> {
    fn overrides(&self) -> Vec<crate::config::Override> {
        self.0.overrides()
    }
}
