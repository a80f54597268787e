//! File, then environment, then flags: one [`Config`] in one fallible step.
//!
//! Everything an operator may say is read, checked and given its type here,
//! before anything starts; the rest of the node cannot fail on configuration.
//! A mistake is told with its place, what was expected and, for an unknown key,
//! the nearest name; all mistakes are told at once.
//!
//! Layers, the later winning:
//!
//! 1. the file: `--config`, else `HOST_CONFIG`, else `miner.toml` or
//!    `validator.toml` in the platform's configuration folder, if it is there;
//! 2. the environment: `HOST_` and the key in upper case, `_` for `.` and `-`,
//!    so `HOST_AXON_PORT` is `axon.port`; lists are separated by commas; an
//!    empty variable counts as absent;
//! 3. flags, as overrides by key: only `cli` knows how they are spelled.
//!
//! A plugin's settings are `[plugins.NAME.settings]`, in the file and by `--set`:
//! nested tables become dotted keys and arrays JSON. They are not checked here
//! but by the plugin, when it is admitted. Beside them are `[plugins.NAME.data]`
//! and `[plugins.NAME.limits]`; whose plugins are let in is `[trust]`. What a plugin
//! may reach is `[plugins.NAME.grant]`, with which secrets `[credentials.NAME]`.
//!
//! ```text
//! file ─┐
//! HOST_*├─ Reader (typed reads, problems) ─ Settings ─ into_config ─ Config
//! flags ┘
//! ```
//!
//! A node that runs may read all of it again; what counts then, and what waits for
//! the next start, is `reload`'s to say.
//!
//! Does not open wallets, reach networks or make folders.

mod egress;
mod engine;
mod evidence;
mod file;
mod folders;
mod guard;
mod machine;
mod missing;
mod network;
mod plugins;
mod probe;
mod problem;
mod reader;
mod reload;
mod rentals;
mod renting;
mod sections;
mod sources;
mod trust;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::subnet::Netuid;
use crate::subnet::grant::{Credential, EgressLimits, Grants};
use crate::subnet::guard::Limits as GuardLimits;
use crate::subnet::letting::Rules;
use crate::subnet::trust::Trust;

pub use engine::{Ceiling, Engine, Stop, WorldLimits};
pub use evidence::Evidence;
pub use file::FILE_BYTES_MAX;
pub use folders::Folders;
pub use machine::{Machine, MachineDisk, MachineFirewall};
pub use missing::Missing;
pub use network::{NETWORK_NAMES, Network};
pub use plugins::{PluginLimits, Plugins};
pub use probe::Probe;
pub use problem::{Problem, Problems};
pub use reader::{Key, environment_name};
pub use reload::Changed;
pub use renting::{Operator, Renters};
pub use sections::{
    Accelerator, Axon, Log, LogFormat, LogLevel, Metrics, Miner, Peers, Protocol, Shutdown, Spread,
    Validator, Wallet,
};
pub use sources::{Override, Sources};
pub use value::Source;

use missing::Need;
use reader::Reader;

/// What a node does in its subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves, is challenged, earns.
    Miner,
    /// Challenges, scores, sets weights.
    Validator,
}

impl Role {
    /// As it is written in a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Miner => "miner",
            Self::Validator => "validator",
        }
    }
}

/// All a node needs to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What to be.
    pub role: Role,
    /// On which chain.
    pub network: Network,
    /// In which subnet.
    pub netuid: Netuid,
    /// With whose hotkey.
    pub wallet: Wallet,
    /// Everything that has a default.
    pub settings: Settings,
}

