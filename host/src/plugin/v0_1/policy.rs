//! Scoring policies of this generation.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use wasmtime::AsContextMut;

use super::{check, convert};
use crate::plugin::call::Loaded;
use crate::plugin::guest::Chance;
use crate::subnet::Uid;
use crate::subnet::plugin::{Called, PluginError, PluginId, ScoringPolicy};
use crate::subnet::scoring::{Evidence, Outcome};

/// Every policy draws the same bytes, whatever the epoch.
const CHANCE_SEED: &[u8] = b"scoring-policy";

/// A policy behind the subnet's trait.
pub(in crate::plugin) struct Policy(pub(in crate::plugin) Arc<Loaded>);

#[async_trait]
impl ScoringPolicy for Policy {
    fn id(&self) -> &PluginId {
        &self.0.id
    }

    async fn evaluate(&self, evidence: &Evidence) -> Result<Called<Outcome>, PluginError> {
        let started = Instant::now();
        let epoch = convert::epoch(&evidence.epoch);
        let miners: Vec<_> = evidence.miners.iter().map(convert::miner).collect();
        let memory = evidence.memory.clone();
        let called = self
            .0
            .call(
                Chance::seeded(CHANCE_SEED),
                move |exports, store, instance| {
                    let scoring = exports
                        .scoring()
                        .ok_or_else(|| wasmtime::Error::msg("not a policy"))?
                        .load(store.as_context_mut(), instance)?;
                    scoring.call_evaluate(store, &epoch, &miners, &memory)
                },
            )
            .await;
        super::read(&self.0, started, called, |given| {
            check::outcome(given, &known(evidence))
        })
    }
}

fn known(evidence: &Evidence) -> HashSet<Uid> {
    let miners = evidence.miners.iter().map(|miner| miner.uid);
    miners.chain(evidence.epoch.burn_uid).collect()
}
