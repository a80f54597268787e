//! What an operator gives each plugin by name: settings, data packs, limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::admission::AdmissionError;
use super::limits::{Adjusted, Limits, WorldLimits};
use super::manifest::{Declared, Manifest, Want};
use super::settings::{Settings, SettingsByPlugin};
use super::trust::TrustError;
use crate::subnet::plugin::{Digest, World};
use crate::subnet::text::escape;

/// By plugin: which of its settings is the text of which data pack.
pub type DataByPlugin = BTreeMap<String, BTreeMap<String, String>>;
/// By plugin: what its limits are instead of its world's.
pub type LimitsByPlugin = BTreeMap<String, Adjusted>;

/// A data pack that is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pack {
    pub(super) version: String,
    pub(super) digest: Digest,
    pub(super) text: String,
}

/// The active data packs, by name.
pub(super) type Packs = BTreeMap<String, Arc<Pack>>;

/// All of it; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) settings: Arc<SettingsByPlugin>,
    pub(super) data: Arc<DataByPlugin>,
    pub(super) limits: Arc<LimitsByPlugin>,
    pub(super) packs: Arc<Packs>,
}

impl Tables {
    /// The settings of `plugin`, those bound to a data pack among them. A pack
    /// that is not there leaves its setting out: the plugin says whether it can
    /// do without.
    pub(super) fn settings(&self, plugin: &str) -> Settings {
        let mut table = self.settings.get(plugin).cloned().unwrap_or_default();
        for (key, pack) in self.data.get(plugin).into_iter().flatten() {
            match self.packs.get(pack) {
                Some(pack) => {
                    table.insert(key.clone(), pack.text.clone());
                }
                None => tracing::warn!(
                    plugin,
                    key,
                    pack,
                    "the data pack of a setting is not there: host plugin swap {pack} <file>"
                ),
            }
        }
        table
    }

    /// Whether `plugin` has a setting that is the text of `pack`.
    pub(super) fn is_bound(&self, plugin: &str, pack: &str) -> bool {
        let mut bound = self.data.get(plugin).into_iter().flatten();
        bound.any(|(_, its)| its == pack)
    }

    /// The limits of `plugin`: its world's, more where its manifest asks for it
    /// and the ceiling allows, and what the operator set for it whatever it asks.
    pub(super) fn limits(
        &self,
        engine: &Limits,
        world: World,
        plugin: &str,
        manifest: Option<&Manifest>,
    ) -> Result<WorldLimits, AdmissionError> {
        let wants = manifest.map(|manifest| &*manifest.wants).unwrap_or(&[]);
        let wanted = wanted(wants, world)?;
        let set = self.limits.get(plugin).cloned().unwrap_or_default();
        let base = engine.of(world);
        let ceiling = engine.ceiling.at_least(base);
        for adjusted in [&wanted, &set] {
            if let Some((limit, wanted, ceiling)) = adjusted.above(&ceiling) {
                return Err(AdmissionError::AboveCeiling {
                    limit,
                    wanted,
                    ceiling,
                });
            }
        }
        Ok(base.raised(&wanted).set(&set))
    }
}

/// Reads `limit NAME NUMBER`. What is granted, which only adapters can be, is
/// compared with what they ask for when they are asked.
fn wanted(wants: &[Want], world: World) -> Result<Adjusted, TrustError> {
    let mut wanted = Adjusted::default();
    for want in wants {
        if want.is_grant() && world == World::ProviderAdapter {
            continue;
        }
        let refused = || TrustError::Want(format!("{} {}", want.kind, want.what));
        let (name, number) = want.what.split_once(' ').ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        if want.kind != "limit" || !wanted.set_by_name(name, number) {
            return Err(refused());
        }
    }
    Ok(wanted)
}

