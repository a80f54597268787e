//! What the roles are given: what is active, unless it fails again and again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Registry;
use super::active::{POLICY_SLOT, SHADOW_SLOT};
use crate::plugin::v0_1::{
    generator::Generator, policy::Policy, provider::Adapter, solver::Solver,
};
use crate::subnet::plugin::{
    ChallengeGenerator, ChallengeSolver, KeptPlugin, PluginId, Plugins, ScoringPolicy, World,
};
use crate::subnet::provider::ProviderAdapter;

impl Plugins for Registry {
    fn policy(&self) -> Option<Arc<dyn ScoringPolicy>> {
        let held = self.healthy(self.active.load().find(POLICY_SLOT)?);
        Some(Arc::new(Policy(held.loaded.clone())))
    }

    fn shadow(&self) -> Option<Arc<dyn ScoringPolicy>> {
        let held = self.active.load().find(SHADOW_SLOT)?;
        Some(Arc::new(Policy(held.loaded.clone())))
    }

    fn generators(&self) -> Vec<Arc<dyn ChallengeGenerator>> {
        let active = self.active.load();
        let generators = active.of(World::ChallengeGenerator);
        generators
            .map(|held| self.healthy(held.clone()))
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

    fn providers(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        let active = self.active.load();
        let adapters = active.of(World::ProviderAdapter).map(|held| {
            let held = self.healthy(held.clone());
            let adapter: Arc<dyn ProviderAdapter> = Arc::new(Adapter {
                loaded: held.loaded.clone(),
                outside: self.base.outside.clone(),
            });
            adapter
        });
        adapters.collect()
    }

    fn solver(&self, solver: &str) -> Option<Arc<dyn ChallengeSolver>> {
        let active = self.active.load();
        let held = active
            .of(World::ChallengeSolver)
            .find(|held| held.loaded.solves.iter().any(|name| name == solver))?;
        let held = self.healthy(held.clone());
        Some(Arc::new(Solver(held.loaded.clone())))
    }
}
