//! What surrounds a node whatever its role: its end, its numbers, its door.
//!
//! ```text
//! open  - state folder made private and locked, admin socket and metrics port bound
//! start - both served until the shutdown; whatever fails, fails in `open`
//! ```

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::admin::{self, Admin, Door};
use crate::config::Settings;
use crate::metrics::{self, Metrics};
use crate::subnet::events::Condition;

use super::shutdown::Shutdown;

/// Bound and not yet served.
pub(crate) struct Surroundings {
    /// Hears the node's events; `Arc<dyn Observer>` to everybody else.
    pub(crate) metrics: Arc<Metrics>,
    /// The end, as signals ask for it.
    pub(crate) shutdown: Shutdown,
    door: Door,
    listener: Option<TcpListener>,
}

impl Surroundings {
    /// Takes the state folder and binds what is local; ready once `required` hold.
    pub(crate) async fn open(
        settings: &Settings,
        required: &[Condition],
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let state_folder = std::path::absolute(&settings.state_folder)?;
        let door = Door::open(&state_folder).with_context(|| {
            format!("the state folder {} cannot be used", state_folder.display())
        })?;
        let listener = match settings.metrics.listen {
            None => None,
            Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
                format!("cannot serve metrics on {address}; choose another with --metrics-listen 127.0.0.1:0, or off")
            })?),
        };
        Ok(Self {
            metrics: Arc::new(Metrics::new(required)),
            shutdown,
            door,
            listener,
        })
    }

    /// Serves until the shutdown; the tasks end by themselves then.
    pub(crate) fn start(self, admin: Arc<dyn Admin>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tracing::info!(socket = %self.door.path().display(), "admin socket");
        tasks.spawn(admin::serve(self.door, admin, self.shutdown.requested()));
        if let Some(listener) = self.listener {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "serving /metrics, /healthz and /readyz");
            }
            let end = self.shutdown.requested();
            tasks.spawn(metrics::serve(listener, self.metrics, end));
        }
        tasks
    }
}
