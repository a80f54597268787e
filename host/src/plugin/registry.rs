//! The active plugins, and how one takes another's place.
//!
//! A slot is a place for one plugin: `policy`, and one for each generator and
//! solver under its own name. A swap admits the newcomer completely before it
//! touches anything; then new calls go to it, while running calls and sessions
//! finish on what they hold. If any step fails, the running plugin stays and
//! the refusal is kept for whoever asks.
//!
//! There is one way in: the operator's pin of a digest (and, on a development
//! chain, anything its operator puts there). What the binary carries is approved
//! by whoever built it. Approvals, activations and the bytes of what was active
//! are files of the state folder ([`state`]), so that a swap outlives a restart
//! and an old session finds its generator; on any doubt at start the built-in
//! plugin runs instead, loudly.

mod active;
mod describe;
mod start;
mod state;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

pub use self::describe::{Listed, Refusal, Source, Swap, SwapReport};
pub use self::start::RegistryError;

use self::active::{Active, Held, POLICY_SLOT};
use self::describe::unix_s;
use self::state::State;
use super::admission::{self, AdmissionError, Surroundings};
use super::builtin::BuiltIn;
use super::call::Loaded;
use super::engine::Engine;
use super::settings::SettingsByPlugin;
use super::stats::PluginStats;
use super::v0_1::{generator::Generator, policy::Policy, solver::Solver};
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::{Event, Observer, SwapKind};
use crate::subnet::plugin::{
    ChallengeGenerator, ChallengeSolver, Digest, KeptPlugin, PluginId, Plugins, ScoringPolicy,
    World,
};

/// Generators, or solvers, active at once.
const ACTIVE_MAX: usize = 32;
/// Plugins that were swapped out and are kept ready for old sessions.
const SUPERSEDED_MAX: usize = 4;
/// Refusals that are remembered.
const REFUSALS_MAX: usize = 16;
/// Compilation of a large component takes deep recursion.
const ADMISSION_STACK_BYTES: usize = 8 << 20;

/// How much less a compilation counts than a call.
#[cfg(target_os = "linux")]
const ADMISSION_NICENESS: i32 = 10;

/// What a registry starts from.
pub struct Config {
    /// Where approvals, activations and bytes are kept; made if it is not there.
    pub state_folder: PathBuf,
    /// What this node runs; a swap to another world is refused.
    pub worlds: Vec<World>,
    /// What is active at first, one policy at most.
    pub builtins: Vec<BuiltIn>,
    /// By the name a plugin describes itself with.
    pub settings: SettingsByPlugin,
    /// For solvers.
    pub accelerator: Option<Arc<dyn Accelerator>>,
    /// Hears of calls and swaps.
    pub observer: Arc<dyn Observer>,
}

/// Why a component may run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// The operator names its digest with this very command.
    Pin {
        /// Who: for the record.
        by: String,
    },
    /// Only if its digest was pinned before, or the binary carries it.
    Recorded,
    /// The chain is a development chain: anything its operator puts there.
    DevelopmentChain,
}

/// Holds what is active; the subnet's [`Plugins`].
pub struct Registry {
    around: Surroundings,
    worlds: Vec<World>,
    builtins: Vec<BuiltIn>,
    active: ArcSwap<Active>,
    superseded: Mutex<VecDeque<Arc<Held>>>,
    refusals: Mutex<VecDeque<Refusal>>,
    state: Mutex<State>,
    swapping: Arc<tokio::sync::Mutex<()>>,
}

impl Registry {
    /// Reads a component's file, unless it is larger than may be read.
    pub fn read_component(&self, path: &Path) -> Result<Vec<u8>, AdmissionError> {
        state::read_bounded(path, self.around.engine.limits().component_bytes_max)
    }

    /// Puts the component of `bytes` in the place of what is active as `slot`.
    ///
    /// `slot` is a plugin's name; for the policy also `policy`, or the name of
    /// the newcomer. One swap at a time.
    pub async fn swap(
        &self,
        slot: &str,
        bytes: Vec<u8>,
        approval: Approval,
    ) -> Result<SwapReport, AdmissionError> {
        let Ok(admitting) = self.swapping.clone().try_lock_owned() else {
            return Err(AdmissionError::Busy);
        };
        let digest = admission::digest(&bytes);
        let swapped = self
            .try_swap(slot, bytes, digest, approval, admitting)
            .await;
        match &swapped {
            Ok(report) => self.swapped(report),
            Err(error) => self.refused(slot, digest, error),
        }
        swapped
    }

