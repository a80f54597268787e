//! Challenge solvers of this generation: an instance for each session.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Instance;
use wasmtime::{AsContextMut, Store};

use super::bindings::exports::compute::subnet::solver as wit;
use super::{Exports, check, convert};
use crate::plugin::call::{Loaded, Ran, Running};
use crate::plugin::guest::{Chance, Guest};
use crate::subnet::plugin::{
    Called, ChallengeSolver, OpenSession, PluginError, PluginId, SolverError, SolverSession,
};

/// A solver behind the subnet's trait.
pub(in crate::plugin) struct Solver(pub(in crate::plugin) Arc<Loaded>);

#[async_trait]
impl ChallengeSolver for Solver {
    fn id(&self) -> &PluginId {
        &self.0.id
    }

    fn solves(&self) -> &[String] {
        &self.0.solves
    }

    async fn open(&self, session: SolverSession) -> Result<Box<dyn OpenSession>, PluginError> {
        let started = Instant::now();
        let engine = &self.0.maker.engine;
        let permit = engine
            .sessions()
            .clone()
            .try_acquire_owned()
            .map_err(|_| PluginError::Overloaded(engine.limits().sessions_max))?;
        let maker = self.0.maker.clone();
        let opened = self
            .0
            .queued(move |begun| {
                let running = maker.start(Chance::Real, begun)?;
                Ok(Ran {
                    memory_bytes: running.store.data().meter.held_bytes(),
                    used: running.store.data().used(),
                    value: running,
                    fuel: 0,
                })
            })
            .await;
        self.0.count(&opened, started.elapsed());
        Ok(Box::new(Open {
            plugin: self.0.clone(),
            session: Arc::new(convert::solver_session(&session)),
            running: Some(opened?.value),
            _permit: permit,
        }))
    }
}

/// A session's own instance.
struct Open {
    plugin: Arc<Loaded>,
    session: Arc<wit::Session>,
    /// Away while it answers; lost if it failed.
    running: Option<Running>,
    _permit: OwnedSemaphorePermit,
}

#[async_trait]
impl OpenSession for Open {
    async fn answer(&mut self, payload: Vec<u8>) -> Result<Called<Vec<u8>>, SolverError> {
        let started = Instant::now();
        let called = self.call(payload).await;
        self.plugin.count(&called, started.elapsed());
        let called = called?;
        let payload = called.value.map_err(|failure| match failure {
            wit::Failure::Malformed(why) => SolverError::Malformed(check::words(why)),
            wit::Failure::Unable(why) => SolverError::Unable(check::words(why)),
        })?;
        Ok(Called {
            value: payload,
            fuel: called.fuel,
            memory_bytes: called.memory_bytes,
            elapsed: called.elapsed,
        })
    }
}

type Answered = Result<Vec<u8>, wit::Failure>;

impl Open {
    /// One answer of the guest; the instance comes back unless it failed.
    async fn call(&mut self, payload: Vec<u8>) -> Result<Called<Answered>, PluginError> {
        let lost = || PluginError::Trapped("this session's instance failed before".into());
        let mut running = self.running.take().ok_or_else(lost)?;
        let maker = self.plugin.maker.clone();
        let session = self.session.clone();
        let called = self
            .plugin
            .queued(move |begun| {
                maker.refill(&mut running, begun);
                let ran = maker.work_in(&mut running, |exports, store, instance| {
                    ask(exports, store, instance, &session, &payload)
                })?;
                Ok(Ran {
                    value: (ran.value, running),
                    fuel: ran.fuel,
                    memory_bytes: ran.memory_bytes,
                    used: ran.used,
                })
            })
            .await?;
        let (answer, running) = called.value;
        self.running = Some(running);
        let value = match answer {
            Ok(payload) => Ok(check::answer(payload)?),
            Err(failure) => Err(failure),
        };
        Ok(Called {
            value,
            fuel: called.fuel,
            memory_bytes: called.memory_bytes,
            elapsed: called.elapsed,
        })
    }
}

fn ask(
    exports: &Exports,
    store: &mut Store<Guest>,
    instance: &Instance,
    session: &wit::Session,
    payload: &[u8],
) -> wasmtime::Result<Result<Vec<u8>, wit::Failure>> {
    let solver = exports
        .solver()
        .ok_or_else(|| wasmtime::Error::msg("not a solver"))?
        .load(store.as_context_mut(), instance)?;
    let answered = solver.call_answer(&mut *store, session, payload)?;
    store.data_mut().note_handed_over(match &answered {
        Ok(payload) => payload.len(),
        Err(wit::Failure::Malformed(why) | wit::Failure::Unable(why)) => why.len(),
    });
    Ok(answered)
}

/// Asks a solver which names it answers to; none in other worlds.
pub(in crate::plugin) fn solves(
    exports: &Exports,
    store: &mut Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<Vec<String>> {
    match exports.solver() {
        None => Ok(Vec::new()),
        Some(indices) => indices
            .load(store.as_context_mut(), instance)?
            .call_solves(store),
    }
}
