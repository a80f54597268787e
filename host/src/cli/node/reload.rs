//! The configuration, read again while the node runs: by SIGHUP or by `host reload`.
//!
//! One at a time. All of it is read and checked first; a mistake changes nothing.
//! What counts while a node runs is `config`'s to say, what it means for plugins
//! the registry's; the guard and the log are told here.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::admin::Reloaded;
use crate::cli::logging;
use crate::cli::shutdown::Shutdown;
use crate::config::{Config, Settings, Sources};
use crate::plugin::{Consequence, Orders, Reconfigured, Registry};
use crate::role::validator::Quiet;
use crate::role::validator::guard::Guard;
use crate::subnet::Netuid;
use crate::subnet::text::escape;
use crate::subnet::trust::Trust;

use super::options;

/// What it takes to read a configuration again.
pub(crate) struct Again {
    /// Where it was read from.
    pub(crate) sources: Sources,
    /// SIGHUP, listened to since the process began.
    pub(crate) hangup: Signal,
}

/// Applies another configuration to what runs.
pub(super) struct Reloader {
    sources: Option<Sources>,
    /// What is in force.
    settings: Mutex<Settings>,
    netuid: Netuid,
    registry: Arc<Registry>,
    guard: Arc<Guard>,
    quiet: Quiet,
}

/// What the configuration says of plugins.
pub(super) fn orders(settings: &Settings, netuid: Netuid) -> Orders {
    let trust = Trust {
        netuid: Some(netuid),
        ..settings.trust.clone()
    };
    Orders::new(
        settings.plugins.settings.clone(),
        settings.plugins.data.clone(),
        options::limits_by_plugin(settings),
        trust,
    )
}

impl Reloader {
    pub(super) fn new(
        config: &Config,
        sources: Option<Sources>,
        registry: Arc<Registry>,
        guard: Arc<Guard>,
        quiet: Quiet,
    ) -> Self {
        Self {
            sources,
            settings: Mutex::new(config.settings.clone()),
            netuid: config.netuid,
            registry,
            guard,
            quiet,
        }
    }

    /// Reloads with each SIGHUP, until the shutdown.
    pub(super) async fn follow(self: Arc<Self>, mut hangup: Signal, shutdown: Shutdown) {
        loop {
            tokio::select! {
                Some(()) = hangup.recv() => {}
                () = shutdown.requested() => return,
            }
            // It is told to the log, whoever asked.
            let _ = self.reload().await;
        }
    }

    /// What it came to, or the mistakes for which nothing changed.
    pub(super) async fn reload(&self) -> Result<Reloaded, String> {
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(reloaded) => tell(reloaded),
            Err(why) => error!(
                why = escape(why),
                "the configuration was not read again, and nothing changed"
            ),
        }
        reloaded
    }

    async fn try_reload(&self) -> Result<Reloaded, String> {
        let sources = self.sources.clone();
        let sources = sources.ok_or("this node was started without a configuration of its own")?;
        let mut settings = self.settings.lock().await;
        let newer = tokio::task::spawn_blocking(move || Settings::load(sources)).await;
        let newer = newer
            .map_err(|error| error.to_string())?
            .map_err(|problems| problems.to_string())?;
        let changed = settings.take_live(newer);
        logging::set_level(settings.log.level);
        self.guard.set_limits(settings.guard);
        let reconfigured = self.reconfigure(orders(&settings, self.netuid)).await?;
        let (refused, done): (Vec<_>, Vec<_>) = reconfigured
            .iter()
            .partition(|it| matches!(it.consequence, Consequence::Refused(_)));
        Ok(Reloaded {
            live: changed.live,
            done: done.into_iter().map(line).collect(),
            refused: refused.into_iter().map(line).collect(),
            waiting: changed.waiting,
        })
    }

    /// Admission is guest work, so it waits until no miner's clock runs.
    async fn reconfigure(&self, orders: Orders) -> Result<Vec<Reconfigured>, String> {
        let _quiet = self.quiet.lock().await;
        let registry = self.registry.clone();
        tokio::task::spawn_blocking(move || registry.reconfigure(orders))
            .await
            .map_err(|error| error.to_string())
    }
}

fn line(it: &Reconfigured) -> String {
    let Reconfigured { slot, id, .. } = it;
    let name = escape(&id.name);
    match &it.consequence {
        Consequence::Readmitted => format!("{slot}: {name} runs with what is said now"),
        Consequence::Refused(why) => {
            format!("{slot}: {name} goes on as before: {why}; {}", why.remedy())
        }
        Consequence::Replaced { why, by: Some(by) } => {
            format!(
                "{slot}: {name} gave way to {} {}: {why}",
                escape(&by.name),
                by.digest
            )
        }
        Consequence::Replaced { why, by: None } => {
            format!("{slot}: {name} is gone, and nothing took its place: {why}")
        }
    }
}

fn tell(reloaded: &Reloaded) {
    info!(
        counts = ?reloaded.live,
        plugins = ?reloaded.done,
        "the configuration was read again"
    );
    for refused in &reloaded.refused {
        error!("not taken: {}", escape(refused));
    }
    if !reloaded.waiting.is_empty() {
        warn!(keys = ?reloaded.waiting, "these need a restart to count");
    }
}
