//! Plugins for repeating calls: from files that were named, the evidence, and
//! the binary itself, each compiled once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::config::Settings;
use crate::plugin::lone::{self, With};
use crate::plugin::{AdmissionError, Engine, admission, builtin};
use crate::store::StoreReader;
use crate::subnet::plugin::{ChallengeGenerator, Digest, PluginId, ScoringPolicy};
use crate::subnet::text::escape;

type Table = std::collections::BTreeMap<String, String>;

/// Where plugins of the past are found.
pub(super) struct Components {
    engine: Engine,
    files: HashMap<Digest, Vec<u8>>,
    tables: HashMap<Digest, Table>,
    evidence: Option<StoreReader>,
    policies: HashMap<(Digest, Digest), Arc<dyn ScoringPolicy>>,
    generators: HashMap<(Digest, Digest), Arc<dyn ChallengeGenerator>>,
}

impl Components {
    /// With the limits the node runs under, and the components in `files`.
    pub(super) fn new(settings: &Settings, files: &[PathBuf]) -> anyhow::Result<Self> {
        let engine = super::node::engine(settings)?;
        let max = engine.limits().component_bytes_max;
        let mut read = HashMap::new();
        for path in files {
            let bytes = component(path, max)?;
            read.insert(admission::digest(&bytes), bytes);
        }
        Ok(Self {
            engine,
            files: read,
            tables: HashMap::new(),
            evidence: None,
            policies: HashMap::new(),
            generators: HashMap::new(),
        })
    }

    /// And those that the evidence keeps.
    pub(super) fn with_evidence(mut self, evidence: StoreReader) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// A settings table more.
    pub(super) fn know(&mut self, digest: Digest, table: Table) {
        self.tables.insert(digest, table);
    }

    /// The settings of that digest.
    pub(super) fn table(&self, digest: Digest) -> anyhow::Result<Option<Table>> {
        if let Some(table) = self.tables.get(&digest) {
            return Ok(Some(table.clone()));
        }
        match &self.evidence {
            Some(evidence) => Ok(evidence.settings(digest)?),
            None => Ok(None),
        }
    }

    /// The policy of then; an error says what is missing.
    pub(super) fn policy(&mut self, id: &PluginId) -> anyhow::Result<Arc<dyn ScoringPolicy>> {
        let key = (id.digest, id.settings);
        if let Some(policy) = self.policies.get(&key) {
            return Ok(policy.clone());
        }
        let (bytes, table) = self.find(id)?;
        let policy =
            lone::policy(&self.engine, &bytes, With::Table(table)).map_err(|e| refused(id, &e))?;
        check_settings(id, policy.id())?;
        self.policies.insert(key, policy.clone());
        Ok(policy)
    }

    /// The generator of then; an error says what is missing.
    pub(super) fn generator(
        &mut self,
        id: &PluginId,
    ) -> anyhow::Result<Arc<dyn ChallengeGenerator>> {
        let key = (id.digest, id.settings);
        if let Some(generator) = self.generators.get(&key) {
            return Ok(generator.clone());
        }
        let (bytes, table) = self.find(id)?;
        let generator = lone::generator(&self.engine, &bytes, With::Table(table))
            .map_err(|e| refused(id, &e))?;
        check_settings(id, generator.id())?;
        self.generators.insert(key, generator.clone());
        Ok(generator)
    }

    /// A policy from a file, with the settings the configuration has for it.
    pub(super) fn candidate(
        &self,
        path: &Path,
        settings: &Settings,
    ) -> anyhow::Result<Arc<dyn ScoringPolicy>> {
        let bytes = component(path, self.engine.limits().component_bytes_max)?;
        let with = With::Configured(settings.plugins.settings.clone());
        lone::policy(&self.engine, &bytes, with).map_err(|error| {
            let remedy = error.remedy();
            anyhow!(error).context(format!("{} is no policy: {remedy}", shown(path)))
        })
    }

    fn find(&self, id: &PluginId) -> anyhow::Result<(Vec<u8>, Table)> {
        let missing = |what: &str, remedy: &str| {
            anyhow!(
                "{} of {} {} ({}) is not on record; {remedy}",
                what,
                escape(&id.name),
                escape(&id.version),
                id.digest
            )
        };
        let bytes = self
            .bytes(id.digest)?
            .ok_or_else(|| missing("the component", "give it with --wasm FILE"))?;
        let table = self.table(id.settings)?.ok_or_else(|| {
            missing(
                "the settings table",
                "it was dropped to make room, and cannot be repeated",
            )
        })?;
        Ok((bytes, table))
    }

    fn bytes(&self, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.files.get(&digest) {
            return Ok(Some(bytes.clone()));
        }
        if let Some(evidence) = &self.evidence
            && let Some(bytes) = evidence.component(digest)?
        {
            return Ok(Some(bytes));
        }
        let built_in = builtin::all().into_iter().find(|b| b.digest() == digest);
        Ok(built_in.map(|built_in| built_in.bytes.into_owned()))
    }
}

/// A table is what a file says it is: only its own digest proves that it is the
/// one which the record names.
fn check_settings(recorded: &PluginId, found: &PluginId) -> anyhow::Result<()> {
    anyhow::ensure!(
        recorded.settings == found.settings,
        "the settings that came with {} are not those it is on record with: {} instead of {}",
        escape(&recorded.name),
        found.settings,
        recorded.settings
    );
    Ok(())
}

fn refused(id: &PluginId, error: &AdmissionError) -> anyhow::Error {
    anyhow!("{} is not admitted any more: {error}", escape(&id.name))
}

/// The bytes of a component's file.
pub(super) fn component(path: &Path, max: usize) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", shown(path));
    let bytes = std::fs::metadata(path).with_context(unreadable)?.len();
    if bytes > max as u64 {
        return Err(anyhow!(
            "{} has {bytes} bytes, at most {max} are read",
            shown(path)
        ));
    }
    std::fs::read(path).with_context(unreadable)
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}
