//! The layers as they come in, before they are read.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::file::{self, FILE_BYTES_MAX};
use super::problem::{Problem, Problems};
use super::reader::{Reader, environment_name};
use super::value::{Given, Source, Value};
use super::{Folders, Role};

/// A key that a flag sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The key's dotted path.
    pub key: String,
    /// As it was typed.
    pub value: String,
    /// How the flag is spelled, for messages.
    pub flag: String,
}

/// Everything a configuration is read from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// A file that must be there; the platform's, if it is there, otherwise.
    pub file: Option<PathBuf>,
    /// Variables; those that do not begin with `HOST_` are left alone.
    pub environment: Vec<(String, String)>,
    /// What flags say, the later winning.
    pub overrides: Vec<Override>,
    /// Where files and state are looked for.
    pub folders: Folders,
}

impl Sources {
    /// The role as far as it is known before the file is found.
    pub(super) fn role(&self) -> Result<Option<Role>, Problems> {
        let mut reader = Reader::default();
        for (path, given) in self.flags().into_iter().chain(self.variables()) {
            if path == "role" || path == environment_name("role") {
                reader.flags.entry("role".to_owned()).or_insert(given);
            }
        }
        let roles = [("miner", Role::Miner), ("validator", Role::Validator)];
        let role = reader.choice("role", "", &roles);
        reader.finish().map(|_| role)
    }

    /// Reads the file; the layers are then ready to be asked.
    pub(super) fn into_reader(self, role: Option<Role>) -> Result<Reader, Problems> {
        let mut reader = Reader {
            environment: self.variables(),
            flags: self.flags(),
            ..Reader::default()
        };
        if let Some(path) = self.file_path(role) {
            reader.file = read(&path)?;
        }
        Ok(reader)
    }

    /// The file that was named, or the platform's if it is there.
    fn file_path(&self, role: Option<Role>) -> Option<PathBuf> {
        let named = || {
            let value = self.environment.iter().find(|(name, _)| name == CONFIG);
            value
                .filter(|(_, v)| !v.is_empty())
                .map(|(_, v)| self.folders.expand(v))
        };
        self.file.clone().or_else(named).or_else(|| {
            let found = self.folders.config_file(role);
            found.exists().then_some(found)
        })
    }

    fn variables(&self) -> BTreeMap<String, Given> {
        self.environment
            .iter()
            .filter(|(name, value)| {
                name.starts_with("HOST_") && name != CONFIG && !value.is_empty()
            })
            .map(|(name, value)| {
                let given = Given {
                    value: Value::Untyped(value.clone()),
                    source: Source::Environment(name.clone()),
                };
                (name.clone(), given)
            })
            .collect()
    }

    fn flags(&self) -> BTreeMap<String, Given> {
        self.overrides
            .iter()
            .map(|flag| {
                let given = Given {
                    value: Value::Untyped(flag.value.clone()),
                    source: Source::Flag(flag.flag.clone()),
                };
                (flag.key.clone(), given)
            })
            .collect()
    }
}

/// Names the file itself, so it is no key.
const CONFIG: &str = "HOST_CONFIG";

fn read(path: &Path) -> Result<BTreeMap<String, Given>, Problems> {
    let unreadable = |why: String| {
        let message = format!("cannot read the configuration {}: {why}", path.display());
        Problems(vec![Problem::general(message)])
    };
    let mut text = String::new();
    // One byte more than allowed tells a file that is too long from one that fits.
    let limit = u64::try_from(FILE_BYTES_MAX).map_or(u64::MAX, |max| max + 1);
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    file::parse(&text, path).map_err(|problem| Problems(vec![problem]))
}
