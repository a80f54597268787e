//! The active plugins, and how one takes another's place.
//!
//! A slot is a place for one plugin: `policy`, and one for each generator,
//! solver and provider adapter under its own name. A swap admits the newcomer completely before it
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
//!
//! | part | what it does |
//! |---|---|
//! | `offer` | a package comes, is admitted, takes over |
//! | `vouch` | whether anyone's word lets it |
//! | `packs` | data without code, and the plugins that read it |
//! | `demote` | a plugin that fails again and again gives way |
//! | `serve` | what roles are given |
//! | `reload` | another configuration, while everything runs |
//! | `start`, [`state`] | from one process to the next |

mod active;
mod demote;
mod describe;
mod offer;
mod packs;
mod reload;
mod serve;
mod start;
mod state;
mod trial;
mod vouch;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;

pub use self::describe::{Inspected, Listed, ListedPack, Refusal, Source, Swap, SwapReport};
pub use self::reload::{Consequence, Orders, Reconfigured};
pub use self::start::RegistryError;

use self::active::{Active, Held};
use self::packs::HeldPacks;
use self::state::State;
use super::admission::Surroundings;
use super::builtin::BuiltIn;
use super::engine::Engine;
use super::outside::Outside;
use super::settings::SettingsByPlugin;
use super::stats::{LastError, PluginStats};
use super::tables::{DataByPlugin, LimitsByPlugin};
use super::trust::Sequences;
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::Observer;
use crate::subnet::evidence::EvidenceStore;
use crate::subnet::plugin::{Digest, World};
use crate::subnet::trust::Trust;

/// Plugins that were swapped out and are kept ready for old sessions.
const SUPERSEDED_MAX: usize = 4;
/// Refusals that are remembered.
const REFUSALS_MAX: usize = 16;
/// Compilation of a large component takes deep recursion.
const ADMISSION_STACK_BYTES: usize = 8 << 20;

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
    /// Which settings are the texts of data packs.
    pub data: DataByPlugin,
    /// Limits that are not their world's.
    pub limits: LimitsByPlugin,
    /// Whose word lets others' plugins in.
    pub trust: Trust,
    /// For solvers.
    pub accelerator: Option<Arc<dyn Accelerator>>,
    /// What provider adapters may reach.
    pub outside: Outside,
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
    /// Only if its digest was pinned before, the binary carries it, or the keys
    /// that the configuration names signed it.
    Recorded,
    /// As [`Self::Recorded`], and an older number of its publisher will do.
    Downgrade,
    /// The chain is a development chain: anything its operator puts there.
    DevelopmentChain,
}

/// Holds what is active; the subnet's [`Plugins`].
pub struct Registry {
    /// Its tables are empty: [`Self::around`] fills them.
    base: Surroundings,
    orders: ArcSwap<Orders>,
    packs: ArcSwap<HeldPacks>,
    worlds: Vec<World>,
    builtins: Vec<BuiltIn>,
    active: ArcSwap<Active>,
    superseded: Mutex<VecDeque<Arc<Held>>>,
    refusals: Mutex<VecDeque<Refusal>>,
    state: Mutex<State>,
    /// Where the last epochs are on record, once that is open.
    evidence: OnceLock<Arc<dyn EvidenceStore>>,
    swapping: Arc<tokio::sync::Mutex<()>>,
}

impl Registry {
    fn is_builtin(&self, digest: Digest) -> bool {
        self.builtins
            .iter()
            .any(|built_in| built_in.digest() == digest)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The highest numbers that were accepted by a node with this state folder.
    pub fn sequences(state_folder: &Path) -> io::Result<Sequences> {
        State::sequences_of(state_folder)
    }

    /// What a component is admitted with at this moment.
    fn around(&self) -> Surroundings {
        let mut around = self.base.clone();
        around.tables = self.orders.load().tables.clone();
        around.tables.packs = self.packs.load().texts();
        around
    }

    /// Whose word counts at this moment.
    fn trust(&self) -> Arc<Trust> {
        self.orders.load().trust.clone()
    }

    /// From here on newcomers are tried on what is on record there.
    pub fn rehearse_on(&self, evidence: Arc<dyn EvidenceStore>) {
        // A node has one record; a second changes nothing.
        let _ = self.evidence.set(evidence);
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

    /// Each active provider adapter's last error, if it had one, by its name.
    pub fn last_errors(&self) -> BTreeMap<String, LastError> {
        let active = self.active.load();
        let adapters = active.of(World::ProviderAdapter);
        adapters
            .filter_map(|held| Some((held.slot.clone(), held.loaded.trouble.last()?)))
            .collect()
    }

    /// What was refused since the start and not swapped since, newest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        lock(&self.refusals).iter().cloned().collect()
    }

    /// All there is to know of one active plugin, by its slot or its name.
    pub fn inspect(&self, name: &str) -> Option<Inspected> {
        let held = self.active.load().find(name)?;
        let refusals = lock(&self.refusals);
        let refused = refusals.iter().find(|refusal| refusal.slot == held.slot);
        let plugin = held.listed(refused.cloned());
        let manifest = held.loaded.manifest.as_ref();
        let limits = held.loaded.maker.limits().clone();
        let mut history = self.history();
        history.retain(|swap| swap.slot == held.slot);
        Some(Inspected {
            manifest: manifest.map(|signed| lines(&signed.to_bytes())),
            settings: (*held.loaded.maker.settings).clone(),
            ceiling: self.engine().limits().ceiling.at_least(&limits),
            limits,
            used: held.loaded.counters.read(),
            plugin,
            history,
        })
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
        &self.base.engine
    }
}

fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().map(str::to_owned).collect()
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
