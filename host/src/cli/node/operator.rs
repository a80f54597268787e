//! The operator API of a validator: its listener, its ledger, its way to miners.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::{Config, Role};
use crate::role::operator::{self, Operator};
use crate::store::{LedgerOwner, SqliteLedger};
use crate::subnet::evidence::EvidenceStore;
use crate::subnet::wire::Dendrite;
use crate::synapse;

use super::{Means, options};

/// Surveys that a miner may have missed before it is offered no more.
const SURVEYS_MISSED: u64 = 3;

/// The port, bound before anything slow begins; none if it is off.
pub(super) async fn bind(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let address = match (config.role, config.settings.operator.listen) {
        (Role::Validator, Some(address)) => address,
        _ => return Ok(None),
    };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!(
            "the operator API cannot listen on {address}; choose another address with \
             `operator.listen`, or turn it off with \"off\""
        )
    })?;
    Ok(Some(listener))
}

/// Serves until `stopped`, and settles what an earlier process left.
pub(super) async fn serve(
    means: &Means,
    listener: TcpListener,
    store: Arc<dyn EvidenceStore>,
    dendrite: Arc<dyn Dendrite>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<JoinSet<()>> {
    let settings = &means.config.settings;
    let owner = LedgerOwner {
        netuid: means.config.netuid,
        hotkey: means.hotkey.account(),
    };
    let folder = settings.state_folder.clone();
    let retention = options::ledger_retention(settings);
    let opening = move || SqliteLedger::open(&folder, &owner, retention);
    let ledger = tokio::task::spawn_blocking(opening).await;
    let ledger = ledger.context("the ledger could not be opened")??;
    let operator = Arc::new(Operator::new(operator::Means {
        netuid: means.config.netuid,
        me: means.hotkey.account(),
        keys: settings.operator.keys.iter().copied().collect(),
        purse: settings.operator.purse.clone(),
        answered_within_blocks: settings.validator.survey_blocks * SURVEYS_MISSED,
        chain: means.chain.clone(),
        store,
        dendrite,
        ledger: Arc::new(ledger),
        now_unix_s: Arc::new(now_unix_s),
    }));
    info!(listening = %listener.local_addr()?, "the operator API listens");
    if let Err(why) = settings.operator.purse.is_open() {
        warn!(
            why = why.detail(),
            "the operator API finds machines and rents none"
        );
    }
    let _ = means.rented.set(operator.clone());
    let options = synapse::AxonOptions {
        protocols: vec![synapse::Protocol::Btauth],
        ..options::axon(settings)
    };
    let mut serving = JoinSet::new();
    serving.spawn(synapse::serve(
        listener,
        options,
        operator.clone(),
        means.hotkey.clone(),
        means.shutdown.requested(),
    ));
    serving.spawn(async move { operator.tend(stopped).await });
    Ok(serving)
}

fn now_unix_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
