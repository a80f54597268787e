//! `host run`: a miner or a validator, until it is told to end.

use clap::Args;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Settings, Sources};

use super::arguments::{
    AxonArgs, ChainArgs, LogArgs, NodeArgs, Overrides, PeerArgs, RegisterArgs, WalletArgs,
};
use super::node::{Again, Node, Replaced};
use super::shutdown::Shutdown;
use super::{World, logging};

/// Run a miner or a validator.
///
/// Settings come from a file, then the environment, then these flags. Without
/// --config, miner.toml or validator.toml is looked for in the platform's
/// configuration folder (~/.config/host on Linux); examples/ has both with every
/// key explained. In the environment a key is upper case after HOST_, with _ for
/// . and - : HOST_AXON_PORT is axon.port.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host run --role miner --netuid 12 --subtensor.network finney --wallet.name default
  host run --role miner --register --register-limit-rao 500000000     the rest from miner.toml
  host run --role validator --config validator.toml --logging.debug
  HOST_NETUID=12 HOST_NETWORK=local host run --role validator --wallet.name //Alice

The first SIGINT or SIGTERM lets running work finish within shutdown.drain-ms; the second ends at once.
SIGHUP has the configuration read again; see `host reload`.")]
pub(super) struct Run {
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    axon: AxonArgs,
    #[command(flatten)]
    peers: PeerArgs,
    #[command(flatten)]
    register: RegisterArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl Overrides for Run {
    fn file(&self) -> Option<std::path::PathBuf> {
        self.node.file()
    }

    fn overrides(&self) -> Vec<crate::config::Override> {
        [
            self.node.overrides(),
            self.chain.overrides(),
            self.wallet.overrides(),
            self.axon.overrides(),
            self.peers.overrides(),
            self.register.overrides(),
            self.log.overrides(),
        ]
        .concat()
    }
}

impl Run {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let sources = world.sources(&self);
        let settings = Settings::load(sources.clone())?;
        logging::start(&settings.log);
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let config = settings.into_config()?;
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(run(config, sources))
    }
}

async fn run(config: Config, sources: Sources) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals()?;
    // From here on it does not end the process any more.
    let hangup = signal(SignalKind::hangup())?;
    let again = Again { sources, hangup };
    Node::start(config, Some(again), Replaced::default(), shutdown)
        .await?
        .ended()
        .await
}
