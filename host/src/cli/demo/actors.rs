//! Who takes part: a chain, a validator and four miners, each a node as
//! `host run` would start it, on loopback and in folders of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chain::Subtensor;
use crate::cli::keys;
use crate::cli::node::{Node, Replaced};
use crate::cli::shutdown::{Shutdown, Trigger};
use crate::config::{Config, Folders, Override, Settings, Sources};
use crate::devchain::{self, DevChain, Options, Pace};
use crate::subnet::events::Unobserved;
use crate::subnet::key::AccountId;

use super::cheat::MakesItUp;
use super::rental::Rentable;

/// Milliseconds a block takes.
const BLOCK_MS: u64 = 300;
/// Blocks an epoch takes.
const TEMPO: u16 = 20;

/// One processor of this machine, let to whoever validates. Its only renter is this
/// process, so nobody has to be kept away from the machine.
const LETTING: [(&str, &str); 9] = [
    ("miner.providers", "provider-local"),
    ("miner.price-micro-usd-per-hour", "10000"),
    ("plugins.provider-local.grant.machine", "true"),
    ("machine.cpu-threads", "1"),
    ("machine.memory-mib", "128"),
    ("machine.disk-mib", "64"),
    ("machine.disk", "memory"),
    ("machine.firewall", "mine"),
    ("machine.ssh-host", "127.0.0.1"),
];

/// A miner's part in the play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of the machine.
    Fast,
    /// A quarter of it.
    Limited,
    /// Multiplies nothing.
    MakesItUp,
    /// Honest, and gone halfway.
    GoesSilent,
}

impl Part {
    pub(super) const ALL: [Self; 4] =
        [Self::Fast, Self::Limited, Self::MakesItUp, Self::GoesSilent];

    /// What the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Limited => "limited",
            Self::MakesItUp => "makes it up",
            Self::GoesSilent => "goes silent",
        }
    }

    /// The development key it mines with.
    fn key(self) -> &'static str {
        match self {
            Self::Fast => "//Bob",
            Self::Limited => "//Charlie",
            Self::MakesItUp => "//Dave",
            Self::GoesSilent => "//Eve",
        }
    }

    fn duty_permille(self) -> &'static str {
        if self == Self::Limited { "250" } else { "1000" }
    }
}

/// Where the play takes place: folders that are gone afterwards.
pub(super) struct Stage {
    folder: PathBuf,
    /// What the validator is told beside its part.
    set: Vec<(String, String)>,
}

/// A node and the way to end it.
pub(super) struct Actor {
    pub(super) node: Node,
    trigger: Trigger,
}

/// Everybody.
pub(super) struct Cast {
    pub(super) chain: DevChain,
    /// Somebody's own look at the chain, with no key.
    pub(super) onlooker: Subtensor,
    pub(super) validator: Actor,
    pub(super) miners: Vec<(Part, Option<Actor>)>,
    accounts: Vec<(Part, AccountId)>,
}

impl Stage {
    pub(super) fn new(folder: &Path, set: Vec<(String, String)>) -> Self {
        Self {
            folder: folder.to_owned(),
            set,
        }
    }

    /// The validator's state folder.
    pub(super) fn validator_folder(&self) -> PathBuf {
        self.folder.join("validator")
    }

    /// A file that lasts as long as the play.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Nobody's configuration file and no variable has a say here.
    pub(super) fn settings(&self, overrides: Vec<Override>) -> anyhow::Result<Settings> {
        let folder = |name| self.folder.join(name);
        Ok(Settings::load(Sources {
            file: None,
            environment: Vec::new(),
            overrides,
            folders: Folders {
                home: folder("home"),
                config: folder("config"),
                state: folder("state"),
            },
        })?)
    }

    fn config(&self, keys: &[(&str, &str)]) -> anyhow::Result<Config> {
        let said = |(key, value): &(&str, &str)| Override {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            flag: format!("host demo, {key}"),
        };
        Ok(self
            .settings(keys.iter().map(said).collect())?
            .into_config()?)
    }

    /// Raises the curtain: everybody is started, nobody is waited for.
    /// One miner lets what is `rentable`, and the validator looks into it.
    pub(super) async fn cast(&self, rentable: Option<&Rentable>) -> anyhow::Result<Cast> {
        let chain = devchain::start(Options {
            listen: ([127, 0, 0, 1], 0).into(),
            pace: Pace::EveryMs(BLOCK_MS),
            tempo: TEMPO,
            allow_loopback: true,
            ..Options::default()
        })
        .await?;
        let validator = self.validator(&chain.url(), rentable.is_some()).await?;
        let (mut miners, mut accounts) = (Vec::new(), Vec::new());
        for part in Part::ALL {
            let lets = rentable.filter(|_| part == Part::Fast);
            let miner = self.miner(part, &chain.url(), lets).await?;
            accounts.push((part, miner.node.account));
            miners.push((part, Some(miner)));
        }
        let network = self
            .config(&common("validator", &chain.url(), "//Alice"))?
            .network;
        let onlooker = keys::connect(&network, None, Arc::new(Unobserved))?;
        Ok(Cast {
            chain,
            onlooker,
            validator,
            miners,
            accounts,
        })
    }

