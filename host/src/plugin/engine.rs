//! wasmtime, set up once for each determinism class.
//!
//! The deterministic engine (policies, generators) counts fuel and leaves
//! nothing to the machine: NaNs are canonical, relaxed SIMD is off, growth is
//! decided by the limits alone. The effectful one (solvers, and with threads and
//! a linker of their own provider adapters) counts epochs. Both take instances
//! from a pool, or from the system where the address space has no room for one. Neither compiles: that is [`compile`](super::compile)'s, and its
//! result is kept by [`cache`](super::cache).

mod occupancy;
mod settings;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};

pub use self::occupancy::Occupancy;

pub(super) use self::occupancy::Alive;
use self::occupancy::Stores;
pub(super) use self::settings::for_compiling;
use super::cache::{Cache, Rules};
use super::compile::child::Bounded;
use super::compile::{Artifact, Class as Kind, Compilation, Compiler, Failure, InProcess};
use super::guest::Guest;
use super::limits::Limits;
use super::queue::Queue;
use super::v0_1::{self, Exports};
use super::{ticker, wasi};
use crate::subnet::plugin::{Digest, World};

/// Admissions that may hold an instance while calls run.
const ADMISSION_INSTANCES: usize = 6;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not run here.
    #[error("the WebAssembly engine does not start: {0}")]
    Wasmtime(String),
    /// No threads.
    #[error("the plugin threads do not start")]
    Threads(#[from] io::Error),
}

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasmtime(super::fault::chain(&error))
    }
}

/// Compiles and runs components; cheap to clone, and one serves many registries.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    compiler: Box<dyn Compiler>,
    cache: Option<Cache>,
    deterministic: Class,
    solver: Class,
    /// Of the solvers' engine; its threads wait for others, as a rule.
    provider: Class,
    sessions: Arc<Semaphore>,
    stores: Stores,
    compiled: Mutex<HashMap<Digest, Known>>,
    /// Drives the waits of guests; taken out only to be shut down.
    timers: Option<Runtime>,
}

/// One determinism class, as one role of plugins is given it.
pub(super) struct Class {
    wasmtime: wasmtime::Engine,
    rules: Rules,
    linker: Linker<Guest>,
    pub(super) queue: Queue,
}

/// A component, ready to be instantiated.
pub(super) struct Compiled {
    pub(super) digest: Digest,
    pub(super) world: World,
    pub(super) pre: InstancePre<Guest>,
    pub(super) exports: Exports,
}

/// What was compiled before, if anyone still holds it; locked while it is compiled,
/// so that several nodes of one process do it once.
type Known = Arc<Mutex<Weak<Compiled>>>;

/// Where native code is made and kept.
#[derive(Debug, Clone, Default)]
pub struct Workshop {
    /// Where it is made.
    pub compilation: Compilation,
    /// Where it is kept, a folder of this alone; nowhere if `None`.
    pub cache: Option<PathBuf>,
}

/// At which step a component failed to become ready.
pub(super) enum CompileError {
    Compile(Failure),
    Load(wasmtime::Error),
    Link(wasmtime::Error),
    Exports(wasmtime::Error),
}

