//! How a registry starts, and how an old generator comes back.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use arc_swap::ArcSwap;

use super::active::{Active, Held, POLICY_SLOT};
use super::describe::{Refusal, Source};
use super::reload::Orders;
use super::state::{Activation, State};
use super::{ADMISSION_STACK_BYTES, Config, REFUSALS_MAX, Registry, lock};
use crate::plugin::admission::{self, AdmissionError, Candidate, Surroundings};
use crate::plugin::builtin::BuiltIn;
use crate::plugin::call::Loaded;
use crate::plugin::engine::Engine;
use crate::plugin::tables::Tables;
use crate::plugin::{settings, trust};
use crate::subnet::plugin::{Digest, KeptPlugin, PluginId, World};
use crate::subnet::trust::Subject;

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The state folder is not readable, or holds something else.
    #[error("the plugin state in the state folder cannot be read")]
    State(#[from] io::Error),
    /// A plugin that the binary carries was refused: its settings, as a rule.
    #[error("the built-in plugin {name} does not start: {error}; {}", error.remedy())]
    BuiltIn {
        /// Which.
        name: String,
        /// Why.
        #[source]
        error: AdmissionError,
    },
}

impl Registry {
    /// Admits what was active last, or what the binary carries; blocks.
    pub fn open(engine: Engine, config: Config) -> Result<Self, RegistryError> {
        let state = State::open(&config.state_folder)?;
        let base = Surroundings {
            engine,
            tables: Tables::default(),
            accelerator: config.accelerator,
            outside: config.outside,
            observer: config.observer,
        };
        let registry = Self {
            base,
            orders: ArcSwap::from_pointee(Orders::new(
                config.settings,
                config.data,
                config.limits,
                config.trust,
            )),
            packs: ArcSwap::default(),
            worlds: config.worlds,
            builtins: config.builtins,
            active: ArcSwap::default(),
            superseded: Mutex::default(),
            refusals: Mutex::new(VecDeque::new()),
            state: Mutex::new(state),
            evidence: OnceLock::new(),
            swapping: Arc::default(),
        };
        registry.restore_packs();
        registry.start()?;
        Ok(registry)
    }

    /// Before the plugins, whose settings they are. One that does not come back is
    /// left out, and the plugins that read it say whether they can do without.
    fn restore_packs(&self) {
        let recorded = self.state().packs().clone();
        for (name, activation) in &recorded {
            match self.restore_pack(name, activation.digest) {
                Ok((pack, source)) => {
                    let held = self.packs.load().with(name, pack, source);
                    self.packs.store(Arc::new(held));
                }
                Err(error) => self.fall_back(name, activation.digest, &error),
            }
        }
    }

    fn start(&self) -> Result<(), RegistryError> {
        let recorded = self.state().activations().clone();
        let mut active = Active::default();
        // Slots are admitted side by side: each takes a compilation.
        let admitted: Vec<Result<Option<Held>, RegistryError>> = thread::scope(|scope| {
            let mut threads = Vec::new();
            for built_in in &self.builtins {
                let recorded = recorded.get(slot_of(built_in));
                threads
                    .push(self.spawn(scope, move || self.start_slot(built_in, recorded).map(Some)));
            }
            for (slot, activation) in &recorded {
                if !self.builtins.iter().any(|b| slot_of(b) == slot) {
                    threads.push(self.spawn(scope, move || Ok(self.start_extra(slot, activation))));
                }
            }
            threads.into_iter().map(join).collect()
        });
        for held in admitted {
            if let Some(held) = held? {
                active = active.with(Arc::new(held));
            }
        }
        self.retain_active(&active)?;
        self.active.store(Arc::new(active));
        Ok(())
    }