    async fn try_swap(
        &self,
        slot: &str,
        bytes: Vec<u8>,
        digest: Digest,
        approval: Approval,
        admitting: tokio::sync::OwnedMutexGuard<()>,
    ) -> Result<SwapReport, AdmissionError> {
        let max = self.around.engine.limits().component_bytes_max;
        admission::check_size(bytes.len() as u64, max)?;
        self.check_approval(digest, &approval)?;
        let world = admission::world_of(&bytes)?;
        self.check_world(slot, world)?;
        let bytes = Arc::new(bytes);
        let loaded = self.admit_elsewhere(slot, bytes.clone(), admitting).await?;
        let slot = self.place(slot, &loaded)?;
        self.remember(&slot, &loaded, &bytes, &approval)?;
        let source = match approval {
            Approval::Pin { by } => Source::Pinned { by },
            Approval::Recorded | Approval::DevelopmentChain => self.source_of(digest),
        };
        let held = Arc::new(Held::new(slot, source, loaded));
        let from = self.activate(held.clone());
        Ok(SwapReport {
            slot: held.slot.clone(),
            world,
            from,
            to: held.loaded.id.clone(),
        })
    }

    fn check_approval(&self, digest: Digest, approval: &Approval) -> Result<(), AdmissionError> {
        let approved = match approval {
            Approval::Pin { .. } | Approval::DevelopmentChain => true,
            Approval::Recorded => self.is_builtin(digest) || self.state().is_pinned(digest),
        };
        if approved {
            Ok(())
        } else {
            Err(AdmissionError::NotApproved(digest))
        }
    }

    fn check_world(&self, slot: &str, found: World) -> Result<(), AdmissionError> {
        if let Some(held) = self.active.load().find(slot)
            && held.world() != found
        {
            return Err(AdmissionError::WrongWorld {
                slot: slot.to_owned(),
                wanted: held.world(),
                found,
            });
        }
        if self.worlds.contains(&found) {
            Ok(())
        } else {
            Err(AdmissionError::NotThisRole(found))
        }
    }

    /// Admits on a thread of its own; it goes on past the deadline, and until it
    /// ends no other swap begins.
    async fn admit_elsewhere(
        &self,
        slot: &str,
        bytes: Arc<Vec<u8>>,
        admitting: tokio::sync::OwnedMutexGuard<()>,
    ) -> Result<Arc<Loaded>, AdmissionError> {
        let around = self.around.clone();
        let slot = slot.to_owned();
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name("plugin-admission".into())
            .stack_size(ADMISSION_STACK_BYTES)
            .spawn(move || {
                give_way();
                let admitted = admission::admit(&bytes, &slot, &around);
                drop(admitting);
                let _ = tell.send(admitted);
            })
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        let max = Duration::from_millis(self.around.engine.limits().admission_ms_max);
        match tokio::time::timeout(max, told).await {
            Err(_) => Err(AdmissionError::TimedOut(max)),
            Ok(Err(_)) => Err(AdmissionError::Malformed("it broke the compiler".into())),
            Ok(Ok(admitted)) => admitted,
        }
    }

    /// The slot that `loaded` may take when asked to take `asked`.
    fn place(&self, asked: &str, loaded: &Loaded) -> Result<String, AdmissionError> {
        let name = &loaded.id.name;
        let active = self.active.load();
        let policy = loaded.world() == World::ScoringPolicy;
        let is_policy = |held: &Arc<Held>| held.slot == POLICY_SLOT;
        if policy && (asked == POLICY_SLOT || active.find(asked).is_some_and(|h| is_policy(&h))) {
            return Ok(POLICY_SLOT.into());
        }
        if asked != name {
            return Err(AdmissionError::WrongName {
                slot: asked.to_owned(),
                found: name.clone(),
            });
        }
        if policy {
            return Ok(POLICY_SLOT.into());
        }
        if let Some((solver, by)) = active.solver_taken(loaded) {
            return Err(AdmissionError::SolverTaken { solver, by });
        }
        if active.find(name).is_none() && active.count(loaded.world()) >= ACTIVE_MAX {
            return Err(AdmissionError::TooManyActive(ACTIVE_MAX));
        }
        Ok(name.clone())
    }

    /// On disk first: what takes over must come back after a restart.
    fn remember(
        &self,
        slot: &str,
        loaded: &Loaded,
        bytes: &[u8],
        approval: &Approval,
    ) -> Result<(), AdmissionError> {
        let mut state = self.state();
        let by = match approval {
            Approval::Pin { by } => by.as_str(),
            Approval::Recorded => "recorded",
            Approval::DevelopmentChain => "development chain",
        };
        let from = self
            .active
            .load()
            .find(slot)
            .map(|held| held.loaded.id.digest);
        let kept = (|| {
            state.retain(loaded.id.digest, bytes, &loaded.maker.settings)?;
            if let Approval::Pin { by } = approval {
                state.pin(loaded.id.digest, &loaded.id.name, by)?;
            }
            state.activate(Swap {
                slot: slot.to_owned(),
                world: loaded.world(),
                from,
                to: loaded.id.digest,
                by: by.to_owned(),
                at_unix_s: unix_s(),
            })
        })();
        kept.map_err(|error: std::io::Error| AdmissionError::State(error.to_string()))
    }

