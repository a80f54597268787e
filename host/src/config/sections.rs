//! The tables of the file: each a struct and the reads that fill it.
//!
//! Defaults and ranges stand here and nowhere else. A key's unit is the end of
//! its name; a struct's times are [`Duration`]s.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::subnet::commit::Commits;
use crate::subnet::key::AccountId;

use super::Folders;
use super::problem::Problem;
use super::reader::Reader;

/// `[wallet]`: whose hotkey the node signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// The wallet's folder below `path`, or a development key such as `//Alice`.
    pub name: String,
    /// The hotkey's file within the wallet.
    pub hotkey: String,
    /// Where wallets are kept.
    pub path: PathBuf,
}

impl Wallet {
    pub(super) fn read(
        reader: &mut Reader,
        folders: &Folders,
    ) -> (Option<String>, String, PathBuf) {
        let name = reader.text("wallet.name", "", "a wallet's name", key_name);
        let hotkey = reader.text("wallet.hotkey", "default", "a hotkey's name", key_name);
        let path = reader.text("wallet.path", "~/.bittensor/wallets", "a folder", |text| {
            Some(folders.expand(text))
        });
        (name, hotkey.unwrap_or_default(), path.unwrap_or_default())
    }
}

/// A name that stays within its folder, or a development key.
fn key_name(text: &str) -> Option<String> {
    let development = text.starts_with("//") && text.len() > 2;
    let plain =
        !text.is_empty() && !text.contains(['/', '\\', '\0']) && text != "." && text != "..";
    (development || plain).then(|| text.to_owned())
}

/// `[axon]`: where the node listens, and what strangers may take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axon {
    /// The address to listen on.
    pub ip: IpAddr,
    /// The port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// What the chain is told, if not the address that is listened on.
    pub external_ip: Option<IpAddr>,
    /// What the chain is told, if not `port`.
    pub external_port: Option<u16>,
    /// Connections held open, all callers together.
    pub connections_max: usize,
    /// Connections held open by one address.
    pub connections_per_address_max: usize,
    /// How long a caller may take over a request's head.
    pub head_timeout: Duration,
    /// How long a caller may take over a request's body.
    pub body_timeout: Duration,
    /// Requests one hotkey may send a second, in the long run.
    pub requests_per_second: u32,
    /// Requests being handled, all callers together.
    pub pending_max: usize,
    /// What is spoken, each once.
    pub protocols: Vec<Protocol>,
    /// The largest head of a request.
    pub head_kib_max: usize,
    /// The largest body of a synapse.
    pub synapse_kib_max: usize,
}

/// A protocol between neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// btauth/1, of bittensor 11 and this node.
    Btauth,
    /// The axon of bittensor 6 to 10.
    Classic,
}

/// All that are spoken unless fewer are named.
const PROTOCOLS: [(&str, Protocol); 2] =
    [("btauth", Protocol::Btauth), ("classic", Protocol::Classic)];

fn protocols(reader: &mut Reader) -> Vec<Protocol> {
    let named = reader.texts(
        "axon.protocols",
        "a list of btauth and classic; empty is both",
        |text| {
            PROTOCOLS
                .iter()
                .find(|(name, _)| *name == text)
                .map(|(_, protocol)| *protocol)
        },
    );
    let mut wanted = PROTOCOLS.map(|(_, protocol)| protocol).to_vec();
    wanted.retain(|protocol| named.is_empty() || named.contains(protocol));
    wanted
}

