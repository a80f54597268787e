//! Scoring policies of this generation.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use wasmtime::component::Instance as Component;
use wasmtime::{AsContextMut, Store};

use super::bindings::exports::compute::subnet::scoring as wit;
use super::{Exports, check, convert};
use crate::plugin::call::Loaded;
use crate::plugin::guest::{Chance, Guest};
use crate::subnet::Uid;
use crate::subnet::plugin::{Called, PluginError, PluginId, ScoringPolicy};
use crate::subnet::scoring::{Evidence, Outcome};

/// What the bytes that a policy draws follow from.
const CHANCE_SEED: &[u8] = b"scoring-policy";

/// A policy behind the subnet's trait.
pub(in crate::plugin) struct Policy(pub(in crate::plugin) Arc<Loaded>);

/// An epoch as a guest is asked about it, and how its answer is read.
pub(in crate::plugin) struct Question {
    epoch: wit::Epoch,
    miners: Vec<wit::Miner>,
    memory: Vec<u8>,
    /// The uids it may name.
    known: HashSet<Uid>,
}

impl Question {
    pub(in crate::plugin) fn of(evidence: &Evidence) -> Self {
        let uids = evidence.miners.iter().map(|miner| miner.uid);
        Self {
            epoch: convert::epoch(&evidence.epoch),
            miners: evidence.miners.iter().map(convert::miner).collect(),
            memory: evidence.memory.clone(),
            known: uids.chain(evidence.epoch.burn_uid).collect(),
        }
    }

    /// All draw the same bytes, whatever the epoch.
    pub(in crate::plugin) fn chance() -> Chance {
        Chance::seeded(CHANCE_SEED)
    }

    pub(in crate::plugin) fn ask(
        &self,
        exports: &Exports,
        store: &mut Store<Guest>,
        instance: &Component,
    ) -> wasmtime::Result<Result<wit::Outcome, String>> {
        let scoring = exports
            .scoring()
            .ok_or_else(|| wasmtime::Error::msg("not a policy"))?
            .load(store.as_context_mut(), instance)?;
        let given = scoring.call_evaluate(&mut *store, &self.epoch, &self.miners, &self.memory)?;
        store.data_mut().note_handed_over(size_bytes(&given));
        Ok(given)
    }

    pub(in crate::plugin) fn read(
        &self,
        given: Result<wit::Outcome, String>,
    ) -> Result<Outcome, PluginError> {
        super::answered(given, |given| self.check(given))
    }

    fn check(&self, given: wit::Outcome) -> Result<Outcome, PluginError> {
        check::outcome(given, &self.known)
    }
}

fn size_bytes(given: &Result<wit::Outcome, String>) -> usize {
    match given {
        Ok(outcome) => {
            let reasons = outcome.scores.iter().map(|score| score.reason.len());
            size_of_val(&*outcome.scores) + reasons.sum::<usize>() + outcome.memory.len()
        }
        Err(why) => why.len(),
    }
}

#[async_trait]
impl ScoringPolicy for Policy {
    fn id(&self) -> &PluginId {
        &self.0.id
    }

    async fn evaluate(&self, evidence: &Evidence) -> Result<Called<Outcome>, PluginError> {
        let started = Instant::now();
        let question = Arc::new(Question::of(evidence));
        let asked = question.clone();
        let called = self
            .0
            .call(Question::chance(), move |exports, store, instance| {
                asked.ask(exports, store, instance)
            })
            .await;
        super::read(&self.0, started, called, |given| question.check(given))
    }
}
