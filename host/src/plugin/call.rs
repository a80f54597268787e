//! One call: a fresh store, its limits, the guest, the bill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use wasmtime::component::Instance;
use wasmtime::{Store, UpdateDeadline};

use super::engine::{Compiled, Engine, is_deterministic};
use super::fault;
use super::guest::{Begun, Chance, Guest, Time, Used};
use super::limits::WorldLimits;
use super::log::GuestLog;
use super::manifest::Signed;
use super::queue::Lane;
use super::settings::Settings;
use super::stats::{Counters, Trouble};
use super::v0_1::Exports;
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::{CallKind, Event, Observer};
use crate::subnet::plugin::{Called, PluginError, PluginId, World};
use crate::subnet::provider::Want;

/// All that it takes to make an instance of one plugin.
#[derive(Clone)]
pub(super) struct Maker {
    pub(super) engine: Engine,
    pub(super) compiled: Arc<Compiled>,
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Arc<WorldLimits>,
    pub(super) accelerator: Option<Arc<dyn Accelerator>>,
    /// The name its lines in the log carry.
    pub(super) tag: Arc<str>,
}

/// An instance and its store.
pub(super) struct Running {
    pub(super) store: Store<Guest>,
    pub(super) instance: Instance,
}

/// What a call came to, before anyone waited for it.
pub(super) struct Ran<T> {
    pub(super) value: T,
    pub(super) fuel: u64,
    pub(super) memory_bytes: u64,
    pub(super) used: Used,
}

impl Maker {
    pub(super) fn limits(&self) -> &WorldLimits {
        &self.limits
    }

    /// Instantiates; the wall clock runs since it was `begun`.
    pub(super) fn start(&self, chance: Chance, begun: &Begun) -> Result<Running, PluginError> {
        let mut store = self.store(chance, begun)?;
        let instance = self
            .compiled
            .pre
            .instantiate(&mut store)
            .map_err(|error| fault::read(&error, store.data(), self.limits()))?;
        Ok(Running { store, instance })
    }

