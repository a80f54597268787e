//! `[plugins.NAME.settings]`: tables for plugins, checked by the plugins.

use std::collections::BTreeMap;

use crate::subnet::text::escape;

use super::problem::Problem;
use super::reader::Reader;

/// Settings of one plugin, at most.
const SETTINGS_MAX: usize = 1_024;
/// The longest setting, in bytes.
const SETTING_BYTES_MAX: usize = 64 << 10;

/// By plugin, by dotted key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginSettings(pub BTreeMap<String, BTreeMap<String, String>>);

impl PluginSettings {
    /// A plugin's table; empty if there is none.
    pub fn of(&self, plugin: &str) -> BTreeMap<String, String> {
        self.0.get(plugin).cloned().unwrap_or_default()
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (path, given) in reader.take_below("plugins.") {
            let problem = match path.split_once(".settings.") {
                Some((name, key)) if is_name(name) => {
                    let value = given.value.to_setting();
                    let table = tables.entry(name.to_owned()).or_default();
                    if value.len() <= SETTING_BYTES_MAX && table.len() < SETTINGS_MAX {
                        table.insert(key.to_owned(), value);
                        continue;
                    }
                    format!(
                        "a plugin has at most {SETTINGS_MAX} settings of {SETTING_BYTES_MAX} bytes"
                    )
                }
                _ => format!(
                    "there is no key `plugins.{0}`; a plugin's settings go below `[plugins.NAME.settings]`, \
                     NAME in lower case letters, digits and dashes",
                    escape(&path)
                ),
            };
            reader.problems.push(Problem::of(given.source, problem));
        }
        Self(tables)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
