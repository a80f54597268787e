//! Challenge generators of this generation.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use wasmtime::component::Instance as Component;
use wasmtime::{AsContextMut, Store};

use super::bindings::exports::compute::subnet::challenge as wit;
use super::{Exports, check, convert};
use crate::plugin::call::Loaded;
use crate::plugin::guest::{Chance, Guest};
use crate::subnet::challenge::{Exchange, Session, Step};
use crate::subnet::plugin::{Called, ChallengeGenerator, PluginError, PluginId};

/// A generator behind the subnet's trait.
pub(in crate::plugin) struct Generator(pub(in crate::plugin) Arc<Loaded>);

/// A session as a guest is asked about it, and how its answer is read.
pub(in crate::plugin) struct Question {
    session: wit::Session,
    transcript: Vec<wit::Exchange>,
    seed: [u8; 32],
}

impl Question {
    pub(in crate::plugin) fn of(session: &Session, transcript: &[Exchange]) -> Self {
        Self {
            session: convert::session(session),
            transcript: transcript.iter().map(convert::exchange).collect(),
            seed: session.seed,
        }
    }

    /// Follows from the session's seed.
    pub(in crate::plugin) fn chance(&self) -> Chance {
        Chance::seeded(&self.seed)
    }

    pub(in crate::plugin) fn ask(
        &self,
        exports: &Exports,
        store: &mut Store<Guest>,
        instance: &Component,
    ) -> wasmtime::Result<Result<wit::Step, String>> {
        let challenge = exports
            .challenge()
            .ok_or_else(|| wasmtime::Error::msg("not a generator"))?
            .load(store.as_context_mut(), instance)?;
        let given = challenge.call_advance(&mut *store, &self.session, &self.transcript)?;
        store.data_mut().note_handed_over(size_bytes(&given));
        Ok(given)
    }

    pub(in crate::plugin) fn read(
        &self,
        given: Result<wit::Step, String>,
    ) -> Result<Step, PluginError> {
        super::answered(given, |given| self.check(given))
    }

    fn check(&self, given: wit::Step) -> Result<Step, PluginError> {
        check::step(given, self.transcript.len(), &self.seed)
    }
}

fn size_bytes(given: &Result<wit::Step, String>) -> usize {
    match given {
        Ok(wit::Step::Ask(task)) => task.solver.len() + task.payload.len(),
        Ok(wit::Step::Conclude(verdict)) => {
            size_of_val(&*verdict.metrics) + verdict.reason.len() + verdict.memory.len()
        }
        Err(why) => why.len(),
    }
}

#[async_trait]
impl ChallengeGenerator for Generator {
    fn id(&self) -> &PluginId {
        &self.0.id
    }

    async fn advance(
        &self,
        session: &Session,
        transcript: &[Exchange],
    ) -> Result<Called<Step>, PluginError> {
        let started = Instant::now();
        let question = Arc::new(Question::of(session, transcript));
        let asked = question.clone();
        let called = self
            .0
            .call(question.chance(), move |exports, store, instance| {
                asked.ask(exports, store, instance)
            })
            .await;
        super::read(&self.0, started, called, |given| question.check(given))
    }
}
