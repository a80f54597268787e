//! Where a component keeps what its world exports.

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use super::bindings::exports::compute::subnet::{
    challenge, plugin, provider as providing, scoring, solver as solving,
};
use super::{PACKAGE, VERSION};
use crate::plugin::guest::Guest;
use crate::subnet::plugin::World;

/// Where a component keeps what its world exports, looked up once.
#[derive(Clone)]
pub(in crate::plugin) struct Exports {
    pub(super) plugin: plugin::GuestIndices,
    role: RoleExports,
}

#[derive(Clone)]
enum RoleExports {
    Scoring(scoring::GuestIndices),
    Challenge(challenge::GuestIndices),
    Solver(solving::GuestIndices),
    Provider(providing::GuestIndices),
}

impl Exports {
    /// Fails where an interface lacks a function; its type shows when it is loaded.
    pub(in crate::plugin) fn find(
        world: World,
        pre: &InstancePre<Guest>,
    ) -> wasmtime::Result<Self> {
        let role = match world {
            World::ScoringPolicy => RoleExports::Scoring(scoring::GuestIndices::new(pre)?),
            World::ChallengeGenerator => RoleExports::Challenge(challenge::GuestIndices::new(pre)?),
            World::ChallengeSolver => RoleExports::Solver(solving::GuestIndices::new(pre)?),
            World::ProviderAdapter => RoleExports::Provider(providing::GuestIndices::new(pre)?),
        };
        Ok(Self {
            plugin: plugin::GuestIndices::new(pre)?,
            role,
        })
    }

    /// Checks the type of every function the world names.
    pub(in crate::plugin) fn check_types(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<()> {
        let at = |interface: &str, functions: &str| {
            let place = format!("`{PACKAGE}/{interface}@{VERSION}`, {functions}");
            move |error: wasmtime::Error| error.context(place)
        };
        let described = self.plugin.load(store.as_context_mut(), instance);
        described.map_err(at("plugin", "describe or check-settings"))?;
        match &self.role {
            RoleExports::Scoring(scoring) => {
                let loaded = scoring.load(store, instance).map(drop);
                loaded.map_err(at("scoring", "evaluate"))
            }
            RoleExports::Challenge(challenge) => {
                let loaded = challenge.load(store, instance).map(drop);
                loaded.map_err(at("challenge", "advance"))
            }
            RoleExports::Solver(solver) => {
                let loaded = solver.load(store, instance).map(drop);
                loaded.map_err(at("solver", "solves or answer"))
            }
            RoleExports::Provider(provider) => {
                let loaded = provider.load(store, instance).map(drop);
                let functions = "wants, offers, provision, instances, inspect, extend or terminate";
                loaded.map_err(at("provider", functions))
            }
        }
    }

    pub(super) fn scoring(&self) -> Option<&scoring::GuestIndices> {
        match &self.role {
            RoleExports::Scoring(indices) => Some(indices),
            _ => None,
        }
    }

    pub(super) fn challenge(&self) -> Option<&challenge::GuestIndices> {
        match &self.role {
            RoleExports::Challenge(indices) => Some(indices),
            _ => None,
        }
    }

    pub(super) fn provider(&self) -> Option<&providing::GuestIndices> {
        match &self.role {
            RoleExports::Provider(indices) => Some(indices),
            _ => None,
        }
    }

    pub(super) fn solver(&self) -> Option<&solving::GuestIndices> {
        match &self.role {
            RoleExports::Solver(indices) => Some(indices),
            _ => None,
        }
    }
}
