//! What a registry tells those who ask, in plain structs.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::plugin::admission::AdmissionError;
use crate::plugin::limits::WorldLimits;
use crate::plugin::stats::Calls;
use crate::subnet::plugin::{Digest, PluginId, World};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;
use crate::subnet::trust::Subject;

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
    /// What it was granted: all that it wants.
    pub wants: Vec<Want>,
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
    /// The configuration names its digest.
    Configured,
    /// Keys signed it that the configuration names.
    Signed {
        /// Which.
        by: Vec<String>,
        /// Its publisher's number.
        sequence: u64,
    },
    /// Put there on a development chain.
    DevelopmentChain,
}

/// A plugin that did not take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The slot it was for, as it was asked for; escaped.
    pub slot: String,
    /// Where it came from.
    pub origin: String,
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
    pub(super) fn new(slot: &str, origin: &str, digest: Digest, error: &AdmissionError) -> Self {
        Self {
            slot: escape(slot),
            origin: escape(origin),
            digest,
            at_unix_s: unix_s(),
            reason: reason(error),
            remedy: error.remedy(),
        }
    }

    /// A plugin that was taken out of its place.
    pub(super) fn demoted(slot: &str, digest: Digest, failures: u32) -> Self {
        Self {
            slot: escape(slot),
            origin: "active before".into(),
            digest,
            at_unix_s: unix_s(),
            reason: format!(
                "it failed {failures} times in a row, and the one before it took its place"
            ),
            remedy: "the log says how it failed; offer one that is mended with `host plugin swap`"
                .into(),
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
    #[serde(rename = "world")]
    pub subject: Subject,
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
    #[serde(rename = "world")]
    pub subject: Subject,
    /// What finishes its calls and sessions now.
    pub from: Option<PluginId>,
    /// What takes new ones.
    pub to: PluginId,
}

/// A data pack that is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedPack {
    /// Which one; data packs have no settings.
    pub id: PluginId,
    /// Why it may be here.
    pub source: Source,
    /// The plugins that read it.
    pub readers: Vec<String>,
}

/// All there is to know of one active plugin.
#[derive(Debug, Clone, Serialize)]
pub struct Inspected {
    /// What `list` says.
    pub plugin: Listed,
    /// What its publisher says, line by line.
    pub manifest: Option<Vec<String>>,
    /// Its settings, data packs among them.
    pub settings: BTreeMap<String, String>,
    /// What it may take.
    pub limits: WorldLimits,
    /// What no plugin may be given more of.
    pub ceiling: WorldLimits,
    /// What it took.
    pub used: Calls,
    /// What was swapped in its place, newest first.
    pub history: Vec<Swap>,
}

/// Seconds since 1970.
pub(super) fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
