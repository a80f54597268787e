//! Takes keys out of the layers, one typed read each.
//!
//! A read names its key, its default and what is allowed, and that is the whole
//! schema: names for the environment, the nearest name of a typo and the test
//! over the example files all come from what was read. Problems are collected,
//! so that an operator sees all of them at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::subnet::text::escape;

use super::problem::{Problem, Problems};
use super::value::{Given, Source, Value};

/// How alike a typo and a key must be to be called the nearest (1 is equal).
const NEAREST_MIN: f64 = 0.75;
/// Items of one list, at most.
const LIST_MAX: usize = 4096;

/// A key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its dotted path.
    pub path: &'static str,
    /// Its default as text; empty where there is none.
    pub default: String,
    /// What is allowed.
    pub expected: String,
}

/// The environment's name of a key: `HOST_`, upper case, `_` for `.` and `-`.
pub fn environment_name(path: &str) -> String {
    format!(
        "HOST_{}",
        path.to_ascii_uppercase().replace(['.', '-'], "_")
    )
}

/// The three layers, and what was found out about them.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) file: BTreeMap<String, Given>,
    pub(super) environment: BTreeMap<String, Given>,
    pub(super) flags: BTreeMap<String, Given>,
    pub(super) keys: Vec<Key>,
    /// By key, what it was taken to say: what was given, or else its default.
    pub(super) said: BTreeMap<String, String>,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// A whole number within `range`.
    pub(super) fn integer<T>(
        &mut self,
        path: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: TryFrom<u64> + PartialOrd + Display + Copy,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(path, &default.to_string(), &expected, |value| {
            let number = T::try_from(value.as_u64()?).ok()?;
            range.contains(&number).then_some(number)
        })
        .unwrap_or(default)
    }

    /// A whole number within `range`, or nothing.
    pub(super) fn integer_or_none<T>(
        &mut self,
        path: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + Display + Copy,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(path, "", &expected, |value| {
            let number = T::try_from(value.as_u64()?).ok()?;
            range.contains(&number).then_some(number)
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, path: &'static str, default: bool) -> bool {
        self.read(path, &default.to_string(), "true or false", Value::as_flag)
            .unwrap_or(default)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        path: &'static str,
        default: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        let chosen = |word: &str| choices.iter().find(|(w, _)| *w == word).map(|(_, c)| *c);
        self.read(path, default, &expected, |value| chosen(value.as_text()?))
            .or_else(|| chosen(default))
    }

    /// What `parse` makes of a text, or nothing.
    pub(super) fn text<T>(
        &mut self,
        path: &'static str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(path, default, expected, |value| parse(value.as_text()?))
            .or_else(|| parse(default))
    }

    /// What `parse` makes of each text of a list; empty by default.
    pub(super) fn texts<T>(
        &mut self,
        path: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        self.read(path, "[]", expected, |value| {
            let texts = value.as_texts()?;
            if texts.len() > LIST_MAX {
                return None;
            }
            texts.into_iter().map(&parse).collect()
        })
        .unwrap_or_default()
    }

    /// What `parse` makes of the strongest layer that has the key.
    pub(super) fn read<T>(
        &mut self,
        path: &'static str,
        default: &str,
        expected: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.keys.push(Key {
            path,
            default: default.to_owned(),
            expected: expected.to_owned(),
        });
        let given = self.take(path);
        let said = given.as_ref().map(|given| given.value.to_setting());
        self.said
            .insert(path.to_owned(), said.unwrap_or_else(|| default.to_owned()));
        let given = given?;
        let parsed = parse(&given.value);
        if parsed.is_none() {
            let shown = escape(&given.value.to_string());
            let message = format!("`{path}` must be {expected}, not `{shown}`");
            self.problems.push(Problem::of(given.source, message));
        }
        parsed
    }

    fn take(&mut self, path: &str) -> Option<Given> {
        let file = self.file.remove(path);
        let environment = self.environment.remove(&environment_name(path));
        self.flags.remove(path).or(environment).or(file)
    }

    /// Takes all keys below `prefix`, the prefix cut off; flags win over the file.
    pub(super) fn take_below(&mut self, prefix: &str) -> BTreeMap<String, Given> {
        let mut below = BTreeMap::new();
        for layer in [&mut self.file, &mut self.flags] {
            let (taken, rest) = std::mem::take(layer)
                .into_iter()
                .partition(|(path, _)| path.starts_with(prefix));
            *layer = rest;
            let taken: BTreeMap<String, Given> = taken;
            let said = taken
                .iter()
                .map(|(path, given)| (path.clone(), given.value.to_setting()));
            self.said.extend(said);
            below.extend(
                taken
                    .into_iter()
                    .map(|(path, given)| (path[prefix.len()..].to_owned(), given)),
            );
        }
        below
    }

    /// Refuses what nobody asked for. Gives warnings: a variable that begins with
    /// `HOST_` and is like no key may well be another program's.
    pub(super) fn finish(mut self) -> Result<(Vec<Key>, Vec<String>), Problems> {
        let mut warnings = Vec::new();
        let mut unknown = std::mem::take(&mut self.file);
        unknown.extend(std::mem::take(&mut self.flags));
        for (path, given) in unknown {
            let problem = self.unknown_key(&path, given.source);
            self.problems.push(problem);
        }
        for (name, given) in std::mem::take(&mut self.environment) {
            match self.nearest(&name, environment_name) {
                Some(nearest) => self.problems.push(Problem::of(
                    given.source,
                    format!("there is no such setting; did you mean `{nearest}`?"),
                )),
                None => warnings.push(format!("{} is no setting of this node", escape(&name))),
            }
        }
        if self.problems.is_empty() {
            Ok((self.keys, warnings))
        } else {
            Err(Problems(self.problems))
        }
    }

    fn unknown_key(&self, path: &str, source: Source) -> Problem {
        let shown = escape(path);
        let table = format!("{path}.");
        let message = if self.keys.iter().any(|key| key.path.starts_with(&table)) {
            format!("`{shown}` is a table: write `[{shown}]` and its keys below it")
        } else if let Some(nearest) = self.nearest(path, str::to_owned) {
            format!("there is no key `{shown}`; did you mean `{nearest}`?")
        } else {
            format!(
                "there is no key `{shown}`; examples/miner.toml and examples/validator.toml name them all"
            )
        };
        Problem::of(source, message)
    }

    fn nearest(&self, typo: &str, name: impl Fn(&str) -> String) -> Option<String> {
        self.keys
            .iter()
            .map(|key| name(key.path))
            .map(|name| (strsim::normalized_damerau_levenshtein(typo, &name), name))
            .filter(|(likeness, _)| *likeness >= NEAREST_MIN)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name)
    }
}
