//! `host subnet`: what the chain knows, and a neuron's own steps on it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use crate::chain::Subtensor;
use crate::config::Override;
use crate::subnet::chain::{AxonInfo, Chain, Metagraph, Neuron};
use crate::subnet::events::Unobserved;
use crate::subnet::{Netuid, Uid};

use super::arguments::{ChainArgs, NodeArgs, Overrides, RegisterArgs, WalletArgs};
use super::exit::Usage;
use super::table::{Column, print, print_object};
use super::{World, keys, print_json, small_runtime};

/// The protocol byte that axons announce; it proves nothing.
const AXON_PROTOCOL: u8 = 4;

/// Ask the chain about a subnet, or act on it with a hotkey.
#[derive(Debug, Args)]
pub(super) struct Subnet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Metagraph(Read),
    Hyperparameters(Hyperparameters),
    Weights(Weights),
    Register(Register),
    Serve(Serve),
}

/// Show the subnet's neurons, all read at one block.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet metagraph --netuid 12 --network finney")]
struct Read {
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
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

/// Show the weights that a validator has set.
#[derive(Debug, Args)]
struct Weights {
    /// The validator's slot
    uid: Uid,
    #[command(flatten)]
    subnet: SubnetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Buy a slot for the hotkey; its coldkey pays.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet register --netuid 12 --network test --wallet.name default --register-limit-rao 500000000")]
struct Register {
    #[command(flatten)]
    subnet: SubnetArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    register: RegisterArgs,
}

/// Announce where the hotkey's axon is reached; `host run` does this by itself.
#[derive(Debug, Args)]
struct Serve {
    /// The address others reach it at
    #[arg(long)]
    ip: IpAddr,
    /// The port others reach it at
    #[arg(long)]
    port: u16,
    #[command(flatten)]
    subnet: SubnetArgs,
    #[command(flatten)]
    wallet: WalletArgs,
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
        let runtime = small_runtime()?;
        match self.action {
            Action::Metagraph(read) => runtime.block_on(read.execute(world)),
            Action::Hyperparameters(read) => runtime.block_on(read.execute(world)),
            Action::Weights(read) => runtime.block_on(read.execute(world)),
            Action::Register(register) => runtime.block_on(register.execute(world)),
            Action::Serve(serve) => runtime.block_on(serve.execute(world)),
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
async fn actor(
    world: &World<'_>,
    arguments: &With<'_>,
) -> anyhow::Result<(Subtensor, Netuid, Option<u64>)> {
    let settings = world.settings(arguments)?;
    let (network, netuid) = settings.subnet()?;
    let wallet = settings.named_wallet()?;
    let hotkey = keys::hotkey(&wallet).await?;
    let chain = keys::connect(&network, Some((&wallet, hotkey)), Arc::new(Unobserved))?;
    keys::allow(&wallet, &chain).await?;
    Ok((chain, netuid, settings.register_limit_rao))
}

impl Read {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let metagraph = chain.metagraph(netuid).await?;
        if self.json {
            return print_json(world.out, &metagraph);
        }
        show(world, &metagraph)
    }
}

fn show(world: &mut World<'_>, metagraph: &Metagraph) -> anyhow::Result<()> {
    let columns = [
        Column::Number("uid"),
        Column::Text("hotkey"),
        Column::Text("axon"),
        Column::Text("permit"),
        Column::Number("stake (rao)"),
        Column::Number("incentive"),
        Column::Number("dividends"),
        Column::Number("updated"),
    ];
    print(world.out, columns, metagraph.neurons.iter().map(row))?;
    writeln!(
        world.out,
        "subnet {} at block {}; incentive and dividends are parts of {}",
        metagraph.netuid,
        metagraph.block,
        u16::MAX
    )?;
    Ok(())
}

fn row(neuron: &Neuron) -> [String; 8] {
    let permit = if neuron.validator_permit { "yes" } else { "" };
    [
        neuron.uid.to_string(),
        neuron.hotkey.to_ss58(),
        neuron
            .axon
            .map_or_else(String::new, |axon| axon.address.to_string()),
        permit.to_owned(),
        neuron.stake_rao.to_string(),
        neuron.incentive.to_string(),
        neuron.dividends.to_string(),
        neuron.last_update.to_string(),
    ]
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

impl Weights {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let weights = chain.weights(netuid, self.uid).await?.0;
        if self.json {
            return print_json(world.out, &weights);
        }
        let columns = [Column::Number("uid"), Column::Number("weight")];
        let rows = weights
            .iter()
            .map(|(uid, weight)| [uid.to_string(), weight.to_string()]);
        Ok(print(world.out, columns, rows)?)
    }
}

impl Register {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let mut more = self.wallet.overrides();
        more.extend(self.register.always());
        let arguments = With(&self.subnet, more);
        let (chain, netuid, limit_rao) = actor(world, &arguments).await?;
        let limit_rao = limit_rao.context("the price limit is missing")?;
        let included = chain.register(netuid, limit_rao).await?;
        writeln!(world.out, "registered in block {}", included.block)?;
        Ok(())
    }
}

impl Serve {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        if self.port == 0 {
            bail!(Usage("nobody can be reached at port 0".into()));
        }
        let arguments = With(&self.subnet, self.wallet.overrides());
        let (chain, netuid, _) = actor(world, &arguments).await?;
        let axon = AxonInfo {
            address: SocketAddr::new(self.ip, self.port),
            protocol: AXON_PROTOCOL,
            version: 0,
        };
        let included = chain.serve_axon(netuid, axon).await?;
        writeln!(
            world.out,
            "{} announced in block {}",
            axon.address, included.block
        )?;
        Ok(())
    }
}
