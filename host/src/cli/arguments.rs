//! Flags that say what a file or the environment may say as well.
//!
//! Each is an override of one key. The dotted ones are Bittensor's own and work
//! as its users know them. Values stay text here: `config` reads all layers by
//! the same rules, so a wrong value is told alike wherever it stands.

use std::path::PathBuf;

use clap::Args;

use crate::config::Override;

/// Flags as overrides.
pub(crate) trait Overrides {
    /// The configuration file that was named.
    fn file(&self) -> Option<PathBuf> {
        None
    }
    /// What was said, the later winning.
    fn overrides(&self) -> Vec<Override>;
}

fn given<const N: usize>(flags: [(&str, &str, Option<&str>); N]) -> Vec<Override> {
    flags
        .into_iter()
        .filter_map(|(key, flag, value)| {
            Some(Override {
                key: key.to_owned(),
                value: value?.to_owned(),
                flag: flag.to_owned(),
            })
        })
        .collect()
}

fn when(flag: bool) -> Option<&'static str> {
    flag.then_some("true")
}

/// Which node: its configuration, role and state.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NodeArgs {
    /// Configuration file [default: miner.toml or validator.toml in the platform's configuration folder, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the node does in its subnet
    #[arg(long, value_parser = ["miner", "validator"])]
    role: Option<String>,
    /// Where the node keeps sessions, evidence and its admin socket
    #[arg(long, value_name = "FOLDER")]
    state_folder: Option<String>,
    /// Any key of the file: --set validator.lead-blocks=5
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

pub(super) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as axon.port=8091".to_owned()),
    }
}

impl NodeArgs {
    /// Whether a role or a folder was named, so that nothing is left to guess.
    pub(crate) fn is_specific(&self) -> bool {
        self.role.is_some() || self.state_folder.is_some() || self.config.is_some()
    }

    /// The same with a role.
    pub(crate) fn with_role(&self, role: &str) -> Self {
        Self {
            role: Some(role.to_owned()),
            ..self.clone()
        }
    }
}

impl Overrides for NodeArgs {
    fn file(&self) -> Option<PathBuf> {
        self.config.clone()
    }

    fn overrides(&self) -> Vec<Override> {
        let set = self.set.iter().map(|(key, value)| Override {
            key: key.clone(),
            value: value.clone(),
            flag: format!("--set {key}"),
        });
        let folder = self.state_folder.as_deref();
        let mut overrides = given([
            ("role", "--role", self.role.as_deref()),
            ("state-folder", "--state-folder", folder),
        ]);
        overrides.extend(set);
        overrides
    }
}

/// Which chain and subnet.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// The subnet's number
    #[arg(long, value_name = "N")]
    netuid: Option<String>,
    /// finney, test, archive, local, or a ws:// or wss:// URL
    #[arg(
        long = "subtensor.network",
        visible_alias = "network",
        value_name = "NAME|URL"
    )]
    network: Option<String>,
    /// Endpoints to use instead of the network's own; several are separated by commas
    #[arg(long = "subtensor.chain_endpoint", value_name = "URL")]
    endpoint: Option<String>,
}

impl Overrides for ChainArgs {
    fn overrides(&self) -> Vec<Override> {
        let (network, endpoint) = (self.network.as_deref(), self.endpoint.as_deref());
        given([
            ("netuid", "--netuid", self.netuid.as_deref()),
            ("network", "--subtensor.network", network),
            ("chain-endpoint", "--subtensor.chain_endpoint", endpoint),
        ])
    }
}

/// Whose keys.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Wallet")]
pub(crate) struct WalletArgs {
    /// The wallet's name, or a development key such as //Alice
    #[arg(id = "wallet.name", long = "wallet.name", value_name = "NAME")]
    name: Option<String>,
    /// The hotkey's name within the wallet [default: default]
    #[arg(id = "wallet.hotkey", long = "wallet.hotkey", value_name = "NAME")]
    hotkey: Option<String>,
    /// Where wallets are kept [default: ~/.bittensor/wallets]
    #[arg(id = "wallet.path", long = "wallet.path", value_name = "FOLDER")]
    path: Option<String>,
}

