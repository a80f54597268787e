//! Looks at the other endpoints now and then, so that one which has fallen
//! behind is left for one that has not.
//!
//! A node that is still alive but no longer follows the chain answers everything
//! and moves on, only too late: no deadline and no watchdog sees it.

use futures::future::join_all;
use tokio::time::{Instant, MissedTickBehavior};

use super::session::{Session, glance};
use super::shared::Shared;
use crate::subnet::BlockNumber;

/// Ends when another endpoint is too far ahead, and says how far. The other is
/// asked first and the own one after it: what is left between them is no race.
pub(super) async fn outrun(shared: &Shared, index: usize, session: &Session) -> BlockNumber {
    if !shared.endpoints().are_several() {
        return std::future::pending().await;
    }
    let mut due = tokio::time::interval(shared.options.timing.scout_interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        look_at_others(shared, index, session.genesis()).await;
        let Ok(own) = session.link.finalized().await else {
            continue;
        };
        let mut endpoints = shared.endpoints();
        endpoints.answered(index, session.latency, own.number);
        if let Some(behind) = endpoints.blocks_behind(index) {
            return behind;
        }
    }
}

async fn look_at_others(shared: &Shared, index: usize, genesis: [u8; 32]) {
    let others = shared.endpoints().others(index, Instant::now());
    join_all(others.iter().map(|(other, url)| async move {
        let looked = async {
            let glance = glance(url, &shared.options, Some(genesis)).await?;
            Ok((glance.latency, glance.head().await?))
        };
        let looked = looked.await;
        let mut endpoints = shared.endpoints();
        match looked {
            Ok((latency, head)) => {
                endpoints.held(*other);
                endpoints.answered(*other, latency, head.number);
            }
            Err(error) => {
                tracing::debug!(%error, "an endpoint in reserve failed");
                let now = Instant::now();
                endpoints.failed(*other, error, now, &shared.options.timing);
            }
        }
    }))
    .await;
}
