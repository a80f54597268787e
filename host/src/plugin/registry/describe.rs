//! What a registry tells those who ask, in plain structs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::plugin::admission::AdmissionError;
use crate::subnet::plugin::{Digest, PluginId, World};
use crate::subnet::text::escape;

/// A plugin in its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What `host plugin swap` calls it.
    pub slot: String,
    /// What kind.
    pub world: World,
    /// Which one, exactly.
    pub id: PluginId,
    /// Its own words, one line, escaped.
    pub summary: String,
    /// The solvers it answers to.
    pub solves: Vec<String>,
    /// Why it may run.
    pub source: Source,
    /// Since when.
    pub since_unix_s: u64,
    /// The last one that was to take its place and could not.
    pub refused: Option<Refusal>,
}

/// Why a plugin may run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum Source {
    /// The binary carries it.
    BuiltIn,
    /// An operator pinned its digest.
    Pinned {
        /// Who.
        by: String,
    },
    /// Put there on a development chain.
    DevelopmentChain,
}

/// A plugin that did not take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The slot it was for, as it was asked for; escaped.
    pub slot: String,
    /// Of its bytes.
    pub digest: Digest,
    /// When.
    pub at_unix_s: u64,
    /// What happened, and why.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Refusal {
    pub(super) fn new(slot: &str, digest: Digest, error: &AdmissionError) -> Self {
        Self {
            slot: escape(slot),
            digest,
            at_unix_s: unix_s(),
            reason: reason(error),
            remedy: error.remedy(),
        }
    }
}

/// The refusal and what caused it, in one line.
fn reason(error: &AdmissionError) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}

/// A swap that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// Where.
    pub slot: String,
    /// What kind.
    pub world: World,
    /// What was active before.
    pub from: Option<Digest>,
    /// What is active since.
    pub to: Digest,
    /// Who approved it.
    pub by: String,
    /// When.
    pub at_unix_s: u64,
}

/// What a swap did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwapReport {
    /// Where.
    pub slot: String,
    /// What kind.
    pub world: World,
    /// What finishes its calls and sessions now.
    pub from: Option<PluginId>,
    /// What takes new ones.
    pub to: PluginId,
}

/// Seconds since 1970.
pub(super) fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
