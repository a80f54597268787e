//! Tells the plugins what block it is, while one waits for its moment.

use std::sync::Arc;

use tracing::debug;

use crate::plugin::Registry;
use crate::subnet::Netuid;
use crate::subnet::chain::Chain;
use crate::subnet::plugin::Moment;

/// Follows the chain for as long as the node runs.
pub(super) async fn follow(registry: Arc<Registry>, chain: Arc<dyn Chain>, netuid: Netuid) {
    let mut heads = chain.heads();
    while heads.changed().await.is_ok() {
        let head = heads.borrow_and_update().number;
        let moments = registry.moments();
        if moments.is_empty() {
            continue;
        }
        let by_epoch = moments.values().any(|it| matches!(it, Moment::Epoch(_)));
        let epoch = match by_epoch {
            false => None,
            true => match chain.metagraph(netuid).await {
                Ok(metagraph) => Some(metagraph.epoch),
                Err(error) => {
                    debug!(%error, "the epoch is not known");
                    None
                }
            },
        };
        registry.act(head, epoch);
    }
}
