//! Puts a node together: the one place that knows every concrete thing.
//!
//! `host run` starts one node, `host demo` five in one process; both come
//! through here, so what the demo shows is what runs.
//!
//! ```text
//! Config ─> keys, admin door, ports ─> plugins ─> chain ─> role
//!           (fail here, at once)                  (waits as long as it takes)
//! ```

mod admin;
mod drop_folder;
mod machine;
mod miner;
mod moments;
mod operator;
mod options;
mod providers;
mod reload;
mod validator;

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

use crate::chain::Subtensor;
use crate::config::{Config, Role, Settings};
use crate::egress::{self, HttpEgress};
use crate::machine::Containers;
use crate::metrics::Metrics;
use crate::plugin::{Approval, Child, Compilation, Engine, Outside, Registry, Workshop, registry};
use crate::role::validator::Quiet;
use crate::role::validator::guard::Guard;
use crate::store::SqliteStore;
use crate::subnet::accelerator::Accelerator;
use crate::subnet::chain::{Chain as _, ChainError, Network};
use crate::subnet::events::{Condition, Event, Observer as _};
use crate::subnet::evidence::EvidenceStore;
use crate::subnet::key::{AccountId, Signer};
use crate::subnet::trust::Trust;
use crate::subnet::workload::{Caretaker, Workloads};

use super::keys;
pub(crate) use options::accelerator;
pub(crate) use providers::want;
pub(crate) use reload::Again;

use super::shutdown::Shutdown;
use super::surroundings::Surroundings;

/// What a demonstration puts in the place of the real thing.
#[derive(Default)]
pub(crate) struct Replaced {
    /// Multiplies instead of this machine's processor.
    pub(crate) accelerator: Option<Arc<dyn Accelerator>>,
}

/// A running node.
pub(crate) struct Node {
    /// Whose node it is.
    pub(crate) account: AccountId,
    memory: watch::Receiver<Option<Arc<SqliteStore>>>,
    role: JoinHandle<anyhow::Result<()>>,
    services: JoinSet<()>,
    shutdown: Shutdown,
}

/// What a role is started with.
struct Means {
    config: Config,
    hotkey: Arc<dyn Signer>,
    chain: Arc<Subtensor>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    quiet: Quiet,
    guard: Arc<Guard>,
    opened: watch::Sender<Option<Arc<SqliteStore>>>,
    /// What lets, or rents, for the admin socket.
    rented: admin::Rented,
    shutdown: Shutdown,
}

impl Node {
    /// Starts what `config` says. Whatever an operator can mend fails here; the
    /// chain may be away, the role waits for it. `again` is what the configuration
    /// can be read from again, if it can.
    pub(crate) async fn start(
        config: Config,
        again: Option<Again>,
        replaced: Replaced,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let hotkey = keys::hotkey(&config.wallet).await?;
        let account = hotkey.account();
        let around =
            Surroundings::open(&config.settings, conditions(config.role), shutdown.clone()).await?;
        let metrics = around.metrics.clone();
        let axon = miner::bind(&config).await?;
        let door = operator::bind(&config).await?;
        let machine = machine::containers(&config, account)?;
        let registry = open_registry(&config, replaced, machine.clone(), metrics.clone()).await?;
        metrics.observe(Event::Readiness {
            condition: Condition::Plugins,
            met: true,
        });
        let chain = connect(&config, hotkey.clone(), metrics.clone())?;
        let quiet = Quiet::default();
        let guard = Arc::new(Guard::new(config.settings.guard));
        let (sources, hangup) = again.map(|again| (again.sources, again.hangup)).unzip();
        let reloader = Arc::new(reload::Reloader::new(
            &config,
            sources,
            registry.clone(),
            guard.clone(),
            quiet.clone(),
        ));
        let letting = letting(&config, account, machine.clone(), &registry, &metrics).await?;
        let rented = admin::Rented::default();
        if let Some(letting) = &letting {
            let _ = rented.set(letting.landlord());
        }
        let face = admin::Face::new(
            &config,
            account,
            registry.clone(),
            metrics.clone(),
            chain.clone(),
            quiet.clone(),
            guard.clone(),
            reloader.clone(),
        )
        .letting(rented.clone());
        let mut services = around.start(Arc::new(face));
        if let Some(hangup) = hangup {
            services.spawn(reloader.follow(hangup, shutdown.clone()));
        }
        info!(role = config.role.as_str(), hotkey = %account, netuid = config.netuid, "starting");
        let (opened, memory) = watch::channel(None);
        let means = Means {
            config,
            hotkey,
            chain,
            registry,
            metrics,
            quiet,
            guard,
            opened,
            rented,
            shutdown: shutdown.clone(),
        };
        machine::keep(machine, &shutdown, &mut services);
        let role = match axon.zip(letting) {
            Some((listener, letting)) => {
                tokio::spawn(miner::run(means, listener, letting, &mut services)?)
            }
            None => tokio::spawn(validator::run(means, door)),
        };
        Ok(Self {
            account,
            memory,
            role,
            services,
            shutdown,
        })
    }

    /// A validator's memory, once it has seen its chain.
    pub(crate) async fn store(&self) -> anyhow::Result<Arc<dyn EvidenceStore>> {
        let mut memory = self.memory.clone();
        let opened = memory
            .wait_for(Option::is_some)
            .await
            .context("the validator ended early")?;
        Ok(opened.clone().context("just waited for")?)
    }