    fn spawn<'scope, T: Send + 'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, '_>,
        work: impl FnOnce() -> Result<T, RegistryError> + Send + 'scope,
    ) -> io::Result<thread::ScopedJoinHandle<'scope, Result<T, RegistryError>>> {
        thread::Builder::new()
            .name("plugin-admission".into())
            .stack_size(ADMISSION_STACK_BYTES)
            .spawn_scoped(scope, work)
    }

    /// Does `work` where there is stack enough for it, and waits for it.
    pub(super) fn aside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, AdmissionError> + Send,
    ) -> Result<T, AdmissionError> {
        let done = thread::scope(|scope| join(self.spawn(scope, || Ok(work()))));
        done.map_err(|error| AdmissionError::State(error.to_string()))?
    }

    fn start_slot(
        &self,
        built_in: &BuiltIn,
        recorded: Option<&Activation>,
    ) -> Result<Held, RegistryError> {
        if let Some(recorded) = recorded
            && recorded.digest != built_in.digest()
        {
            match self.start_recorded(slot_of(built_in), recorded) {
                Ok(held) => return Ok(held),
                Err(error) => self.fall_back(slot_of(built_in), recorded.digest, &error),
            }
        }
        let name = built_in.name.to_string();
        let candidate = Candidate {
            bytes: &built_in.bytes,
            expected: &built_in.name,
            manifest: None,
        };
        let loaded = trust::check_revoked(&self.trust(), built_in.digest())
            .map_err(AdmissionError::from)
            .and_then(|()| admission::admit(candidate, &self.around()))
            .map_err(|error| RegistryError::BuiltIn { name, error })?;
        Ok(Held::new(
            slot_of(built_in).to_owned(),
            Source::BuiltIn,
            loaded,
        ))
    }

    /// A slot that no built-in has: empty if what it held does not start.
    fn start_extra(&self, slot: &str, recorded: &Activation) -> Option<Held> {
        match self.start_recorded(slot, recorded) {
            Ok(held) => Some(held),
            Err(error) => {
                self.fall_back(slot, recorded.digest, &error);
                None
            }
        }
    }

    fn start_recorded(&self, slot: &str, recorded: &Activation) -> Result<Held, AdmissionError> {
        let digest = recorded.digest;
        let wanted = match recorded.subject {
            Subject::Plugin(world) if self.worlds.contains(&world) => world,
            Subject::Plugin(world) => return Err(AdmissionError::NotThisRole(world)),
            Subject::DataPack => return Err(AdmissionError::NotData("it is a plugin's".into())),
        };
        let manifest = self.state().manifest(digest).map(Arc::new);
        let source = self.vouch_again(slot, digest, manifest.as_deref())?;
        let bytes = self.bytes_of(digest)?;
        let candidate = Candidate {
            bytes: &bytes,
            expected: slot,
            manifest: manifest.as_ref(),
        };
        let loaded = admission::admit(candidate, &self.around())?;
        self.confirm(&source.clone().into(), &loaded)?;
        if loaded.world() != wanted {
            return Err(AdmissionError::WrongWorld {
                slot: slot.to_owned(),
                wanted,
                found: loaded.world(),
            });
        }
        Ok(Held::new(slot.to_owned(), source, loaded))
    }

    pub(super) fn bytes_of(&self, digest: Digest) -> Result<Vec<u8>, AdmissionError> {
        if let Some(built_in) = self.builtins.iter().find(|b| b.digest() == digest) {
            return Ok(built_in.bytes.to_vec());
        }
        let max = self.engine().limits().component_bytes_max;
        self.state().component(digest, max)
    }

    fn fall_back(&self, slot: &str, digest: Digest, error: &AdmissionError) {
        let refusal = Refusal::new(slot, "the state folder", digest, error);
        tracing::error!(
            slot,
            %digest,
            "what was swapped in does not start again, what the binary carries runs instead: {}; {}",
            refusal.reason,
            refusal.remedy
        );
        let mut refusals = lock(&self.refusals);
        refusals.push_front(refusal);
        refusals.truncate(REFUSALS_MAX);
    }

    /// A newer binary carries other bytes; sessions begun under these go on.
    fn retain_active(&self, active: &Active) -> Result<(), RegistryError> {
        for held in active.of(World::ChallengeGenerator) {
            let digest = held.loaded.id.digest;
            if let Ok(bytes) = self.bytes_of(digest) {
                self.state()
                    .retain(digest, &bytes, &held.loaded.maker.settings)?;
            }
        }
        Ok(())
    }

    /// An active generator, or one that was swapped out lately.
    pub(super) fn find_generator(&self, id: &PluginId) -> Option<Arc<Loaded>> {
        let same = |held: &&Arc<Held>| {
            let its = &held.loaded.id;
            its.digest == id.digest && its.settings == id.settings
        };
        let active = self.active.load();
        let found = active.of(World::ChallengeGenerator).find(same);
        if let Some(held) = found {
            return Some(held.loaded.clone());
        }
        let superseded = lock(&self.superseded);
        let mut generators = superseded
            .iter()
            .filter(|held| held.world() == World::ChallengeGenerator);
        let found = generators.find(same)?;
        Some(found.loaded.clone())
    }

    /// The bytes and settings of what is active, or was swapped out lately.
    pub(super) fn kept_plugin(&self, id: &PluginId) -> Option<KeptPlugin> {
        let same = |held: &&Arc<Held>| held.loaded.id == *id;
        let active = self.active.load();
        let held = match active.all().find(same) {
            Some(held) => held.clone(),
            None => lock(&self.superseded).iter().find(same)?.clone(),
        };
        Some(KeptPlugin {
            id: id.clone(),
            component: self.bytes_of(id.digest).ok()?,
            settings: (*held.loaded.maker.settings).clone(),
        })
    }

    /// A generator of the state folder, with the settings it had.
    pub(super) fn revive(&self, id: &PluginId) -> Option<Arc<Loaded>> {
        match self.try_revive(id) {
            Ok(loaded) => {
                // Nothing but its session calls it, whoever vouches for it now.
                let by = "a session that began under it".to_owned();
                let held = Held::new(id.name.clone(), Source::Pinned { by }, loaded.clone());
                self.supersede(Arc::new(held));
                Some(loaded)
            }
            Err(error) => {
                tracing::warn!(
                    name = id.name,
                    digest = %id.digest,
                    "a session's generator is gone: {error}"
                );
                None
            }
        }
    }

    fn try_revive(&self, id: &PluginId) -> Result<Arc<Loaded>, AdmissionError> {
        trust::check_revoked(&self.trust(), id.digest)?;
        let bytes = self.bytes_of(id.digest)?;
        let manifest = self.state().manifest(id.digest).map(Arc::new);
        let around = self.around();
        let table = Some(around.tables.settings(&id.name))
            .filter(|table| settings::digest(table) == id.settings)
            .or_else(|| self.state().settings(id.settings))
            .ok_or_else(|| AdmissionError::State("its settings of then are not kept".into()))?;
        let loaded = self.aside(|| {
            let candidate = Candidate {
                bytes: &bytes,
                expected: &id.name,
                manifest: manifest.as_ref(),
            };
            admission::admit_with(candidate, &around, &table)
        })?;
        if loaded.world() != World::ChallengeGenerator {
            return Err(AdmissionError::NotThisRole(loaded.world()));
        }
        Ok(loaded)
    }
}

pub(super) fn slot_of(built_in: &BuiltIn) -> &str {
    match built_in.world {
        World::ScoringPolicy => POLICY_SLOT,
        _ => &built_in.name,
    }
}

fn join<T>(
    thread: io::Result<thread::ScopedJoinHandle<'_, Result<T, RegistryError>>>,
) -> Result<T, RegistryError> {
    match thread?.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