impl Overrides for WalletArgs {
    fn overrides(&self) -> Vec<Override> {
        given([
            ("wallet.name", "--wallet.name", self.name.as_deref()),
            ("wallet.hotkey", "--wallet.hotkey", self.hotkey.as_deref()),
            ("wallet.path", "--wallet.path", self.path.as_deref()),
        ])
    }
}

/// Where the node listens.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Axon")]
pub(crate) struct AxonArgs {
    /// Address to listen on [default: 0.0.0.0]
    #[arg(long = "axon.ip", value_name = "IP")]
    ip: Option<String>,
    /// Port to listen on [default: 8091]
    #[arg(long = "axon.port", value_name = "PORT")]
    port: Option<String>,
    /// Address to announce on chain
    #[arg(long = "axon.external_ip", value_name = "IP")]
    external_ip: Option<String>,
    /// Port to announce on chain, if not the one listened on
    #[arg(long = "axon.external_port", value_name = "PORT")]
    external_port: Option<String>,
}

impl Overrides for AxonArgs {
    fn overrides(&self) -> Vec<Override> {
        let external = (self.external_ip.as_deref(), self.external_port.as_deref());
        given([
            ("axon.ip", "--axon.ip", self.ip.as_deref()),
            ("axon.port", "--axon.port", self.port.as_deref()),
            ("axon.external-ip", "--axon.external_ip", external.0),
            ("axon.external-port", "--axon.external_port", external.1),
        ])
    }
}

/// Whom the node may call.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Peers")]
pub(crate) struct PeerArgs {
    /// Call neurons at private and loopback addresses too; a development chain needs no flag
    #[arg(long)]
    allow_private_peers: bool,
}

impl Overrides for PeerArgs {
    fn overrides(&self) -> Vec<Override> {
        let allow = when(self.allow_private_peers);
        given([("peers.allow-private", "--allow-private-peers", allow)])
    }
}

/// Whether to buy a slot.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registration")]
pub(crate) struct RegisterArgs {
    /// Buy a slot in the subnet if the hotkey has none
    #[arg(long)]
    register: bool,
    /// The most a slot may cost, in rao; 1 TAO is 1000000000 rao
    #[arg(long, value_name = "RAO")]
    register_limit_rao: Option<String>,
}

impl RegisterArgs {
    /// The limit alone, for a command that buys a slot in any case.
    pub(crate) fn limit(&self) -> Vec<Override> {
        let limit = Self {
            register: false,
            ..self.clone()
        };
        limit.overrides()
    }
}

impl Overrides for RegisterArgs {
    fn overrides(&self) -> Vec<Override> {
        let limit = self.register_limit_rao.as_deref();
        given([
            ("register", "--register", when(self.register)),
            ("register-limit-rao", "--register-limit-rao", limit),
        ])
    }
}

/// What is written to stderr and served to monitoring.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Observability")]
pub(crate) struct LogArgs {
    /// Log how things happen
    #[arg(long = "logging.debug")]
    debug: bool,
    /// Log everything
    #[arg(long = "logging.trace")]
    trace: bool,
    /// How log lines are written to stderr [default: text]
    #[arg(long = "log-format", value_parser = ["text", "json"])]
    format: Option<String>,
    /// Where /metrics, /healthz and /readyz are served, or off [default: 127.0.0.1:9191]
    #[arg(long = "metrics-listen", value_name = "IP:PORT|off")]
    metrics: Option<String>,
}

impl Overrides for LogArgs {
    fn overrides(&self) -> Vec<Override> {
        given([
            (
                "log.level",
                "--logging.debug",
                self.debug.then_some("debug"),
            ),
            (
                "log.level",
                "--logging.trace",
                self.trace.then_some("trace"),
            ),
            ("log.format", "--log-format", self.format.as_deref()),
            (
                "metrics.listen",
                "--metrics-listen",
                self.metrics.as_deref(),
            ),
        ])
    }
}
