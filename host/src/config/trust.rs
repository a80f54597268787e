//! `[trust]`: whose word lets other people's plugins in.
//!
//! ```toml
//! [trust]
//! revoked-digests = ["sha256:..."]       # never run here, whoever approves them
//! revoked-keys = ["5F..."]               # their signatures count for nothing
//!
//! [trust.plugins.gpu-tflops]             # a plugin or a data pack, by its name
//! keys = ["5Grw...", "ed25519:5F..."]    # sr25519 unless it says otherwise
//! threshold = 2                          # so many of them; all if not said
//! pins = ["sha256:..."]                  # these bytes need no signature
//!
//! [trust.worlds.scoring-policy]          # where no rule has the plugin's name
//! keys = ["5Grw..."]
//! ```

use std::collections::BTreeMap;

use crate::subnet::text::escape;
use crate::subnet::trust::{Key, Rule, Subject, Trust};

use super::plugins::is_name;
use super::problem::Problem;
use super::reader::Reader;
use super::value::{Given, Value};

/// Keys of one rule, at most.
const KEYS_MAX: usize = 64;

pub(super) fn read(reader: &mut Reader) -> Trust {
    let digests = "a list of sha256: and 64 hexadecimal digits";
    let keys = "a list of SS58 addresses, ed25519: before those that are";
    let mut trust = Trust {
        netuid: None,
        revoked_digests: reader
            .texts("trust.revoked-digests", digests, |text| text.parse().ok())
            .into_iter()
            .collect(),
        revoked_keys: reader.texts("trust.revoked-keys", keys, |text| text.parse().ok()),
        ..Trust::default()
    };
    for (name, rule) in rules(reader, "trust.plugins.", is_name) {
        trust.by_name.insert(name, rule);
    }
    let is_subject = |name: &str| Subject::from_name(name).is_some();
    for (name, rule) in rules(reader, "trust.worlds.", is_subject) {
        if let Some(subject) = Subject::from_name(&name) {
            trust.by_subject.insert(subject, rule);
        }
    }
    trust
}

/// A rule that is being read.
#[derive(Default)]
struct Draft {
    rule: Rule,
    threshold: Option<u64>,
}

fn rules(
    reader: &mut Reader,
    prefix: &str,
    is_known: impl Fn(&str) -> bool,
) -> BTreeMap<String, Rule> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (path, given) in reader.take_below(prefix) {
        let taken = match path.split_once('.') {
            Some((name, key)) if is_known(name) => {
                drafts.entry(name.to_owned()).or_default().take(key, &given)
            }
            _ => Err("a rule is `[trust.plugins.NAME]` or `[trust.worlds.WORLD]`, WORLD one of the contract's or data-pack".to_owned()),
        };
        if let Err(message) = taken {
            let message = format!("`{prefix}{}`: {message}", escape(&path));
            reader.problems.push(Problem::of(given.source, message));
        }
    }
    let mut rules = BTreeMap::new();
    for (name, draft) in drafts {
        match draft.finish() {
            Ok(rule) => {
                rules.insert(name, rule);
            }
            Err(message) => {
                let message = format!("`{prefix}{name}`: {message}");
                reader.problems.push(Problem::general(message));
            }
        }
    }
    rules
}

impl Draft {
    fn take(&mut self, key: &str, given: &Given) -> Result<(), String> {
        match key {
            "keys" => {
                self.rule.keys = list(&given.value)?;
                Ok(())
            }
            "pins" => {
                self.rule.pins = list(&given.value)?.into_iter().collect();
                Ok(())
            }
            "threshold" => {
                let number = given.value.as_u64().filter(|number| *number > 0);
                self.threshold = Some(number.ok_or("must be a whole number from 1")?);
                Ok(())
            }
            _ => Err("there is no such key; a rule has keys, threshold and pins".to_owned()),
        }
    }

    /// A rule that nothing can meet is a mistake, not a policy.
    fn finish(mut self) -> Result<Rule, String> {
        let count = self.rule.keys.len();
        let twice = |(index, key): (usize, &Key)| self.rule.keys[..index].contains(key);
        if self.rule.keys.iter().enumerate().any(twice) {
            return Err("a key is named twice, and counts once".to_owned());
        }
        self.rule.threshold = match self.threshold {
            None => count.max(1),
            Some(threshold) => usize::try_from(threshold).unwrap_or(usize::MAX),
        };
        if count > 0 && self.rule.threshold > count {
            return Err(format!(
                "{} signatures are demanded of {count} keys",
                self.rule.threshold
            ));
        }
        Ok(self.rule)
    }
}

fn list<T: std::str::FromStr<Err = String>>(value: &Value) -> Result<Vec<T>, String> {
    let texts = value
        .as_texts()
        .filter(|texts| texts.len() <= KEYS_MAX)
        .ok_or_else(|| format!("must be a list of at most {KEYS_MAX} texts"))?;
    let parse = |text: &str| {
        text.parse()
            .map_err(|why: String| format!("`{}`: {why}", escape(text)))
    };
    texts.into_iter().map(parse).collect()
}
