//! Asks every serving miner what it is.
//!
//! Who answers is challenged, if it signs what it answers; who does not is only
//! remembered as absent, since silence proves nothing about a machine.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt as _;
use tracing::debug;

use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;
use crate::subnet::text::escape;
use crate::subnet::wire::{Described, Peer};

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
        (peer.hotkey, answer.ok())
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
                if let Some(json) = json {
                    store.record_description(hotkey, json)?;
                }
            }
            Ok(())
        })
        .await;
    if let Err(error) = kept {
        tracing::error!(%error, "the survey is not on record");
    }
}