impl Engine {
    /// Compiles on the caller's thread and keeps nothing; else as [`Self::with`].
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Self::with(limits, Workshop::default())
    }

    /// Starts the engines, their threads and their clock.
    pub fn with(limits: Limits, workshop: Workshop) -> Result<Self, EngineError> {
        let timers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("plugin-timers")
            .enable_time()
            .build()?;
        let deterministic = deterministic(&limits, timers.handle())?;
        let solver = solver(&limits, timers.handle())?;
        let provider = provider(&limits, &solver, timers.handle())?;
        Ok(Self {
            inner: Arc::new(Inner {
                sessions: Arc::new(Semaphore::new(limits.sessions_max)),
                stores: Stores::default(),
                compiler: compiler(&limits, workshop.compilation),
                cache: workshop.cache.and_then(|folder| cache(folder, &limits)),
                limits,
                deterministic,
                solver,
                provider,
                compiled: Mutex::default(),
                timers: Some(timers),
            }),
        })
    }

    /// What everything runs under.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// What is alive on it at this moment.
    pub fn occupancy(&self) -> Occupancy {
        let free = self.inner.sessions.available_permits();
        let mut occupancy = Occupancy {
            stores: self.inner.stores.count(),
            sessions: self.limits().sessions_max.saturating_sub(free),
            ..Occupancy::default()
        };
        for class in [&self.inner.deterministic, &self.inner.solver] {
            occupancy.add_pool(&class.wasmtime);
        }
        occupancy
    }

    /// Counts a store for as long as the answer is held.
    pub(super) fn enter_store(&self) -> Alive {
        self.inner.stores.enter()
    }

    pub(super) fn sessions(&self) -> &Arc<Semaphore> {
        &self.inner.sessions
    }

    pub(super) fn timers(&self) -> Option<&tokio::runtime::Handle> {
        self.inner.timers.as_ref().map(Runtime::handle)
    }

    pub(super) fn class(&self, world: World) -> &Class {
        match world {
            World::ScoringPolicy | World::ChallengeGenerator => &self.inner.deterministic,
            World::ChallengeSolver => &self.inner.solver,
            World::ProviderAdapter => &self.inner.provider,
        }
    }

    /// Compiles `bytes` and links them, once for as long as anyone holds them.
    ///
    /// Takes its time, on the caller's thread.
    pub(super) fn compile(
        &self,
        world: World,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Arc<Compiled>, CompileError> {
        let known = self.known(digest);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.upgrade() {
            return Ok(compiled);
        }
        let class = self.class(world);
        let component = self.component(world, digest, bytes)?;
        let pre = class
            .linker
            .instantiate_pre(&component)
            .map_err(CompileError::Link)?;
        let exports = Exports::find(world, &pre).map_err(CompileError::Exports)?;
        let compiled = Arc::new(Compiled {
            digest,
            world,
            pre,
            exports,
        });
        *known = Arc::downgrade(&compiled);
        Ok(compiled)
    }

    /// From the cache, or from the compiler and then into the cache.
    fn component(
        &self,
        world: World,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Component, CompileError> {
        let class = self.class(world);
        if let Some(component) = self.cached(class, digest) {
            return Ok(component);
        }
        let artifact = self
            .inner
            .compiler
            .compile(Kind::of(world), bytes)
            .map_err(CompileError::Compile)?;
        let component = artifact.load(&class.wasmtime).map_err(CompileError::Load)?;
        if let Some(cache) = &self.inner.cache {
            cache.keep(digest, &class.rules, &artifact);
        }
        Ok(component)
    }

    fn cached(&self, class: &Class, digest: Digest) -> Option<Component> {
        let cache = self.inner.cache.as_ref()?;
        let artifact: Artifact = cache.find(digest, &class.rules)?;
        match artifact.load(&class.wasmtime) {
            Ok(component) => Some(component),
            Err(error) => {
                let why = super::fault::chain(&error);
                tracing::warn!(%digest, "cached code does not load, it is compiled anew: {why}");
                cache.forget(digest);
                None
            }
        }
    }

    fn known(&self, digest: Digest) -> Known {
        let compiled = &self.inner.compiled;
        let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
        // Keep what somebody compiles right now, and what somebody still holds.
        compiled.retain(|_, known| {
            Arc::strong_count(known) > 1
                || known.try_lock().is_ok_and(|held| held.strong_count() > 0)
        });
        compiled.entry(digest).or_default().clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which it must not do within another one.
        if let Some(timers) = self.timers.take() {
            timers.shutdown_background();
        }
    }
}

fn deterministic(limits: &Limits, timers: &tokio::runtime::Handle) -> Result<Class, EngineError> {
    let memory = limits
        .policy
        .memory_bytes_max
        .max(limits.generator.memory_bytes_max)
        .max(limits.ceiling.memory_bytes_max);
    let threads = limits.deterministic_threads.max(1);
    let wasmtime = settings::start(Kind::Deterministic, threads + ADMISSION_INSTANCES, memory)?;
    Ok(Class {
        rules: settings::rules(&wasmtime),
        linker: linker(&wasmtime, v0_1::link_deterministic)?,
        queue: Queue::start("plugin-pure", threads, timers)?,
        wasmtime,
    })
}

fn solver(limits: &Limits, timers: &tokio::runtime::Handle) -> Result<Class, EngineError> {
    let threads = limits.effectful_threads.max(1);
    let slots = threads + limits.provider_threads + ADMISSION_INSTANCES + limits.sessions_max;
    let memory = limits
        .solver
        .memory_bytes_max
        .max(limits.provider.memory_bytes_max)
        .max(limits.ceiling.memory_bytes_max);
    let wasmtime = settings::start(Kind::Effectful, slots, memory)?;
    ticker::start(&wasmtime)?;
    Ok(Class {
        rules: settings::rules(&wasmtime),
        linker: linker(&wasmtime, v0_1::link_solver)?,
        queue: Queue::start("plugin-effect", threads, timers)?,
        wasmtime,
    })
}

/// Threads apart from the solvers', because they wait for clouds, and a miner's
/// answer must not wait with them.
fn provider(
    limits: &Limits,
    solver: &Class,
    timers: &tokio::runtime::Handle,
) -> Result<Class, EngineError> {
    let wasmtime = solver.wasmtime.clone();
    Ok(Class {
        rules: solver.rules,
        linker: linker(&wasmtime, v0_1::link_provider)?,
        queue: Queue::start("plugin-outside", limits.provider_threads, timers)?,
        wasmtime,
    })
}

fn compiler(limits: &Limits, compilation: Compilation) -> Box<dyn Compiler> {
    match compilation {
        Compilation::InProcess => Box::new(InProcess),
        Compilation::Child(child) => Box::new(Bounded {
            child,
            component_bytes_max: limits.component_bytes_max,
            limits: limits.compile.clone(),
        }),
    }
}

/// Without a cache every start compiles: slower, and no less right.
fn cache(folder: PathBuf, limits: &Limits) -> Option<Cache> {
    match Cache::open(&folder, &limits.compile) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "compiled code is not kept");
            None
        }
    }
}

/// Whether `world` is stopped by fuel, and time stands still in it.
pub(super) fn is_deterministic(world: World) -> bool {
    matches!(world, World::ScoringPolicy | World::ChallengeGenerator)
}

fn linker(
    engine: &wasmtime::Engine,
    link_world: fn(&mut Linker<Guest>) -> wasmtime::Result<()>,
) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::link(&mut linker)?;
    link_world(&mut linker)?;
    Ok(linker)
}

impl Class {
    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }
}
