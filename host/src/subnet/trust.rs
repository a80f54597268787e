//! Whose word an operator takes for a plugin: the policy as data.
//!
//! Nothing is trusted by default. A rule is found by a plugin's name, or else by
//! its world; it names keys, how many of them must have signed, and digests that
//! need no signature. A digest or a key that was revoked counts nowhere, whatever
//! else is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Netuid;
use super::key::{AccountId, Scheme};
use super::plugin::{Digest, World};

/// What a manifest, a rule or a swap is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// A component of that world.
    Plugin(World),
    /// Data without code: a table of GPUs, prices, drivers.
    DataPack,
}

impl Subject {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Plugin(World::ScoringPolicy),
        Self::Plugin(World::ChallengeGenerator),
        Self::Plugin(World::ChallengeSolver),
        Self::Plugin(World::ProviderAdapter),
        Self::DataPack,
    ];

    /// Exactly what its `Display` gives.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|subject| subject.to_string() == name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(world) => world.fmt(f),
            Self::DataPack => f.write_str("data-pack"),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| "neither a world nor data-pack".to_owned())
    }
}

/// A key that signs: its scheme and its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// How it signs.
    pub scheme: Scheme,
    /// Whose it is.
    pub account: AccountId,
}

impl FromStr for Key {
    type Err = String;

    /// Reads `5Grw...`, which is sr25519, or `ed25519:5Grw...`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, address) = match text.split_once(':') {
            Some((name, address)) => (Scheme::from_name(name), address),
            None => (Some(Scheme::Sr25519), text),
        };
        let scheme = scheme.ok_or("a scheme is sr25519 or ed25519")?;
        let account = address
            .parse()
            .map_err(|error: super::key::AddressError| error.to_string())?;
        Ok(Self { scheme, account })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Sr25519 => self.account.fmt(f),
            Scheme::Ed25519 => write!(f, "ed25519:{}", self.account),
        }
    }
}

/// Who must have signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Whose signatures count.
    pub keys: Vec<Key>,
    /// How many of them it takes; at least one.
    pub threshold: usize,
    /// Bytes that need no signature.
    pub pins: BTreeSet<Digest>,
}

/// An operator's policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The subnet this node serves; a manifest may be for another.
    pub netuid: Option<Netuid>,
    /// By the name of a plugin or a data pack; goes before its world's.
    pub by_name: BTreeMap<String, Rule>,
    /// By world, or for data packs.
    pub by_subject: BTreeMap<Subject, Rule>,
    /// Bytes that never run here.
    pub revoked_digests: BTreeSet<Digest>,
    /// Keys whose signatures count for nothing.
    pub revoked_keys: Vec<Key>,
}

impl Trust {
    /// The rule for a plugin, if there is one.
    pub fn rule(&self, name: &str, subject: Subject) -> Option<&Rule> {
        self.by_name
            .get(name)
            .or_else(|| self.by_subject.get(&subject))
    }

    /// Whether the configuration approves these bytes under that name.
    pub fn is_pinned(&self, name: &str, subject: Subject, digest: Digest) -> bool {
        self.rule(name, subject)
            .is_some_and(|rule| rule.pins.contains(&digest))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn a_key_is_sr25519_unless_it_says_otherwise() {
        let key: Key = ALICE.parse().unwrap();
        assert_eq!(key.scheme, Scheme::Sr25519);
        assert_eq!(key.to_string(), ALICE);
        let other: Key = format!("ed25519:{ALICE}").parse().unwrap();
        assert_ne!(key, other);
        assert_eq!(other.to_string().parse(), Ok(other));
        assert!(format!("ecdsa:{ALICE}").parse::<Key>().is_err());
    }

    #[test]
    fn a_name_goes_before_its_world() {
        let rule = |threshold| Rule {
            threshold,
            ..Rule::default()
        };
        let policy = Subject::Plugin(World::ScoringPolicy);
        let trust = Trust {
            by_name: [("mine".to_owned(), rule(1))].into(),
            by_subject: [(policy, rule(2))].into(),
            ..Trust::default()
        };
        assert_eq!(trust.rule("mine", policy), Some(&rule(1)));
        assert_eq!(trust.rule("other", policy), Some(&rule(2)));
        assert_eq!(trust.rule("other", Subject::DataPack), None);
    }
}
