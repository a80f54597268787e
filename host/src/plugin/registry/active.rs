//! What is active at one moment: never changed, only replaced.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Activity;
use super::describe::{Listed, Refusal, Source, unix_s};
use crate::plugin::call::Loaded;
use crate::plugin::stats::PluginStats;
use crate::subnet::plugin::World;

/// The policy's slot, whatever the policy's name.
pub(super) const POLICY_SLOT: &str = "policy";

/// The slot of a policy on trial: it scores beside the active one.
pub(super) const SHADOW_SLOT: &str = "shadow";

/// The slot of a policy that waits for its moment. Sorts after [`POLICY_SLOT`],
/// so that a name that both have means the active one.
pub(super) const UPCOMING_SLOT: &str = "upcoming";

/// A plugin in its slot.
pub(super) struct Held {
    pub(super) slot: String,
    pub(super) source: Source,
    pub(super) since_unix_s: u64,
    pub(super) loaded: Arc<Loaded>,
}

impl Held {
    pub(super) fn new(slot: String, source: Source, loaded: Arc<Loaded>) -> Self {
        Self {
            slot,
            source,
            since_unix_s: unix_s(),
            loaded,
        }
    }

    pub(super) fn world(&self) -> World {
        self.loaded.world()
    }

    pub(super) fn listed(&self, refused: Option<Refusal>) -> Listed {
        Listed {
            slot: self.slot.clone(),
            world: self.world(),
            id: self.loaded.id.clone(),
            summary: self.loaded.summary.clone(),
            solves: self.loaded.solves.clone(),
            wants: self.loaded.wants.clone(),
            source: self.source.clone(),
            since_unix_s: self.since_unix_s,
            refused,
        }
    }

    pub(super) fn stats(&self, activity: Activity) -> PluginStats {
        PluginStats {
            id: self.loaded.id.clone(),
            world: self.world(),
            active: activity == Activity::Active,
            calls: self.loaded.counters.read(),
        }
    }
}

/// Slots and what holds them.
#[derive(Default, Clone)]
pub(super) struct Active {
    slots: BTreeMap<String, Arc<Held>>,
}

impl Active {
    pub(super) fn with(&self, held: Arc<Held>) -> Self {
        let mut slots = self.slots.clone();
        slots.insert(held.slot.clone(), held);
        Self { slots }
    }

    pub(super) fn without(&self, slot: &str) -> Self {
        let mut slots = self.slots.clone();
        slots.remove(slot);
        Self { slots }
    }

    /// By slot, or by the name the plugin describes itself with.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Held>> {
        let by_name = || self.all().find(|held| held.loaded.id.name == name);
        self.slots.get(name).or_else(by_name).cloned()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.slots.values()
    }

    pub(super) fn of(&self, world: World) -> impl Iterator<Item = &Arc<Held>> {
        self.all().filter(move |held| held.world() == world)
    }

    /// A solver name of `newcomer` that another plugin answers to, and which.
    pub(super) fn solver_taken(&self, newcomer: &Loaded) -> Option<(String, String)> {
        let others = || {
            self.all()
                .filter(|held| held.loaded.id.name != newcomer.id.name)
        };
        newcomer.solves.iter().find_map(|solver| {
            let taken = others().find(|held| held.loaded.solves.contains(solver))?;
            Some((solver.clone(), taken.slot.clone()))
        })
    }

    pub(super) fn count(&self, world: World) -> usize {
        self.of(world).count()
    }
}
