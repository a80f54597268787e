//! Ends the rentals that are not known to be over: the node died, or the miner
//! did not answer, before they were.
//!
//! A rental whose miner stays away ends by itself, by the miner's own promise;
//! some time after that it is no longer asked for.

use tracing::{info, warn};

use crate::subnet::chain::Metagraph;
use crate::subnet::probe::{ProbeEnding, ProbeRecord};
use crate::subnet::wire::Peer;

use super::rental::{self, SETTLE_S};
use super::{Round, unix_s};

/// After a rental should have ended by itself, its end is asked for so much longer.
const GRACE_S: u64 = 300;

/// Asks once for the end of each; no probe is under way meanwhile.
pub(super) async fn end_all(round: &Round) {
    let held = match round.probing.memory().with(|book| book.held_probes()).await {
        Ok(held) => held,
        Err(error) => return warn!(%error, "whether probes hold rentals cannot be read"),
    };
    for record in held {
        end_one(round, &record).await;
    }
}

async fn end_one(round: &Round, record: &ProbeRecord) {
    let probing = &round.probing;
    let key = record.key.clone();
    let why = "this validator ended before the probe did".to_owned();
    let memory = probing.memory();
    let voided = memory.with(move |book| book.conclude_probe(&key, &ProbeEnding::Void(why)));
    if let Err(error) = voided.await {
        warn!(%error, "a void probe is not on record");
    }
    let now = unix_s();
    let settled = now >= record.began_at.saturating_add(SETTLE_S);
    if let Some(peer) = peer(&round.metagraph, record)
        && rental::end(&round.means, &peer, record, settled).await
    {
        info!(rental = record.key, "ended a rental that a probe had left");
        rental::release(probing, record, rental::spent(record)).await;
    } else if now >= record.ends_at.saturating_add(GRACE_S) {
        warn!(
            rental = record.key,
            hotkey = %record.hotkey,
            "this rental should have ended by itself; its miner never said so"
        );
        rental::release(probing, record, record.cost_micro_usd_max).await;
    }
}

/// Where its miner listens now, if it still does.
fn peer(metagraph: &Metagraph, record: &ProbeRecord) -> Option<Peer> {
    let neuron = metagraph.neuron(&record.hotkey)?;
    Some(Peer {
        hotkey: neuron.hotkey,
        address: neuron.axon?.address,
    })
}
