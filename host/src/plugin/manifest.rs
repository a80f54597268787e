//! What a publisher says of a plugin or of a data pack, signed by hotkeys.
//!
//! The manifest *is* the signed text: lines of UTF-8, each ended by one line
//! feed, in this order, every value written in one way only:
//!
//! ```text
//! compute-subnet/manifest/1
//! name: gpu-tflops                     kebab-case, at most 64 bytes
//! version: 1.2.0                       semver
//! world: scoring-policy                a world of the contract, or data-pack
//! digest: sha256:2c26...               of the component or the pack, see below
//! netuid: 27                           or any
//! sequence: 3                          from 1; only grows, for each name and key
//! expires: 2027-01-31T00:00:00Z        in UTC, or never
//! want: limit fuel 5000000             none or more, ascending; see [`Want`]
//! setting: floor-mops integer What ... none or more, by name; see [`Declared`]
//! note: Pays by proven throughput.     none or more: the publisher's notes
//! ```
//!
//! Then the signatures, one a line, which are no part of the text:
//!
//! ```text
//! signature: sr25519 5Grw... 4e2f...   scheme, address, 64 bytes in hexadecimal
//! ```
//!
//! Each signs the bytes of the text as they stand, from its first letter to the
//! line feed of its last line: sr25519 in Substrate's context, ed25519 bare. The
//! first line sets the text apart from every other that a hotkey signs, and
//! `host wallet sign` refuses to sign what begins so.
//!
//! It travels beside the file, `x.manifest` beside `x.wasm` or `x.toml`, or
//! inside a component as its last section: a custom section of the component
//! itself (not of a module in it) named [`SECTION`], with the same bytes. The
//! digest is SHA-256 over the file without that section, so that a plugin has
//! one digest wherever its manifest is; see [`embed`].
//!
//! A reader takes a text only if writing what it read gives the same bytes:
//! nothing can be said in two ways, so nothing can be signed in one and read in
//! another.

mod date;
pub mod embed;
mod read;

use std::fmt;

pub use self::date::Instant;
pub use self::embed::SECTION;
pub use self::read::{ManifestError, read};
use crate::subnet::Netuid;
use crate::subnet::key::{Signature, Signer};
use crate::subnet::plugin::Digest;
use crate::subnet::provider::Want as Grantable;
use crate::subnet::trust::{Key, Subject};

/// The first line, which no other protocol's text has.
pub const FIRST_LINE: &str = "compute-subnet/manifest/1";
/// The largest manifest, signatures included.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;
/// Signatures of one manifest.
pub const SIGNATURES_MAX: usize = 32;
/// The longest value of a line.
const VALUE_BYTES_MAX: usize = 1 << 10;
const WANTS_MAX: usize = 32;
const SETTINGS_MAX: usize = 256;
const NOTES_MAX: usize = 32;

/// What the signed text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// As the plugin describes itself; a data pack's own name.
    pub name: String,
    /// As the plugin describes itself.
    pub version: String,
    /// What it is about.
    pub subject: Subject,
    /// Of the bytes, without an embedded manifest.
    pub digest: Digest,
    /// Only for this subnet; for any if `None`.
    pub netuid: Option<Netuid>,
    /// Only grows, for each name and key.
    pub sequence: u64,
    /// Not admitted from then on; `None` is never.
    pub expires: Option<Instant>,
    /// What it asks the host for, ascending.
    pub wants: Vec<Want>,
    /// The settings it understands, by name; not said if empty.
    pub settings: Vec<Declared>,
    /// For people.
    pub notes: Vec<String>,
}

/// One thing a plugin asks for: `limit NAME NUMBER`, or a provider adapter's
/// grant: `http ORIGIN`, `credential NAME`, `machine containers`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// One kebab-case word.
    pub kind: String,
    /// The rest of the line.
    pub what: String,
}

impl Want {
    /// An adapter's want as a manifest writes it.
    pub fn of(want: &Grantable) -> Self {
        let (kind, what) = match want {
            Grantable::HttpOrigin(origin) => ("http", origin.as_str()),
            Grantable::Credential(name) => ("credential", name.as_str()),
            Grantable::Machine => ("machine", "containers"),
        };
        Self {
            kind: kind.to_owned(),
            what: what.to_owned(),
        }
    }

    /// Whether it is something an operator grants, and not a limit.
    pub(super) fn is_grant(&self) -> bool {
        ["http", "credential", "machine"].contains(&&*self.kind)
    }
}