/// What was given, before anybody asks whether it is enough to run a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `role`
    pub role: Option<Role>,
    /// `network` and `chain-endpoint`
    pub network: Option<Network>,
    /// `netuid`
    pub netuid: Option<Netuid>,
    /// `wallet.name`
    pub wallet_name: Option<String>,
    /// `wallet.hotkey`
    pub wallet_hotkey: String,
    /// `wallet.path`
    pub wallet_path: PathBuf,
    /// `state-folder`: sessions, evidence, pins, the admin socket; nobody else's.
    pub state_folder: PathBuf,
    /// `register` and `register-limit-rao`: the most a slot may cost; `None` if
    /// the node is not to buy one.
    pub register_limit_rao: Option<u64>,
    /// `register-limit-rao` alone: for who buys a slot by a command of its own.
    pub price_limit_rao: Option<u64>,
    /// `sync-blocks`: blocks between two looks at the metagraph.
    pub sync_blocks: u64,
    /// `[axon]`
    pub axon: Axon,
    /// `[miner]`
    pub miner: Miner,
    /// `[rentals]`: what is let.
    pub rentals: Rules,
    /// `[rentals]`: who may rent.
    pub renters: Renters,
    /// `[operator]`
    pub operator: Operator,
    /// `[machine]`
    pub machine: Machine,
    /// `[accelerator]`
    pub accelerator: Accelerator,
    /// `[validator]`
    pub validator: Validator,
    /// `[guard]`; `None` if it is off.
    pub guard: Option<GuardLimits>,
    /// `[probe]`; `None` if it is off.
    pub probe: Option<Probe>,
    /// `[evidence]`
    pub evidence: Evidence,
    /// `[engine]`
    pub engine: Engine,
    /// `[plugins.NAME]`
    pub plugins: Plugins,
    /// `[trust]`
    pub trust: Trust,
    /// `[egress]`
    pub egress: EgressLimits,
    /// `[credentials.NAME]`
    pub credentials: BTreeMap<String, Credential>,
    /// `[peers]`
    pub peers: Peers,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[log]`
    pub log: Log,
    /// `[shutdown]`
    pub shutdown: Shutdown,
    /// Worth telling the operator, once logging runs.
    pub warnings: Vec<String>,
    /// By key, what was given or else the default.
    said: BTreeMap<String, String>,
}

impl Settings {
    /// Reads all layers.
    pub fn load(sources: Sources) -> Result<Self, Problems> {
        let folders = sources.folders.clone();
        let role = sources.role()?;
        let mut reader = sources.into_reader(role)?;
        let mut settings = Self::read(&mut reader, &folders);
        settings.check(&mut reader);
        settings.said = std::mem::take(&mut reader.said);
        settings.warnings = reader.finish()?.1;
        Ok(settings)
    }

    /// What nothing but defaults gives.
    pub fn defaults(folders: &Folders) -> Self {
        Self::read(&mut Reader::default(), folders)
    }

    /// Every key there is.
    pub fn keys(folders: &Folders) -> Vec<Key> {
        let mut reader = Reader::default();
        Self::read(&mut reader, folders);
        reader.keys
    }

    fn read(reader: &mut Reader, folders: &Folders) -> Self {
        let roles = [("miner", Role::Miner), ("validator", Role::Validator)];
        let role = reader.choice("role", "", &roles);
        let network = Network::read(reader);
        let netuid = reader.integer_or_none("netuid", 0..=Netuid::MAX);
        let (wallet_name, wallet_hotkey, wallet_path) = Wallet::read(reader, folders);
        let state_folder = reader.text("state-folder", "", "a folder", |text| {
            (!text.is_empty()).then(|| folders.expand(text))
        });
        let (register_limit_rao, price_limit_rao) = sections::register_limit_rao(reader);
        let miner = Miner::read(reader);
        Self {
            role,
            network,
            netuid,
            wallet_name,
            wallet_hotkey,
            wallet_path,
            state_folder: state_folder.unwrap_or_else(|| folders.state_folder(role)),
            register_limit_rao,
            price_limit_rao,
            sync_blocks: reader.integer("sync-blocks", 5, 1..=sections::BLOCKS_MAX),
            axon: Axon::read(reader),
            rentals: rentals::read(reader, miner.price_micro_usd_per_hour),
            miner,
            renters: Renters::read(reader),
            operator: Operator::read(reader),
            machine: Machine::read(reader),
            accelerator: Accelerator::read(reader),
            validator: Validator::read(reader),
            guard: guard::read(reader),
            probe: probe::read(reader),
            evidence: Evidence::read(reader),
            engine: Engine::read(reader),
            plugins: Plugins::read(reader),
            trust: trust::read(reader),
            egress: egress::limits(reader, folders),
            credentials: egress::credentials(reader, folders),
            peers: Peers::read(reader),
            metrics: Metrics::read(reader),
            log: Log::read(reader),
            shutdown: Shutdown::read(reader),
            warnings: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    /// What no key can tell by itself.
    fn check(&self, reader: &mut Reader) {
        let late = |probe: &Probe| probe.ready_timeout >= probe.rental;
        if self.probe.as_ref().is_some_and(late) {
            reader.problems.push(Problem::general(
                "`probe.ready-timeout-ms` is not shorter than `probe.rental-s`: a machine would be gone before it is looked into"
                    .to_owned(),
            ));
        }
        for (plugin, bound) in &self.plugins.data {
            let settings = self.plugins.settings.get(plugin);
            for key in bound.keys() {
                if settings.is_some_and(|settings| settings.contains_key(key)) {
                    reader.problems.push(Problem::general(format!(
                        "`plugins.{plugin}.settings.{key}` is given, and `plugins.{plugin}.data.{key}` too: leave out one"
                    )));
                }
            }
        }
        if self.rentals.duration_s_min > self.rentals.duration_s_max {
            reader.problems.push(Problem::general(
                "`rentals.duration-s-min` is above `rentals.duration-s-max`: nothing could be rented"
                    .to_owned(),
            ));
        }
        if self.axon.connections_per_address_max > self.axon.connections_max {
            reader.problems.push(Problem::general(
                "`axon.connections-per-address-max` is above `axon.connections-max`: one caller could take them all"
                    .to_owned(),
            ));
        }
    }

    /// What plugins may reach.
    pub fn grants(&self) -> Grants {
        Grants {
            plugins: self.plugins.grants.clone(),
            credentials: self.credentials.clone(),
        }
    }

    /// The wallet, if one was named.
    pub fn wallet(&self) -> Option<Wallet> {
        Some(Wallet {
            name: self.wallet_name.clone()?,
            hotkey: self.wallet_hotkey.clone(),
            path: self.wallet_path.clone(),
        })
    }

    /// Enough to ask a chain about all of its subnets, or what is missing.
    pub fn chain(&self) -> Result<Network, Missing> {
        let network = self.network.clone();
        network.ok_or_else(|| Missing::to(self, &[Need::Network]))
    }

    /// Enough to ask the chain about a subnet, or what is missing, all of it.
    pub fn subnet(&self) -> Result<(Network, Netuid), Missing> {
        match (&self.network, self.netuid) {
            (Some(network), Some(netuid)) => Ok((network.clone(), netuid)),
            _ => Err(Missing::to(self, &[Need::Netuid, Need::Network])),
        }
    }

    /// Enough to use a wallet, or what is missing.
    pub fn named_wallet(&self) -> Result<Wallet, Missing> {
        self.wallet()
            .ok_or_else(|| Missing::to(self, &[Need::Wallet]))
    }

    /// Enough to run a node, or what is missing, all of it.
    pub fn into_config(self) -> Result<Config, Missing> {
        match (self.role, &self.network, self.netuid, self.wallet()) {
            (Some(role), Some(network), Some(netuid), Some(wallet)) => Ok(Config {
                role,
                network: network.clone(),
                netuid,
                wallet,
                settings: self,
            }),
            _ => Err(Missing::to(&self, &Need::ALL)),
        }
    }
}