/// Compares a plugin's table with what its manifest declares, if it declares any.
pub(super) fn check_declared(declared: &[Declared], table: &Settings) -> Result<(), TrustError> {
    if declared.is_empty() {
        return Ok(());
    }
    for (key, value) in table {
        let Some(declared) = declared.iter().find(|declared| declared.name == *key) else {
            let known: Vec<&str> = declared.iter().map(|declared| &*declared.name).collect();
            return Err(TrustError::Setting(format!(
                "it knows no `{}`; it knows {}",
                escape(key),
                known.join(", ")
            )));
        };
        if !declared.kind.admits(value) {
            return Err(TrustError::Setting(format!(
                "`{key}` must be of the kind {}, and is `{}`",
                declared.kind.name(),
                escape(value)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugin::manifest::SettingKind;

    fn want(kind: &str, what: &str) -> Want {
        Want {
            kind: kind.into(),
            what: what.into(),
        }
    }

    #[test]
    fn a_want_that_no_limit_answers_to_is_refused() {
        let world = World::ScoringPolicy;
        let good = [want("limit", "fuel 5"), want("limit", "memory-mib 9")];
        assert!(wanted(&good, world).is_ok());
        let http = [want("http", "https://a.example")];
        assert!(wanted(&http, World::ProviderAdapter).is_ok());
        for bad in [
            want("http", "https://a.example"),
            want("limit", "fuel"),
            want("limit", "fuel many"),
            want("limit", "patience 5"),
        ] {
            assert!(
                wanted(std::slice::from_ref(&bad), world).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_operator_has_the_last_word_below_the_ceiling() {
        let mut engine = Limits::default();
        engine.policy.fuel_max = 10;
        engine.ceiling.fuel_max = 100;
        let mut tables = Tables::default();
        let fuel = |tables: &Tables, wants: Vec<Want>| {
            let mut manifest = crate::plugin::manifest::example();
            manifest.wants = wants;
            let world = World::ScoringPolicy;
            let limits = tables.limits(&engine, world, "p", Some(&manifest));
            limits.map(|limits| limits.fuel_max)
        };
        assert_eq!(fuel(&tables, vec![]), Ok(10));
        assert_eq!(fuel(&tables, vec![want("limit", "fuel 50")]), Ok(50));
        assert_eq!(fuel(&tables, vec![want("limit", "fuel 5")]), Ok(10));
        assert!(matches!(
            fuel(&tables, vec![want("limit", "fuel 101")]),
            Err(AdmissionError::AboveCeiling { .. })
        ));
        let set = Adjusted {
            fuel_max: Some(5),
            ..Adjusted::default()
        };
        tables.limits = Arc::new([("p".to_owned(), set)].into());
        assert_eq!(fuel(&tables, vec![want("limit", "fuel 50")]), Ok(5));
    }

    #[test]
    fn a_packs_text_is_the_value_of_the_setting_it_is_bound_to() {
        let pack = Arc::new(Pack {
            version: "1.0.0".into(),
            digest: Digest([0; 32]),
            text: "h100 = 2\n".into(),
        });
        let bound = BTreeMap::from([("prices".to_owned(), "gpu-prices".to_owned())]);
        let mut tables = Tables {
            data: Arc::new([("p".to_owned(), bound)].into()),
            ..Tables::default()
        };
        assert!(tables.settings("p").is_empty());
        tables.packs = Arc::new([("gpu-prices".to_owned(), pack)].into());
        assert_eq!(tables.settings("p")["prices"], "h100 = 2\n");
        assert!(tables.settings("other").is_empty());
        assert!(tables.is_bound("p", "gpu-prices"));
    }

    #[test]
    fn a_setting_that_is_not_declared_or_of_another_kind_is_refused() {
        let declared = [Declared {
            name: "floor".into(),
            kind: SettingKind::Integer,
            description: "d".into(),
        }];
        let check = |key: &str, value: &str| {
            check_declared(&declared, &Settings::from([(key.into(), value.into())]))
        };
        assert_eq!(check("floor", "-3"), Ok(()));
        assert!(check("flor", "3").is_err());
        assert!(check("floor", "three").is_err());
    }
}
