//! `host run`: a miner or a validator, until it is asked to end.

use clap::Args;

use crate::config::{Config, Override};

use super::arguments::{AxonArgs, ChainArgs, LogArgs, MinerArgs, NodeArgs, Overrides, WalletArgs};
use super::node::{Node, Replaced};
use super::shutdown::Shutdown;
use super::{World, logging};

/// Run a miner or a validator.
///
/// Settings come from a file, then the environment (HOST_*), then flags, the
/// later winning. What has no default is the role, the network, the subnet and
/// the wallet; if one is missing, the node says what to type.
///
/// SIGINT and SIGTERM end it: nothing new begins, what runs may finish. A
/// second one ends it at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host run --role miner --netuid 27 --subtensor.network finney --wallet.name default
  host run --role validator --config validator.toml
  host run --role miner --netuid 1 --subtensor.network local --wallet.name //Bob --register --register-limit-rao 1000000000

Every key of the file is in examples/miner.toml and examples/validator.toml. Any key can be set from the
environment: axon.port is HOST_AXON_PORT.")]
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
    miner: MinerArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl Overrides for Run {
    fn file(&self) -> Option<std::path::PathBuf> {
        self.node.file()
    }

    fn overrides(&self) -> Vec<Override> {
        let parts: [&dyn Overrides; 6] =
            [&self.node, &self.chain, &self.wallet, &self.axon, &self.miner, &self.log];
        parts.iter().flat_map(|part| part.overrides()).collect()
    }
}

impl Run {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = world.settings(&self)?;
        logging::start(&settings.log)?;
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let config = settings.into_config()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let drain = config.settings.shutdown.drain;
        let ended = runtime.block_on(run(config));
        runtime.shutdown_timeout(drain);
        ended
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals()?;
    let node = Node::start(config, Replaced::default(), shutdown).await?;
    node.ended().await
}
