//! A miner's concrete parts: an axon that listens, and its dealings with the chain.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::info;

use crate::config::{Config, Role, Settings};
use crate::machine::LocalMachine;
use crate::metrics::Metrics;
use crate::plugin::Registry;
use crate::role::landlord::{self, Lettings, SystemClock};
use crate::role::miner::{AllocateOptions, Gate, GateOptions, Miner, MinerOptions, Upkeep};
use crate::store::{LedgerOwner, SqliteLedger};
use crate::subnet::events::{Condition, Event, Observer as _};
use crate::subnet::key::AccountId;
use crate::subnet::rental::{Landlord, RentError};
use crate::subnet::workload::Caretaker;
use crate::synapse;

use super::{Means, options};

/// The axon's port, bound before anything slow begins; none for a validator.
pub(super) async fn bind(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    if config.role != Role::Miner {
        return Ok(None);
    }
    let axon = &config.settings.axon;
    let address = SocketAddr::new(axon.ip, axon.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("the axon cannot listen on {address}; choose another port with --axon.port")
    })?;
    Ok(Some(listener))
}

/// What lets the miner's machines, and who may come in.
pub(super) struct Letting {
    gate: Arc<Gate>,
    lettings: Lettings,
}

impl Letting {
    /// Opens the ledger: before the chain is asked for anything, because what is paid
    /// for is tended whether the chain can be reached or not.
    pub(super) async fn open(
        config: &Config,
        me: AccountId,
        caretaker: Option<Arc<dyn Caretaker>>,
        registry: &Arc<Registry>,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let gate = Arc::new(Gate::new(gate_options(&config.settings)));
        let welcome = gate.clone();
        let owner = LedgerOwner {
            netuid: config.netuid,
            hotkey: me,
        };
        let folder = config.settings.state_folder.clone();
        let rules = config.settings.rentals.clone();
        let retention = options::ledger_retention(&config.settings);
        let network = config.network.name.clone().unwrap_or_default();
        let (plugins, observer) = (registry.clone(), metrics.clone());
        let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<Lettings> {
            let ledger = SqliteLedger::open(&folder, &owner, retention)?;
            let means = landlord::Means {
                me,
                netuid: owner.netuid,
                network,
                ledger: Arc::new(ledger),
                plugins,
                observer,
                clock: Arc::new(SystemClock),
                may_rent: Arc::new(move |renter| {
                    let refused = |error: RentError| error.to_string();
                    welcome.admit_renter(renter).map_err(refused)
                }),
                caretaker,
            };
            Ok(Lettings::open(means, rules)?)
        });
        let lettings = opened.await.context("the ledger could not be opened")??;
        Ok(Self { gate, lettings })
    }

    pub(super) fn landlord(&self) -> Arc<dyn Landlord> {
        Arc::new(self.lettings.clone())
    }
}

/// Serves at once, and returns the role's work.
pub(super) fn run(
    means: Means,
    listener: TcpListener,
    letting: Letting,
    services: &mut JoinSet<()>,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + Send + 'static> {
    let settings = &means.config.settings;
    let announce = announced(settings, listener.local_addr()?)?;
    let gate = letting.gate.clone();
    let mut miner = Miner::new(
        means.hotkey.account(),
        gate.clone(),
        means.registry.clone(),
        Arc::new(LocalMachine::new(&settings.state_folder)),
        settings.miner.price_micro_usd_per_hour,
    )
    .letting(letting.landlord());
    if settings.renters.allocate {
        miner = miner.allocating(letting.landlord(), AllocateOptions::default());
    }
    let lettings = letting.lettings;
    services.spawn(lettings.run(means.shutdown.requested(), settings.shutdown.drain));
    info!(listening = %listener.local_addr()?, %announce, "the axon listens");
    means.metrics.observe(Event::Readiness {
        condition: Condition::AxonBound,
        met: true,
    });
    services.spawn(synapse::serve(
        listener,
        options::axon(settings),
        Arc::new(miner),
        means.hotkey.clone(),
        means.shutdown.requested(),
    ));
    Ok(tend(means, gate, announce))
}

async fn tend(means: Means, gate: Arc<Gate>, announce: SocketAddr) -> anyhow::Result<()> {
    let Some(network) = means.network().await? else {
        return Ok(());
    };
    let _beside = means.beside(&network);
    let settings = &means.config.settings;
    let wanted = MinerOptions {
        netuid: means.config.netuid,
        register_limit_rao: settings.register_limit_rao,
        announce,
        sync_blocks: settings.sync_blocks,
    };
    let upkeep = Upkeep::new(
        means.hotkey.account(),
        means.chain.clone(),
        gate,
        means.metrics.clone(),
        wanted,
    );
    tokio::select! {
        ended = upkeep.run() => Ok(ended?),
        () = means.shutdown.requested() => Ok(()),
    }
}

fn gate_options(settings: &Settings) -> GateOptions {
    let miner = &settings.miner;
    GateOptions {
        require_permit: miner.require_validator_permit,
        min_stake_rao: miner.min_stake_rao,
        allow: miner.allow_hotkeys.iter().copied().collect(),
        deny: miner.deny_hotkeys.iter().copied().collect(),
        renters: settings.renters.listed.iter().copied().collect(),
        validators_rent: settings.renters.validators,
    }
}

/// What the chain is told: what the operator says, else the address this machine
/// has on the way out.
fn announced(settings: &Settings, bound: SocketAddr) -> anyhow::Result<SocketAddr> {
    let axon = &settings.axon;
    let port = axon.external_port.unwrap_or(bound.port());
    let ip = match axon.external_ip {
        Some(ip) => ip,
        None if !bound.ip().is_unspecified() => bound.ip(),
        None => outgoing_ip().context(
            "this machine's own address is unknown; say where validators reach it with --axon.external_ip",
        )?,
    };
    Ok(SocketAddr::new(ip, port))
}

/// The address a packet to the internet would leave from; none is sent.
fn outgoing_ip() -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect("192.0.2.1:9")?;
    Ok(socket.local_addr()?.ip())
}
