//! A validator's concrete parts: its memory and its way to the miners.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::role::validator::probing::Probing;
use crate::role::validator::{self, Validator};
use crate::ssh::SshProber;
use crate::store::{Retention, SqliteStore};
use crate::subnet::evidence::StoreOwner;
use crate::synapse::HttpDendrite;

use super::{Means, operator, options};

/// Follows the chain until asked to end; operators come in by `door`.
pub(super) async fn run(means: Means, door: Option<TcpListener>) -> anyhow::Result<()> {
    let Some(network) = means.network().await? else {
        return Ok(());
    };
    let _beside = means.beside(&network);
    let settings = &means.config.settings;
    let owner = StoreOwner {
        genesis: network.genesis,
        netuid: means.config.netuid,
        hotkey: means.hotkey.account(),
    };
    let folder = settings.state_folder.clone();
    let kept = &settings.evidence;
    let retention = Retention::within(kept.keep_days, kept.keep_mib);
    let guard = means.guard.clone();
    let store = tokio::task::spawn_blocking(move || {
        let store = Arc::new(SqliteStore::open(&folder, &owner, retention)?);
        guard.remember_in(store.clone())?;
        anyhow::Ok(store)
    })
    .await
    .context("the evidence store could not be opened")??;
    means.registry.rehearse_on(store.clone());
    means.opened.send_replace(Some(store.clone()));
    let dendrite = Arc::new(HttpDendrite::new(
        means.hotkey.clone(),
        options::dendrite(settings, network.development),
    ));
    let probing = options::probe(settings, network.development)
        .map(|(ssh, probe)| Probing::new(Arc::new(SshProber::new(ssh)), store.clone(), probe));
    let (stop, stopped) = watch::channel(false);
    let asked = means.shutdown.requested();
    tokio::spawn(async move {
        asked.await;
        stop.send_replace(true);
    });
    let _operator = match door {
        Some(door) => {
            let (store, miners) = (store.clone(), dendrite.clone());
            operator::serve(&means, door, store, miners, stopped.clone()).await?
        }
        None => JoinSet::new(),
    };
    let role = validator::Means {
        me: means.hotkey.account(),
        chain: means.chain.clone(),
        dendrite,
        plugins: means.registry.clone(),
        store,
        observer: means.metrics.clone(),
        quiet: means.quiet.clone(),
        guard: means.guard.clone(),
        probing,
    };
    let options = options::validator(settings, means.config.netuid);
    Ok(Validator::new(role, options).run(stopped).await?)
}