impl Axon {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            ip: reader
                .text("axon.ip", "0.0.0.0", "an IP address", |text| {
                    text.parse().ok()
                })
                .unwrap_or(any),
            port: reader.integer("axon.port", 8091, 0..=u16::MAX),
            external_ip: reader.text("axon.external-ip", "", "an IP address", |text| {
                text.parse().ok()
            }),
            external_port: reader.integer_or_none("axon.external-port", 1..=u16::MAX),
            connections_max: reader.integer("axon.connections-max", 512, 1..=65_536),
            connections_per_address_max: reader.integer(
                "axon.connections-per-address-max",
                64,
                1..=65_536,
            ),
            head_timeout: millis(reader, "axon.head-timeout-ms", 10_000, 120_000),
            body_timeout: millis(reader, "axon.body-timeout-ms", 15_000, 120_000),
            requests_per_second: reader.integer("axon.requests-per-second", 10, 1..=10_000),
            pending_max: reader.integer("axon.pending-max", 128, 1..=65_536),
            protocols: protocols(reader),
            head_kib_max: reader.integer("axon.head-kib-max", 32, 16..=1_024),
            synapse_kib_max: reader.integer("axon.synapse-kib-max", 1_024, 1..=65_536),
        }
    }
}

/// `[miner]`: whom to serve, what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miner {
    /// Serve only validators with a permit.
    pub require_validator_permit: bool,
    /// Serve only callers with this much stake.
    pub min_stake_rao: u64,
    /// Served whatever their permit and stake.
    pub allow_hotkeys: Vec<AccountId>,
    /// Never served.
    pub deny_hotkeys: Vec<AccountId>,
    /// What the machine costs a renter; zero if it is not for rent.
    pub price_micro_usd_per_hour: u64,
    /// The built-in provider adapters that run, by name.
    pub providers: Vec<String>,
}

impl Miner {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let address = "a list of SS58 addresses";
        Self {
            require_validator_permit: reader.flag("miner.require-validator-permit", true),
            min_stake_rao: reader.integer("miner.min-stake-rao", 0, 0..=RAO_MAX),
            allow_hotkeys: reader.texts("miner.allow-hotkeys", address, |text| text.parse().ok()),
            deny_hotkeys: reader.texts("miner.deny-hotkeys", address, |text| text.parse().ok()),
            price_micro_usd_per_hour: reader.integer(
                "miner.price-micro-usd-per-hour",
                0,
                0..=1_000_000_000_000,
            ),
            providers: reader.texts("miner.providers", "a list of built-in adapters", |text| {
                super::plugins::is_name(text).then(|| text.to_owned())
            }),
        }
    }
}

/// What a node may pay for a slot, `None` if it is not to buy one; and the limit
/// alone, `None` if there is none.
pub(super) fn register_limit_rao(reader: &mut Reader) -> (Option<u64>, Option<u64>) {
    let register = reader.flag("register", false);
    let limit = reader.integer("register-limit-rao", 0, 0..=RAO_MAX);
    if register && limit == 0 {
        reader.problems.push(Problem::general(
            "`register` buys a slot: say how much it may cost, with `--register-limit-rao N` or \
             `register-limit-rao = N` in the file; 1 TAO is 1000000000 rao"
                .to_owned(),
        ));
    }
    (register.then_some(limit), (limit > 0).then_some(limit))
}

/// All there will ever be: 21 million TAO.
const RAO_MAX: u64 = 21_000_000_000_000_000;

/// `[accelerator]`: how much of the machine a challenge may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accelerator {
    /// Its share of the time while a job runs.
    pub duty_permille: u16,
    /// Its threads, if not one for each hardware thread.
    pub threads: Option<usize>,
    /// The most memory all its jobs may hold.
    pub memory_mib_max: u64,
    /// The most operations of one job, in units of 10^9; a multiplication and an
    /// addition are two.
    pub job_gops_max: u64,
}

impl Accelerator {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            duty_permille: reader.integer("accelerator.duty-permille", 1_000, 1..=1_000),
            threads: threads(reader, "accelerator.threads"),
            memory_mib_max: reader.integer("accelerator.memory-mib-max", 4_096, 16..=1_048_576),
            job_gops_max: reader.integer("accelerator.job-gops-max", 100_000, 1..=1_000_000_000),
        }
    }
}

/// How a slot's tasks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// To all miners at the same moment, so that one machine behind several uids
    /// cannot answer in turn.
    Together,
    /// One miner after the other, where miners are known to share a machine.
    InTurn,
}