/// A setting the plugin understands: `NAME TYPE DESCRIPTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The dotted key.
    pub name: String,
    /// What its value must be.
    pub kind: SettingKind,
    /// For people.
    pub description: String,
}

/// What a setting's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// Anything.
    Text,
    /// A whole number, perhaps negative.
    Integer,
    /// `true` or `false`.
    Flag,
    /// A JSON array.
    List,
}

impl SettingKind {
    const ALL: [Self; 4] = [Self::Text, Self::Integer, Self::Flag, Self::List];

    /// As a manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Flag => "flag",
            Self::List => "list",
        }
    }

    /// Exactly what [`Self::name`] gives.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut known = Self::ALL.into_iter();
        known.find(|kind| kind.name() == name)
    }

    /// Whether `value` is one.
    pub fn admits(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Integer => value.parse::<i128>().is_ok(),
            Self::Flag => matches!(value, "true" | "false"),
            Self::List => serde_json::from_str::<Vec<serde_json::Value>>(value).is_ok(),
        }
    }
}

impl Manifest {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        let mut line = |name: &str, value: &dyn fmt::Display| {
            text.push_str(&format!("{name}: {value}\n"));
        };
        line("name", &self.name);
        line("version", &self.version);
        line("world", &self.subject);
        line("digest", &self.digest);
        match self.netuid {
            Some(netuid) => line("netuid", &netuid),
            None => line("netuid", &"any"),
        }
        line("sequence", &self.sequence);
        match self.expires {
            Some(expires) => line("expires", &expires),
            None => line("expires", &"never"),
        }
        for Want { kind, what } in &self.wants {
            line("want", &format_args!("{kind} {what}"));
        }
        for declared in &self.settings {
            let (name, kind) = (&declared.name, declared.kind.name());
            line(
                "setting",
                &format_args!("{name} {kind} {}", declared.description),
            );
        }
        for note in &self.notes {
            line("note", note);
        }
        text
    }

    /// Without signatures, once it is known to be one that can be read back.
    pub fn unsigned(self) -> Result<Signed, ManifestError> {
        read(self.text().as_bytes())
    }
}

/// A signature as it stands in the file, true or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedBy {
    /// Whose it says it is.
    pub key: Key,
    /// Over the text.
    pub signature: Signature,
}

/// A manifest and the signatures that came with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub manifest: Manifest,
    /// True or not; see [`Signed::signers`].
    pub signatures: Vec<SignedBy>,
}

impl Signed {
    /// As it is written to a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = self.manifest.text();
        for SignedBy { key, signature } in &self.signatures {
            let hex = hex::encode(signature.0);
            text.push_str(&format!(
                "signature: {} {} {hex}\n",
                key.scheme, key.account
            ));
        }
        text.into_bytes()
    }

    /// Adds the signature of `signer`, in the place of an older one of its.
    pub fn sign(&mut self, signer: &dyn Signer) {
        let key = Key {
            scheme: signer.scheme(),
            account: signer.account(),
        };
        let signature = signer.sign(self.manifest.text().as_bytes());
        self.signatures.retain(|by| by.key != key);
        self.signatures.push(SignedBy { key, signature });
    }

    /// Whose signatures are true, each key once.
    pub fn signers(&self) -> Vec<Key> {
        let text = self.manifest.text();
        let mut signers = Vec::new();
        for by in &self.signatures {
            if !signers.contains(&by.key) && by.is_true(text.as_bytes()) {
                signers.push(by.key);
            }
        }
        signers
    }

    /// Adds the signatures of `other`, which must say the same.
    pub fn join(&mut self, other: &Self) -> Result<(), ManifestError> {
        if self.manifest != other.manifest {
            return Err(ManifestError::Contradiction);
        }
        for by in &other.signatures {
            if !self.signatures.contains(by) && self.signatures.len() < SIGNATURES_MAX {
                self.signatures.push(*by);
            }
        }
        Ok(())
    }
}

impl SignedBy {
    /// Whether the key signed exactly `text`.
    pub fn is_true(&self, text: &[u8]) -> bool {
        let Key { scheme, account } = &self.key;
        scheme.verify(account, text, &self.signature)
    }
}

/// A manifest of nothing in particular.
#[cfg(test)]
pub(super) fn example() -> Manifest {
    Manifest {
        name: "example".into(),
        version: "1.0.0".into(),
        subject: Subject::Plugin(crate::subnet::plugin::World::ScoringPolicy),
        digest: Digest([7; 32]),
        netuid: None,
        sequence: 1,
        expires: None,
        wants: vec![],
        settings: vec![],
        notes: vec![],
    }
}

#[cfg(test)]
mod tests;