    async fn validator(&self, url: &str, probes: bool) -> anyhow::Result<Actor> {
        let folder = self.validator_folder();
        let mut keys = common("validator", url, "//Alice").to_vec();
        let folder = folder.to_string_lossy();
        keys.extend([
            ("state-folder", &*folder),
            // Four miners share this machine, so they take turns.
            ("validator.spread", "in-turn"),
            ("validator.survey-blocks", "3"),
            ("validator.challenge-blocks", "5"),
            ("validator.turn-blocks", "1"),
            ("validator.lead-blocks", "8"),
            ("plugins.challenge-matmul.settings.n", "1024"),
            ("plugins.challenge-matmul.settings.rows", "1024"),
            ("plugins.challenge-matmul.settings.cells", "16"),
            ("plugins.score-compute.settings.epoch-blocks", "20"),
            // Of three paid miners one falls silent and the policy is exchanged:
            // more than an operator with hundreds would let pass unseen.
            ("guard.moved-permille-max", "700"),
        ]);
        if probes {
            keys.extend([
                ("probe.enabled", "true"),
                ("probe.rental-s", "120"),
                ("probe.ready-timeout-ms", "30000"),
            ]);
        }
        keys.extend(self.set.iter().map(|(key, value)| (&**key, &**value)));
        start(self.config(&keys)?, Replaced::default()).await
    }

    async fn miner(&self, part: Part, url: &str, lets: Option<&Rentable>) -> anyhow::Result<Actor> {
        let folder = self.folder.join(part.key().trim_start_matches('/'));
        let mut keys = common("miner", url, part.key()).to_vec();
        let folder = folder.to_string_lossy();
        keys.extend([
            ("state-folder", &*folder),
            ("axon.ip", "127.0.0.1"),
            ("axon.port", "0"),
            ("register", "true"),
            ("register-limit-rao", "1000000000"),
            ("accelerator.duty-permille", part.duty_permille()),
        ]);
        if let Some(rentable) = lets {
            keys.extend(LETTING);
            keys.extend([
                ("machine.docker", &*rentable.engine),
                ("machine.images", &*rentable.image),
            ]);
        }
        let replaced = match part {
            Part::MakesItUp => Replaced {
                accelerator: Some(Arc::new(MakesItUp)),
            },
            _ => Replaced::default(),
        };
        start(self.config(&keys)?, replaced).await
    }

    pub(super) fn say_how_to_go_on(&self, cast: &Cast, out: &mut dyn Write) -> std::io::Result<()> {
        let folder = self.validator_folder();
        writeln!(out, "\nStill running; Ctrl-C ends it. In another terminal:")?;
        writeln!(out, "  host status --state-folder {}", folder.display())?;
        writeln!(
            out,
            "  host plugin swap score-level my_policy.wasm --pin --state-folder {}",
            folder.display()
        )?;
        writeln!(
            out,
            "  host subnet metagraph --netuid 1 --subtensor.network {}",
            cast.chain.url()
        )?;
        out.flush()
    }
}

fn common<'a>(role: &'a str, url: &'a str, key: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("role", role),
        ("network", url),
        ("netuid", "1"),
        ("wallet.name", key),
        ("sync-blocks", "1"),
        ("metrics.listen", "off"),
    ]
}

async fn start(config: Config, replaced: Replaced) -> anyhow::Result<Actor> {
    let (trigger, shutdown) = Shutdown::new();
    let node = Node::start(config, None, replaced, shutdown).await?;
    Ok(Actor { node, trigger })
}

impl Actor {
    /// Ends as after SIGTERM.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        self.trigger.pull();
        self.node.ended().await
    }
}

impl Cast {
    /// The miners' parts and keys, those that have left included.
    pub(super) fn accounts(&self) -> Vec<(Part, AccountId)> {
        self.accounts.clone()
    }

    /// Everybody ends, the chain last.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        self.validator.leave().await?;
        for (_, actor) in self.miners {
            if let Some(actor) = actor {
                actor.leave().await?;
            }
        }
        self.chain.stop().await;
        Ok(())
    }
}