/// `[validator]`: how often to challenge and when to score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Blocks between two surveys of what the miners are.
    pub survey_blocks: u64,
    /// Blocks between two rounds of challenges, at least.
    pub challenge_blocks: u64,
    /// Blocks of one validator's turn, when several take turns.
    pub turn_blocks: u64,
    /// Blocks before an epoch's end at which it is scored.
    pub lead_blocks: u64,
    /// Sessions under way at once; the rest of a round waits.
    pub sessions_at_once: usize,
    /// Verifications under way at once.
    pub verify_at_once: usize,
    /// Miners asked at once what they are.
    pub surveys_at_once: usize,
    /// How tasks are sent.
    pub spread: Spread,
    /// If more sessions of one step fail in transport, the fault is here: all are void.
    pub void_permille: u16,
    /// How weights are committed where the subnet demands it.
    pub commits: Commits,
}

impl Validator {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let spread = [("together", Spread::Together), ("in-turn", Spread::InTurn)];
        let commits = [
            ("timelocked", Commits::Timelocked),
            ("salted", Commits::Salted),
        ];
        Self {
            survey_blocks: reader.integer("validator.survey-blocks", 30, 1..=BLOCKS_MAX),
            challenge_blocks: reader.integer("validator.challenge-blocks", 60, 1..=BLOCKS_MAX),
            turn_blocks: reader.integer("validator.turn-blocks", 10, 1..=BLOCKS_MAX),
            lead_blocks: reader.integer("validator.lead-blocks", 10, 1..=BLOCKS_MAX),
            sessions_at_once: reader.integer("validator.sessions-at-once", 256, 1..=4_096),
            verify_at_once: reader.integer("validator.verify-at-once", 2, 1..=256),
            surveys_at_once: reader.integer("validator.surveys-at-once", 32, 1..=4_096),
            spread: reader
                .choice("validator.spread", "together", &spread)
                .unwrap_or(Spread::Together),
            void_permille: reader.integer("validator.void-permille", 500, 1..=1_000),
            commits: reader
                .choice("validator.commits", "timelocked", &commits)
                .unwrap_or_default(),
        }
    }
}

/// A day of blocks.
pub(super) const BLOCKS_MAX: u64 = 7_200;

/// `[peers]`: which addresses the chain may send this node to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// Also private and loopback addresses; for a subnet within one network.
    pub allow_private: bool,
}

impl Peers {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            allow_private: reader.flag("peers.allow-private", false),
        }
    }
}

/// `[metrics]`: where `/metrics`, `/healthz` and `/readyz` are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Nothing if off.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let expected = "an address and port such as 127.0.0.1:9191, or off";
        let listen = reader.text(
            "metrics.listen",
            "127.0.0.1:9191",
            expected,
            |text| match text {
                "off" => Some(None),
                address => address.parse().ok().map(Some),
            },
        );
        Self {
            listen: listen.flatten(),
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least grave line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happened.
    Info,
    /// How.
    Debug,
    /// Everything.
    Trace,
}

/// `[log]`: what goes to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        Self {
            format: reader
                .choice("log.format", "text", &formats)
                .unwrap_or(LogFormat::Text),
            level: reader
                .choice("log.level", "info", &levels)
                .unwrap_or(LogLevel::Info),
        }
    }
}

/// `[shutdown]`: how long an end may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// What runs may take this long to finish; nothing new begins.
    pub drain: Duration,
}

impl Shutdown {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            drain: millis(reader, "shutdown.drain-ms", 10_000, 600_000),
        }
    }
}

/// Zero, the default, is as many as the machine suggests.
pub(super) fn threads(reader: &mut Reader, path: &'static str) -> Option<usize> {
    Some(reader.integer(path, 0, 0..=1_024)).filter(|threads| *threads > 0)
}

pub(super) fn millis(reader: &mut Reader, path: &'static str, default: u64, max: u64) -> Duration {
    Duration::from_millis(reader.integer(path, default, 1..=max))
}
