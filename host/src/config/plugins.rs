//! `[plugins.NAME.*]`: what one plugin is given.
//!
//! `settings` is a table for the plugin, checked by the plugin; `data` binds a
//! setting to a data pack by the pack's name; `limits` are this plugin's instead
//! of its world's, up to `[engine.ceiling]`; `grant` is what it may reach.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::subnet::grant::Grant;
use crate::subnet::text::escape;

use super::egress;
use super::engine;
use super::problem::Problem;
use super::reader::Reader;
use super::value::{Given, Value};

/// Settings of one plugin, at most.
const SETTINGS_MAX: usize = 1_024;
/// The longest setting, in bytes.
const SETTING_BYTES_MAX: usize = 64 << 10;

/// Texts by plugin, by key.
pub(super) type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// By plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugins {
    /// Its settings, by dotted key.
    pub settings: Texts,
    /// Its settings that are data packs' texts: the pack, by dotted key.
    pub data: Texts,
    /// Its limits.
    pub limits: BTreeMap<String, PluginLimits>,
    /// What it may reach.
    pub grants: BTreeMap<String, Grant>,
}

/// What one plugin's limits are instead of its world's, by the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLimits {
    /// See `[engine.policy]`.
    pub memory_mib_max: Option<u64>,
    /// See `[engine.policy]`.
    pub fuel_max: Option<u64>,
    /// See `[engine.solver]`.
    pub run_timeout_ms: Option<u64>,
    /// See `[engine.policy]`.
    pub wall_timeout_ms: Option<u64>,
    /// See `[engine.policy]`.
    pub log_kib_max: Option<u64>,
    /// See `[engine.policy]`.
    pub waiting_max: Option<u64>,
}

impl Plugins {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut plugins = Self::default();
        for (path, given) in reader.take_below("plugins.") {
            if let Err(message) = plugins.take(&path, &given) {
                reader.problems.push(Problem::of(given.source, message));
            }
        }
        plugins
    }

    fn take(&mut self, path: &str, given: &Given) -> Result<(), String> {
        let parts = path
            .split_once('.')
            .filter(|(name, _)| is_name(name))
            .and_then(|(name, rest)| Some((name, rest.split_once('.')?)));
        match parts {
            Some((name, ("settings", key))) => {
                put(&mut self.settings, name, key, given.value.to_setting())
            }
            Some((name, ("data", key))) => match given.value.as_text() {
                Some(pack) if is_name(pack) => put(&mut self.data, name, key, pack.to_owned()),
                _ => Err(format!(
                    "`plugins.{}` must be a data pack's name",
                    escape(path)
                )),
            },
            Some((name, ("limits", key))) => {
                let limits = self.limits.entry(name.to_owned()).or_default();
                limits.take(path, key, &given.value)
            }
            Some((name, ("grant", key))) => {
                let grant = self.grants.entry(name.to_owned()).or_default();
                egress::take_grant(grant, key, &given.value)
                    .map_err(|why| format!("`plugins.{}`: {why}", escape(path)))
            }
            _ => Err(format!(
                "there is no key `plugins.{0}`; below `[plugins.NAME]` are the tables settings, \
                 data, limits and grant, NAME in lower case letters, digits and dashes",
                escape(path)
            )),
        }
    }
}

fn put(texts: &mut Texts, name: &str, key: &str, value: String) -> Result<(), String> {
    let table = texts.entry(name.to_owned()).or_default();
    if value.len() > SETTING_BYTES_MAX || table.len() >= SETTINGS_MAX {
        return Err(format!(
            "a plugin has at most {SETTINGS_MAX} settings of {SETTING_BYTES_MAX} bytes"
        ));
    }
    table.insert(key.to_owned(), value);
    Ok(())
}

impl PluginLimits {
    fn take(&mut self, path: &str, key: &str, value: &Value) -> Result<(), String> {
        let (place, range): (&mut Option<u64>, RangeInclusive<u64>) = match key {
            "memory-mib-max" => (&mut self.memory_mib_max, engine::MEMORY_MIB),
            "fuel-max" => (&mut self.fuel_max, engine::FUELS),
            "run-timeout-ms" => (&mut self.run_timeout_ms, 1..=engine::WALL_MS),
            "wall-timeout-ms" => (&mut self.wall_timeout_ms, 1..=engine::WALL_MS),
            "log-kib-max" => (&mut self.log_kib_max, engine::LOG_KIB),
            "waiting-max" => (&mut self.waiting_max, engine::WAITING),
            _ => {
                return Err(format!(
                    "there is no key `plugins.{}`; limits are memory-mib-max, fuel-max, \
                     run-timeout-ms, wall-timeout-ms, log-kib-max and waiting-max",
                    escape(path)
                ));
            }
        };
        let number = value.as_u64().filter(|number| range.contains(number));
        *place = Some(number.ok_or_else(|| {
            format!(
                "`plugins.{}` must be a whole number from {} to {}",
                escape(path),
                range.start(),
                range.end()
            )
        })?);
        Ok(())
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