    /// Does `work` in an instance of its own, and says what it cost.
    pub(super) fn run<T>(
        &self,
        chance: Chance,
        begun: &Begun,
        work: impl FnOnce(&Exports, &mut Store<Guest>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<Ran<T>, PluginError> {
        let mut running = self.start(chance, begun)?;
        self.work_in(&mut running, work)
    }

    /// Does `work` in `running`, which must not be used after an error.
    pub(super) fn work_in<T>(
        &self,
        running: &mut Running,
        work: impl FnOnce(&Exports, &mut Store<Guest>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<Ran<T>, PluginError> {
        let store = &mut running.store;
        let value = work(&self.compiled.exports, store, &running.instance)
            .map_err(|error| fault::read(&error, store.data(), self.limits()))?;
        Ok(Ran {
            value,
            fuel: self.burned(store),
            memory_bytes: store.data().meter.held_bytes(),
            used: store.data().used(),
        })
    }

    /// A session's next call has budgets and a clock of its own.
    pub(super) fn refill(&self, running: &mut Running, begun: &Begun) {
        let time = self.time(begun);
        running.store.data_mut().refill(time);
        running.store.set_epoch_deadline(1);
    }

    fn time(&self, begun: &Begun) -> Time {
        if is_deterministic(self.compiled.world) {
            Time::Still
        } else {
            Time::passing(self.limits(), begun)
        }
    }

    fn store(&self, chance: Chance, begun: &Begun) -> Result<Store<Guest>, PluginError> {
        let limits = self.limits();
        let guest = Guest::new(
            limits,
            GuestLog::new(self.tag.clone(), limits.log_bytes_max),
            self.settings.clone(),
            self.accelerator.clone(),
            chance,
            self.time(begun),
            self.engine.enter_store(),
        );
        let class = self.engine.class(self.compiled.world);
        let mut store = Store::new(class.wasmtime(), guest);
        store.limiter(|guest| &mut guest.meter);
        store.set_hostcall_fuel(limits.handed_over_bytes_max);
        if is_deterministic(self.compiled.world) {
            store
                .set_fuel(limits.fuel_max)
                .map_err(|error| PluginError::Trapped(fault::chain(&error)))?;
        } else {
            store.epoch_deadline_callback(|store| match store.data().time.over() {
                Some(late) => Err(late.into()),
                None => Ok(UpdateDeadline::Continue(1)),
            });
            store.set_epoch_deadline(1);
        }
        Ok(store)
    }

    fn burned(&self, store: &Store<Guest>) -> u64 {
        match store.get_fuel() {
            Ok(left) => self.limits().fuel_max.saturating_sub(left),
            // An effectful engine counts none.
            Err(_) => 0,
        }
    }
}

/// An admitted plugin: its maker, its place in the queue, its record.
pub(super) struct Loaded {
    pub(super) id: PluginId,
    pub(super) summary: String,
    /// What its publisher says of it, if that came with it.
    pub(super) manifest: Option<Arc<Signed>>,
    /// The solvers it answers to; empty in other worlds.
    pub(super) solves: Vec<String>,
    /// What it was granted, all that it asked for; empty in other worlds.
    pub(super) wants: Vec<Want>,
    pub(super) maker: Maker,
    pub(super) lane: Lane,
    pub(super) counters: Counters,
    pub(super) trouble: Trouble,
    pub(super) observer: Arc<dyn Observer>,
}

impl Loaded {
    pub(super) fn world(&self) -> World {
        self.maker.compiled.world
    }

    /// Counts what a call came to, its answer read and checked.
    pub(super) fn count<T>(&self, called: &Result<Called<T>, PluginError>, elapsed: Duration) {
        self.counters.count(self.world(), called, elapsed);
        let (kind, fuel, memory_bytes) = match called {
            Ok(called) => (CallKind::OK, called.fuel, called.memory_bytes),
            Err(error) => (CallKind::from(error), 0, 0),
        };
        self.observer.observe(Event::PluginCalled {
            world: self.world(),
            kind,
            fuel,
            memory_bytes,
            elapsed,
        });
    }

    /// Queues `work` for an instance of its own and waits for what it comes to.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        chance: Chance,
        work: impl FnOnce(&Exports, &mut Store<Guest>, &Instance) -> wasmtime::Result<T>
        + Send
        + 'static,
    ) -> Result<Called<T>, PluginError> {
        let maker = self.maker.clone();
        self.queued(move |begun| maker.run(chance, begun, work))
            .await
    }

    /// Queues `job`, which is told when its wall clock began, and waits for it.
    /// The caller counts, once it has read the answer.
    pub(super) async fn queued<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Begun) -> Result<Ran<T>, PluginError> + Send + 'static,
    ) -> Result<Called<T>, PluginError> {
        let begun = Begun::now();
        let started = begun.at;
        // Dropped when the answer is here, when the wall clock has run out, and
        // when the caller gave up: a guest that still runs then is stopped.
        let _given_up = GivenUp(begun.given_up.clone());
        let (tell, told) = oneshot::channel();
        self.lane.submit(Box::new(move || {
            // Nobody waits any more: its wall clock ran out in the queue.
            if !tell.is_closed() {
                let _ = tell.send(job(&begun));
            }
        }))?;
        let wall_ms = self.maker.limits().wall_ms_max;
        let ran = match tokio::time::timeout(Duration::from_millis(wall_ms), told).await {
            Err(_) => return Err(PluginError::Deadline(wall_ms)),
            Ok(Err(_)) => return Err(PluginError::ShuttingDown),
            Ok(Ok(ran)) => ran?,
        };
        self.counters.note(&ran.used);
        Ok(Called {
            value: ran.value,
            fuel: ran.fuel,
            memory_bytes: ran.memory_bytes,
            elapsed: started.elapsed(),
        })
    }
}

/// Says so when it is dropped.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
