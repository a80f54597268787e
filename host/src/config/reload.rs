//! What of another configuration counts while a node runs, and what waits.

use std::collections::BTreeSet;

use super::Settings;

/// Tables whose keys count at once.
const LIVE_TABLES: [&str; 2] = ["guard.", "trust."];
/// What of `[plugins.NAME]` does; a grant waits.
const LIVE_OF_A_PLUGIN: [&str; 3] = ["settings", "data", "limits"];
/// The other keys that do.
const LIVE_KEYS: [&str; 1] = ["log.level"];

/// The keys that say something else than before, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// What counts from now on.
    pub live: Vec<String>,
    /// What counts from the next start on.
    pub waiting: Vec<String>,
}

impl Settings {
    /// Takes from `newer` what counts while a node runs. The rest stays as it is in
    /// force, so that it is named again until the node was started again.
    pub fn take_live(&mut self, newer: Self) -> Changed {
        let keys: BTreeSet<&String> = self.said.keys().chain(newer.said.keys()).collect();
        let differs = |key: &&String| self.said.get(*key) != newer.said.get(*key);
        let changed = keys.into_iter().filter(differs).cloned();
        let (live, waiting): (Vec<_>, Vec<_>) = changed.partition(|key| is_live(key));
        for key in &live {
            match newer.said.get(key) {
                Some(said) => self.said.insert(key.clone(), said.clone()),
                None => self.said.remove(key),
            };
        }
        self.plugins.settings = newer.plugins.settings;
        self.plugins.data = newer.plugins.data;
        self.plugins.limits = newer.plugins.limits;
        self.trust = newer.trust;
        self.guard = newer.guard;
        self.log.level = newer.log.level;
        Changed { live, waiting }
    }
}

fn is_live(key: &str) -> bool {
    let of_a_plugin = key
        .strip_prefix("plugins.")
        .and_then(|rest| rest.split('.').nth(1))
        .is_some_and(|table| LIVE_OF_A_PLUGIN.contains(&table));
    of_a_plugin
        || LIVE_KEYS.contains(&key)
        || LIVE_TABLES.iter().any(|table| key.starts_with(table))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Folders, Problems, Sources};

    fn load(text: &str) -> Result<Settings, Problems> {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("node.toml");
        std::fs::write(&file, text).unwrap();
        let folder = |name| root.path().join(name);
        Settings::load(Sources {
            file: Some(file),
            environment: Vec::new(),
            overrides: Vec::new(),
            folders: Folders {
                home: folder("home"),
                config: folder("config"),
                state: folder("state"),
            },
        })
    }

    #[test]
    fn what_counts_at_once_is_taken_and_the_rest_is_named_until_a_restart() {
        let mut settings = load("[axon]\nport = 1\n[guard]\nminers-min = 3\n").unwrap();
        let text = "[axon]\nport = 2\n[log]\nlevel = \"debug\"\n\
                    [plugins.p.settings]\na = [1]\n[guard]\nminers-min = 2\n";
        let newer = load(text).unwrap();
        let changed = settings.take_live(newer.clone());
        assert_eq!(
            changed.live,
            ["guard.miners-min", "log.level", "plugins.p.settings.a"]
        );
        assert_eq!(changed.waiting, ["axon.port"]);
        assert_eq!(settings.axon.port, 1);
        assert_eq!(settings.plugins.settings["p"]["a"], "[1]");
        let again = settings.take_live(newer);
        assert_eq!((again.live.len(), again.waiting.len()), (0, 1));
    }

    #[test]
    fn a_default_that_is_written_down_changes_nothing() {
        let mut settings = load("").unwrap();
        let changed = settings.take_live(load("[axon]\nport = 8091\nprotocols = []\n").unwrap());
        assert_eq!(changed, Changed::default());
    }
}