    fn activate(&self, held: Arc<Held>) -> Option<PluginId> {
        let before = self.active.load_full();
        let old = before.find(&held.slot);
        self.active.store(Arc::new(before.with(held)));
        let id = old.as_ref().map(|old| old.loaded.id.clone());
        if let Some(old) = old {
            self.supersede(old);
        }
        id
    }

    fn supersede(&self, old: Arc<Held>) {
        let mut superseded = lock(&self.superseded);
        superseded.push_front(old);
        superseded.truncate(SUPERSEDED_MAX);
    }

    fn swapped(&self, report: &SwapReport) {
        lock(&self.refusals).retain(|refusal| refusal.slot != report.slot);
        self.around.observer.observe(Event::PluginSwap {
            world: report.world,
            kind: SwapKind::Swapped,
        });
        tracing::info!(
            slot = report.slot,
            name = report.to.name,
            version = report.to.version,
            digest = %report.to.digest,
            "a plugin took over"
        );
    }

    fn refused(&self, slot: &str, digest: Digest, error: &AdmissionError) {
        // Under the slot's own name, so that `list` shows it whatever was typed.
        let active = self.active.load();
        let held = active.find(slot);
        let slot = held.as_ref().map_or(slot, |held| held.slot.as_str());
        let refusal = Refusal::new(slot, digest, error);
        tracing::warn!(
            slot = refusal.slot,
            %digest,
            "a plugin was refused, the running one stays: {}; {}",
            refusal.reason,
            refusal.remedy
        );
        if let Some(held) = &held {
            self.around.observer.observe(Event::PluginSwap {
                world: held.world(),
                kind: SwapKind::Refused,
            });
        }
        let mut refusals = lock(&self.refusals);
        refusals.retain(|old| old.slot != refusal.slot);
        refusals.push_front(refusal);
        refusals.truncate(REFUSALS_MAX);
    }

    fn is_builtin(&self, digest: Digest) -> bool {
        self.builtins
            .iter()
            .any(|built_in| built_in.digest() == digest)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Everything active, in a fixed order.
    pub fn list(&self) -> Vec<Listed> {
        let refusals = lock(&self.refusals);
        let active = self.active.load();
        let listed = active.all().map(|held| {
            let refusal = refusals.iter().find(|refusal| refusal.slot == held.slot);
            held.listed(refusal.cloned())
        });
        listed.collect()
    }

    /// What was refused since the start and not swapped since, newest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        lock(&self.refusals).iter().cloned().collect()
    }

    /// Past swaps, newest first, across restarts.
    pub fn history(&self) -> Vec<Swap> {
        self.state().history()
    }

    /// The record of every plugin that still answers, the active ones first.
    pub fn stats(&self) -> Vec<PluginStats> {
        let active = self.active.load();
        let superseded = lock(&self.superseded);
        let now = active.all().map(|held| held.stats(Activity::Active));
        let then = superseded.iter().map(|held| held.stats(Activity::Draining));
        now.chain(then).collect()
    }

    /// The engine everything runs on.
    pub fn engine(&self) -> &Engine {
        &self.around.engine
    }
}

/// Lets the calls that run meanwhile go first. Linux has a priority for each
/// thread; elsewhere it would be the whole process's, so there it stays.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(ADMISSION_NICENESS) {
        tracing::debug!("admission keeps its priority: {error}");
    }
}

/// Whether new calls go to a plugin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    Active,
    Draining,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plugins for Registry {
    fn policy(&self) -> Option<Arc<dyn ScoringPolicy>> {
        let held = self.active.load().find(POLICY_SLOT)?;
        Some(Arc::new(Policy(held.loaded.clone())))
    }

    fn generators(&self) -> Vec<Arc<dyn ChallengeGenerator>> {
        let active = self.active.load();
        let generators = active.of(World::ChallengeGenerator);
        generators
            .map(|held| Arc::new(Generator(held.loaded.clone())) as Arc<dyn ChallengeGenerator>)
            .collect()
    }

    /// Compiles on the caller's time where the generator is only on disk: once,
    /// after a restart.
    fn generator(&self, id: &PluginId) -> Option<Arc<dyn ChallengeGenerator>> {
        let loaded = self.find_generator(id).or_else(|| self.revive(id))?;
        Some(Arc::new(Generator(loaded)))
    }

    fn kept(&self, id: &PluginId) -> Option<KeptPlugin> {
        self.kept_plugin(id)
    }

    fn solver_names(&self) -> Vec<String> {
        let active = self.active.load();
        let solvers = active.of(World::ChallengeSolver);
        let names: BTreeSet<String> = solvers
            .flat_map(|held| held.loaded.solves.iter().cloned())
            .collect();
        names.into_iter().collect()
    }

    fn solver(&self, solver: &str) -> Option<Arc<dyn ChallengeSolver>> {
        let active = self.active.load();
        let held = active
            .of(World::ChallengeSolver)
            .find(|held| held.loaded.solves.iter().any(|name| name == solver))?;
        Some(Arc::new(Solver(held.loaded.clone())))
    }
}