    /// Whether the role has ended by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.role.is_finished()
    }

    /// Waits until the role ends: because it was asked to, or cannot go on.
    pub(crate) async fn ended(mut self) -> anyhow::Result<()> {
        let ended = (&mut self.role).await.context("the role's task panicked")?;
        if self.shutdown.is_requested() {
            while self.services.join_next().await.is_some() {}
        }
        ended
    }
}

/// The chain; nobody waits for it here.
fn connect(
    config: &Config,
    hotkey: Arc<dyn Signer>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<Arc<Subtensor>> {
    let signing = Some((&config.wallet, hotkey));
    let connected = keys::connect(&config.network, signing, metrics)?;
    let commits = config.settings.validator.commits;
    Ok(Arc::new(connected.with_commits(commits)))
}

/// A miner's rentals.
async fn letting(
    config: &Config,
    account: AccountId,
    machine: Option<Arc<Containers>>,
    registry: &Arc<Registry>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<miner::Letting>> {
    let machine = machine.map(|machine| machine as Arc<dyn Caretaker>);
    let opened = miner::Letting::open(config, account, machine, registry, metrics);
    Ok(match config.role {
        Role::Miner => Some(opened.await?),
        Role::Validator => None,
    })
}

/// What a role needs before it is of use.
fn conditions(role: Role) -> &'static [Condition] {
    match role {
        Role::Miner => &[
            Condition::Chain,
            Condition::Registered,
            Condition::AxonBound,
            Condition::AxonAnnounced,
            Condition::Plugins,
        ],
        Role::Validator => &[Condition::Chain, Condition::Registered, Condition::Plugins],
    }
}

/// An engine with the node's own limits, for repeating its calls elsewhere.
pub(crate) fn engine(settings: &Settings) -> anyhow::Result<Engine> {
    let workshop = Workshop {
        compilation: Compilation::Child(Child::of_this_binary()?),
        cache: None,
    };
    Ok(Engine::with(options::limits(settings), workshop)?)
}

/// What provider adapters may reach, as `[plugins.NAME.grant]` says.
pub(crate) fn outside(settings: &Settings) -> anyhow::Result<Outside> {
    let limits = settings.egress.clone();
    let egress = HttpEgress::new(settings.grants(), limits, egress::World::of_this_system())?;
    Ok(Outside {
        egress: Some(Arc::new(egress)),
        workloads: None,
    })
}

/// Compiles and admits; blocks, so it is done elsewhere.
async fn open_registry(
    config: &Config,
    replaced: Replaced,
    machine: Option<Arc<Containers>>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<Arc<Registry>> {
    let settings = &config.settings;
    let (builtins, worlds) = options::builtins(config.role, settings)?;
    let accelerator = match (config.role, replaced.accelerator) {
        (Role::Validator, _) => None,
        (Role::Miner, Some(accelerator)) => Some(accelerator),
        (Role::Miner, None) => Some(options::accelerator(settings)?),
    };
    let setup = registry::Config {
        state_folder: settings.state_folder.join("plugins"),
        worlds,
        builtins,
        settings: settings.plugins.settings.clone(),
        data: settings.plugins.data.clone(),
        limits: options::limits_by_plugin(settings),
        trust: Trust {
            netuid: Some(config.netuid),
            ..settings.trust.clone()
        },
        accelerator,
        outside: Outside {
            workloads: machine.map(|machine| machine as Arc<dyn Workloads>),
            ..outside(settings)?
        },
        observer: metrics,
    };
    let limits = options::limits(settings);
    let workshop = Workshop {
        compilation: Compilation::Child(Child::of_this_binary()?),
        cache: Some(setup.state_folder.join("aot")),
    };
    let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<Registry> {
        Ok(Registry::open(Engine::with(limits, workshop)?, setup)?)
    });
    Ok(Arc::new(
        opened.await.context("the plugins could not be loaded")??,
    ))
}

impl Means {
    /// What goes on beside the role for as long as the set lives: the drop folder.
    fn beside(&self, network: &Network) -> JoinSet<()> {
        let mut beside = JoinSet::new();
        let approval = if network.development {
            Approval::DevelopmentChain
        } else {
            Approval::Recorded
        };
        beside.spawn(drop_folder::follow(
            self.config.settings.state_folder.clone(),
            self.registry.clone(),
            self.quiet.clone(),
            approval,
        ));
        beside.spawn(moments::follow(
            self.registry.clone(),
            self.chain.clone(),
            self.config.netuid,
        ));
        beside
    }

    /// Waits for the chain and makes sure that the key may be used on it; `None`
    /// if the node was asked to end first.
    async fn network(&self) -> anyhow::Result<Option<Network>> {
        loop {
            let asked = tokio::select! {
                asked = self.chain.network() => asked,
                () = self.shutdown.requested() => return Ok(None),
            };
            match asked {
                Ok(network) => {
                    keys::allow(&self.config.wallet, &*self.chain).await?;
                    return Ok(Some(network));
                }
                Err(ChainError::WrongNetwork(why)) => {
                    return Err(ChainError::WrongNetwork(why).into());
                }
                Err(error) => warn!(%error, "waiting for the chain"),
            }
        }
    }
}
