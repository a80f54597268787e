//! Data packs: signed texts without code, which plugins read as settings.
//!
//! A pack is one TOML or JSON document. `[plugins.NAME.data]` in the
//! configuration binds a setting of a plugin to a pack by its name; the pack's
//! text, as it stands, is the setting's value. A new pack is offered to every
//! active plugin that reads it, as new settings: if one does not take it, all
//! keep the old.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::Registry;
use super::active::Held;
use super::describe::{ListedPack, Source, Swap, SwapReport, unix_s};
use super::offer::no_settings;
use super::vouch::Vouched;
use crate::plugin::admission::{self, AdmissionError, Candidate, Surroundings};
use crate::plugin::manifest::Signed;
use crate::plugin::package::Package;
use crate::plugin::rehearsal;
use crate::plugin::tables::{Pack, Packs};
use crate::plugin::trust;
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::trust::Subject;

/// Packs that are active at once.
const PACKS_MAX: usize = 64;
/// The version of a pack that came without a manifest.
const NO_VERSION: &str = "0.0.0";

/// The active packs, and why each may be here.
#[derive(Default, Clone)]
pub(super) struct HeldPacks {
    packs: Packs,
    sources: BTreeMap<String, Source>,
}

impl HeldPacks {
    pub(super) fn texts(&self) -> Arc<Packs> {
        Arc::new(self.packs.clone())
    }

    pub(super) fn with(&self, name: &str, pack: Pack, source: Source) -> Self {
        let mut held = self.clone();
        held.packs.insert(name.to_owned(), Arc::new(pack));
        held.sources.insert(name.to_owned(), source);
        held
    }

    pub(super) fn without(&self, name: &str) -> Self {
        let mut held = self.clone();
        held.packs.remove(name);
        held.sources.remove(name);
        held
    }

    /// Which are here, by name.
    pub(super) fn ids(&self) -> Vec<(String, PluginId)> {
        let packs = self.packs.iter();
        packs
            .map(|(name, pack)| (name.clone(), id(name, pack)))
            .collect()
    }
}

fn id(name: &str, pack: &Pack) -> PluginId {
    PluginId {
        name: name.to_owned(),
        version: pack.version.clone(),
        digest: pack.digest,
        settings: no_settings(),
    }
}

impl Registry {
    /// Whether a package is meant as data: its manifest says so, or it is no
    /// WebAssembly and no plugin's place is asked for.
    pub(super) fn is_data(&self, slot: &str, package: &Package) -> bool {
        match &package.manifest {
            Some(signed) => signed.manifest.subject == Subject::DataPack,
            None => {
                let known = self.packs.load().packs.contains_key(slot);
                let plugin = self.active.load().find(slot).is_some();
                known || (!plugin && self.is_named(slot) && !package.is_code())
            }
        }
    }

    /// Whether the configuration binds a setting to a pack of that name.
    fn is_named(&self, pack: &str) -> bool {
        let tables = &self.orders.load().tables;
        let mut bound = tables.data.values().flat_map(BTreeMap::values);
        bound.any(|name| name == pack)
    }

    pub(super) async fn take_pack(
        &self,
        slot: &str,
        package: Package,
        vouched: Vouched,
        admitting: OwnedMutexGuard<()>,
    ) -> Result<SwapReport, AdmissionError> {
        let (name, pack) = self.read_pack(slot, &package)?;
        self.confirm_name(&vouched, &name, Subject::DataPack, pack.digest)?;
        let held = self.packs.load();
        if !held.packs.contains_key(&name) && held.packs.len() >= PACKS_MAX {
            return Err(AdmissionError::TooManyActive(PACKS_MAX));
        }
        let from = held.packs.get(&name).map(|old| id(&name, old));
        let to = id(&name, &pack);
        let after = held.with(&name, pack, vouched.source.clone());
        let readers = self.readmit(&name, &after, admitting).await?;
        self.remember_pack(&name, &package, &vouched, from.as_ref(), &readers)?;
        self.packs.store(Arc::new(after));
        for reader in readers {
            self.activate(reader);
        }
        Ok(SwapReport {
            slot: name,
            subject: Subject::DataPack,
            from,
            to,
        })
    }

    fn read_pack(&self, slot: &str, package: &Package) -> Result<(String, Pack), AdmissionError> {
        let max = self.engine().limits().settings_bytes_max;
        admission::check_size(package.bytes.len() as u64, max)?;
        let text = std::str::from_utf8(&package.bytes)
            .map_err(|error| AdmissionError::NotData(error.to_string()))?;
        check_document(text)?;
        let (name, version) = match &package.manifest {
            Some(Signed { manifest, .. }) => {
                trust::check_described(manifest, slot, &manifest.version, Subject::DataPack)?;
                (manifest.name.clone(), manifest.version.clone())
            }
            None => (slot.to_owned(), NO_VERSION.to_owned()),
        };
        let pack = Pack {
            version,
            digest: package.digest,
            text: text.to_owned(),
        };
        Ok((name, pack))
    }

