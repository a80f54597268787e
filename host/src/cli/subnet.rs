//! `host subnet`: what the chain knows, and a neuron's own steps on it.
//!
//! Each subcommand prints words for people and, with `--json`, the same for
//! programs. Reading needs no key; acting needs the hotkey, and buying a slot
//! the coldkey, which is asked for once the price is known and allowed.

mod commitment;
mod list;
mod metagraph;
mod register;
mod serve;
mod watch;
mod weights;

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::chain::Subtensor;
use crate::config::Override;
use crate::subnet::Netuid;
use crate::subnet::chain::{Chain as _, Included};
use crate::subnet::events::Unobserved;

use super::arguments::{ChainArgs, NodeArgs, Overrides};
use super::table::print_object;
use super::{World, keys, print_json, small_runtime};

/// Rao of one TAO.
const RAO: u64 = 1_000_000_000;

/// Ask the chain about a subnet, or act on it with a hotkey.
#[derive(Debug, Args)]
pub(super) struct Subnet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Metagraph(metagraph::Read),
    Hyperparameters(Hyperparameters),
    Weights(weights::Weights),
    Watch(watch::Watch),
    Register(register::Register),
    Serve(serve::Serve),
    Commitment(commitment::Commitment),
}

/// Show the subnet's rules.
#[derive(Debug, Args)]
struct Hyperparameters {
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which subnet, and where that may be written down.
#[derive(Debug, Args)]
struct SubnetArgs {
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

impl Overrides for SubnetArgs {
    fn file(&self) -> Option<std::path::PathBuf> {
        self.node.file()
    }

    fn overrides(&self) -> Vec<Override> {
        [self.node.overrides(), self.chain.overrides()].concat()
    }
}

/// A subnet's flags and others'.
struct With<'a>(&'a SubnetArgs, Vec<Override>);

impl Overrides for With<'_> {
    fn file(&self) -> Option<std::path::PathBuf> {
        self.0.file()
    }

    fn overrides(&self) -> Vec<Override> {
        [self.0.overrides(), self.1.clone()].concat()
    }
}

impl Subnet {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        small_runtime()?.block_on(self.action.execute(world))
    }
}

impl Action {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.execute(world).await,
            Self::Metagraph(read) => read.execute(world).await,
            Self::Hyperparameters(read) => read.execute(world).await,
            Self::Weights(weights) => weights.execute(world).await,
            Self::Watch(watch) => watch.execute(world).await,
            Self::Register(register) => register.execute(world).await,
            Self::Serve(serve) => serve.execute(world).await,
            Self::Commitment(commitment) => commitment.execute(world).await,
        }
    }
}

/// A chain that is only read.
fn reader(world: &World<'_>, subnet: &SubnetArgs) -> anyhow::Result<(Subtensor, Netuid)> {
    let (network, netuid) = world.settings(subnet)?.subnet()?;
    let chain = keys::connect(&network, None, Arc::new(Unobserved))?;
    Ok((chain, netuid))
}

/// A chain that the wallet's keys may act on.
async fn actor(world: &World<'_>, arguments: &With<'_>) -> anyhow::Result<(Subtensor, Netuid)> {
    let settings = world.settings(arguments)?;
    let (network, netuid) = settings.subnet()?;
    let wallet = settings.named_wallet()?;
    let hotkey = keys::hotkey(&wallet).await?;
    let chain = keys::connect(&network, Some((&wallet, hotkey)), Arc::new(Unobserved))?;
    keys::allow(&wallet, &chain).await?;
    Ok((chain, netuid))
}

/// An amount as people write it, to the last rao.
fn tao(rao: u64) -> String {
    format!("{}.{:09} TAO", rao / RAO, rao % RAO)
}

/// Says what was done and in which block.
fn done(
    world: &mut World<'_>,
    json: bool,
    what: &str,
    included: Included,
    more: serde_json::Value,
) -> anyhow::Result<()> {
    if !json {
        writeln!(world.out, "{what} in block {}", included.block)?;
        return Ok(());
    }
    let hash = format!("0x{}", hex::encode(included.hash));
    let mut value = serde_json::json!({ "block": included.block, "hash": hash });
    if let (Some(fields), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        fields.extend(more);
    }
    print_json(world.out, &value)
}

impl Hyperparameters {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let rules = serde_json::to_value(chain.metagraph(netuid).await?.rules)?;
        if self.json {
            return print_json(world.out, &rules);
        }
        Ok(print_object(world.out, &rules)?)
    }
}
