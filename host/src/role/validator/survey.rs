//! Asks every serving miner what it is.
//!
//! Who answers is challenged, if it signs what it answers; who does not is only
//! remembered as absent, since silence proves nothing about a machine.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt as _;
use tracing::{debug, info, warn};

use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;
use crate::subnet::rental::ID_BYTES_MAX;
use crate::subnet::text::{escape, is_plain};
use crate::subnet::wire::{Described, Description, MACHINES_MAX, Peer};

use super::memory::Memory;
use super::{Means, ValidatorOptions};

/// What the miners of the newest survey said, by hotkey.
pub(super) type Answering = Arc<ArcSwap<HashMap<AccountId, Described>>>;

/// Everybody of `metagraph` who listens, but `me`.
pub(super) fn peers(metagraph: &Metagraph, me: AccountId) -> Vec<Peer> {
    metagraph
        .neurons
        .iter()
        .filter(|neuron| neuron.hotkey != me)
        .filter_map(|neuron| {
            Some(Peer {
                hotkey: neuron.hotkey,
                address: neuron.axon?.address,
            })
        })
        .collect()
}

/// Asks all, bounded, and remembers who answered what.
pub(super) async fn survey(
    means: &Means,
    options: &ValidatorOptions,
    metagraph: &Metagraph,
    answering: &Answering,
) {
    let asked = futures::stream::iter(peers(metagraph, means.me)).map(|peer| async move {
        let answer = means.dendrite.describe(&peer).await;
        if let Err(error) = &answer {
            debug!(hotkey = %peer.hotkey, error = escape(&error.to_string()), "no description");
        }
        (
            peer.hotkey,
            answer.ok().map(|said| tidied(&peer.hotkey, said)),
        )
    });
    let answers: Vec<(AccountId, Option<Described>)> = asked
        .buffer_unordered(options.surveys_at_once.max(1))
        .collect()
        .await;
    remember(means, metagraph.block, &answers).await;
    answering.store(Arc::new(
        answers
            .into_iter()
            .filter_map(|(hotkey, said)| Some((hotkey, said?)))
            .collect(),
    ));
}

/// Leaves out machines that nothing can refer to: an id is short, plain and a
/// machine's own. No share is more than all.
fn tidied(hotkey: &AccountId, mut said: Described) -> Described {
    let Description { machines, .. } = &mut said.description;
    let (before, mut ids) = (machines.len(), HashSet::new());
    machines.retain(|machine| {
        let fits = machine.id.len() <= ID_BYTES_MAX && is_plain(&machine.id);
        fits && ids.len() < MACHINES_MAX && ids.insert(machine.id.clone())
    });
    for machine in machines.iter_mut() {
        machine.rented_permille = machine.rented_permille.min(1_000);
    }
    let left_out = before - machines.len();
    if left_out > 0 {
        info!(%hotkey, left_out, "machines without an id of their own are left out");
    }
    said
}

async fn remember(means: &Means, block: u64, answers: &[(AccountId, Option<Described>)]) {
    let lines: Vec<(AccountId, Option<String>)> = answers
        .iter()
        .map(|(hotkey, said)| {
            (
                *hotkey,
                said.as_ref()
                    .and_then(|said| serde_json::to_string(&said.description).ok()),
            )
        })
        .collect();
    let kept = Memory(means.store.clone())
        .with(move |store| {
            for (hotkey, json) in &lines {
                store.record_contact(hotkey, block, json.is_some())?;
                // One that is too long is its miner's own affair.
                if let Some(json) = json
                    && let Err(error) = store.record_description(hotkey, json)
                {
                    warn!(%hotkey, %error, "what this miner says of itself is not kept");
                }
            }
            Ok(())
        })
        .await;
    if let Err(error) = kept {
        tracing::error!(%error, "the survey is not on record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::hardware::Hardware;
    use crate::subnet::scoring::OfferedMachine;
    use crate::subnet::wire::Wire;

    fn machine(id: &str) -> OfferedMachine {
        OfferedMachine {
            id: id.to_owned(),
            claimed: Hardware::default(),
            price_micro_usd_per_hour: 1,
            rented_permille: 1_001,
            labels: Vec::new(),
        }
    }

    #[test]
    fn machines_without_an_id_of_their_own_are_left_out_and_the_others_stay() {
        let long = "x".repeat(ID_BYTES_MAX + 1);
        let ids = ["", "pod-1", "pod-1", &long, "a\u{1b}[2J", "pod-2", ""];
        let machines = ids.into_iter().map(machine).collect();
        let said = Described {
            description: Description {
                machines,
                ..Description::default()
            },
            wire: Wire::Signed,
        };
        let machines = tidied(&AccountId([1; 32]), said).description.machines;
        let kept: Vec<_> = machines.iter().map(|machine| machine.id.as_str()).collect();
        assert_eq!(kept, ["", "pod-1", "pod-2"]);
        assert!(
            machines
                .iter()
                .all(|machine| machine.rented_permille == 1_000)
        );
    }
}