    /// Every active plugin that reads `pack`, admitted again with `after` and tried.
    async fn readmit(
        &self,
        pack: &str,
        after: &HeldPacks,
        admitting: OwnedMutexGuard<()>,
    ) -> Result<Vec<Held>, AdmissionError> {
        let mut around = self.around();
        around.tables.packs = after.texts();
        let active = self.active.load();
        let mut readers = Vec::new();
        for held in active.all() {
            if around.tables.is_bound(&held.loaded.id.name, pack) {
                let bytes = self.bytes_of(held.loaded.id.digest)?;
                readers.push((held.clone(), bytes));
            }
        }
        let evidence = self.evidence.get().cloned();
        self.elsewhere(move || {
            let tried = |held: &Held, bytes: &[u8]| {
                let newcomer = again(held, bytes, &around)?;
                rehearsal::rehearse(&newcomer.loaded, evidence.as_deref())?;
                Ok(newcomer)
            };
            let admitted = readers.into_iter().map(|(held, bytes)| {
                tried(&held, &bytes).map_err(|why| AdmissionError::DataRefused {
                    plugin: held.loaded.id.name.clone(),
                    why: Box::new(why),
                })
            });
            let admitted = admitted.collect();
            drop(admitting);
            admitted
        })
        .await
    }

    fn remember_pack(
        &self,
        name: &str,
        package: &Package,
        vouched: &Vouched,
        from: Option<&PluginId>,
        readers: &[Held],
    ) -> Result<(), AdmissionError> {
        let digest = package.digest;
        let mut state = self.state();
        let kept = (|| {
            state.retain_pack(digest, &package.bytes)?;
            if let Some(signed) = &package.manifest {
                state.retain_manifest(digest, signed)?;
                let mut seen = state.sequences().clone();
                trust::note(&mut seen, &signed.manifest, &vouched.keys);
                state.note_sequences(seen)?;
            }
            if let Source::Pinned { by } = &vouched.source {
                state.pin(digest, name, by)?;
            }
            for reader in readers {
                state.retain_settings(&reader.loaded.maker.settings)?;
            }
            state.activate(Swap {
                slot: name.to_owned(),
                subject: Subject::DataPack,
                from: from.map(|id| id.digest),
                to: digest,
                by: vouched.by(),
                at_unix_s: unix_s(),
            })
        })();
        kept.map_err(|error: std::io::Error| AdmissionError::State(error.to_string()))
    }

    /// A pack that was active before.
    pub(super) fn restore_pack(
        &self,
        name: &str,
        digest: Digest,
    ) -> Result<(Pack, Source), AdmissionError> {
        let max = self.engine().limits().settings_bytes_max;
        let (bytes, manifest) = {
            let state = self.state();
            (state.pack(digest, max)?, state.manifest(digest))
        };
        let source = self.vouch_again(name, digest, manifest.as_ref())?;
        let text =
            String::from_utf8(bytes).map_err(|error| AdmissionError::NotData(error.to_string()))?;
        let version = manifest.map_or_else(
            || NO_VERSION.to_owned(),
            |signed| signed.manifest.version.clone(),
        );
        let pack = Pack {
            version,
            digest,
            text,
        };
        let approved = Source::clone(&source).into();
        self.confirm_name(&approved, name, Subject::DataPack, digest)?;
        Ok((pack, source))
    }

    /// The active data packs, and who reads them.
    pub fn packs(&self) -> Vec<ListedPack> {
        let held = self.packs.load();
        let active = self.active.load();
        let tables = &self.orders.load().tables;
        let listed = held.packs.iter().map(|(name, pack)| ListedPack {
            id: id(name, pack),
            source: held.sources.get(name).cloned().unwrap_or(Source::BuiltIn),
            readers: active
                .all()
                .map(|held| held.loaded.id.name.clone())
                .filter(|plugin| tables.is_bound(plugin, name))
                .collect(),
        });
        listed.collect()
    }
}

pub(super) fn again(
    held: &Held,
    bytes: &[u8],
    around: &Surroundings,
) -> Result<Held, AdmissionError> {
    let candidate = Candidate {
        bytes,
        expected: &held.loaded.id.name,
        manifest: held.loaded.manifest.as_ref(),
    };
    let loaded = admission::admit(candidate, around)?;
    Ok(Held::new(held.slot.clone(), held.source.clone(), loaded))
}

/// TOML or JSON: JSON if it begins as an object or a list does.
fn check_document(text: &str) -> Result<(), AdmissionError> {
    let wrong = |error: String| AdmissionError::NotData(crate::subnet::text::escape(&error));
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map(|_| ())
            .map_err(|error| wrong(error.to_string()));
    }
    let json = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match toml::from_str::<toml::Table>(text) {
        Ok(_) => Ok(()),
        Err(_) if json() => Ok(()),
        Err(error) => Err(wrong(error.message().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_one_toml_or_json_document() {
        for good in [
            "h100 = 2\n",
            "[gpu.h100]\nusd = 2\n",
            "{\"a\": 1}",
            "[1, 2]",
            "",
        ] {
            assert_eq!(check_document(good), Ok(()), "{good}");
        }
        for bad in ["#!/bin/sh\nrm -r /", "{\"a\": 1} {", "a = ", "{a: 1}"] {
            assert!(check_document(bad).is_err(), "{bad}");
        }
    }
}
