//! The operator's door to a running node: a Unix socket in its state folder.
//!
//! One request a connection, one line of JSON each way; sizes, times and
//! connections are bounded. Who may ask is a matter of the file system and of
//! the kernel: a 0600 socket in a 0700 folder, and the peer's uid as the socket
//! reports it must be the node's own (or root's). There is no network listener
//! and no password.
//!
//! ```text
//! host plugin swap ─ Client ─ state/admin.sock ─ serve ─ dyn Admin ─ the node
//! ```
//!
//! Knows sockets, not plugins: what a request means is [`Admin`]'s. A swap's
//! file is read here, once, so that what was checked is what becomes active,
//! and a swap without the operator's pin is refused here, whatever the node.

mod client;
mod place;
mod protocol;
mod rentals;
mod server;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::subnet::plugin::{PluginId, Rehearsal};
use crate::subnet::provider::Query;
use crate::subnet::rental::Landlord;
use crate::subnet::trust::Subject;

pub use client::{AdminError, Client};
pub use place::{Door, private_folder};
pub use protocol::{Approval, Change};
pub use rentals::Rentals;
pub use server::serve;

/// The largest component an operator may offer, in bytes.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;
/// The largest manifest beside it.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// What an operator may ask of a node.
#[async_trait]
pub trait Admin: Send + Sync {
    /// What the node is and does, as an object.
    async fn status(&self) -> serde_json::Value;
    /// What is active, and what was refused.
    async fn plugins(&self) -> PluginList;
    /// All there is to know of one active plugin, as an object.
    async fn inspect(&self, name: &str) -> Option<serde_json::Value>;
    /// Who swapped what when, newest first, as a list of objects.
    async fn history(&self) -> serde_json::Value;
    /// Puts back what was active before in a place, makes the policy on trial the
    /// active one, or ends its trial.
    async fn change(&self, change: Change) -> Result<Swapped, Refusal>;
    /// The active provider adapters, as a list of objects.
    async fn providers(&self) -> serde_json::Value;
    /// What they have for rent now, as an object.
    async fn offers(&self, query: Query) -> serde_json::Value;
    /// Lets machines; `None` on a node that is no miner.
    fn landlord(&self) -> Option<Arc<dyn Landlord>> {
        None
    }
    /// The weights that the guard holds, as an object.
    async fn held(&self) -> Option<serde_json::Value>;
    /// Lets them through with the next epoch, and says what they were; an error if
    /// that could not be kept.
    async fn accept(&self) -> Result<Option<serde_json::Value>, String>;
    /// Reads the configuration again; an error, and nothing changed, if there is a
    /// mistake in it.
    async fn reload(&self) -> Result<Reloaded, String>;
    /// Puts an offered component or data pack in the place of an active one, or
    /// says why not.
    async fn swap(&self, offer: Offer) -> Result<Swapped, Refusal>;
}

/// A component or a data pack that an operator offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The active plugin whose place it is to take.
    pub name: String,
    /// Where the bytes came from, for the record.
    pub origin: PathBuf,
    /// The file itself.
    pub bytes: Vec<u8>,
    /// The manifest beside it, if there is one.
    pub manifest: Option<Vec<u8>>,
    /// What the operator says of it.
    pub approval: Approval,
    /// Whether it is tried before it takes over.
    pub rehearsal: Rehearsal,
}

/// What a configuration that was read again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Keys that count from now on.
    pub live: Vec<String>,
    /// What that meant for plugins and data packs, a line each.
    pub done: Vec<String>,
    /// Which of them do not take it, and why, a line each.
    pub refused: Vec<String>,
    /// Keys that count from the next start on.
    pub waiting: Vec<String>,
}

/// What `host plugin list` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginList {
    /// What is active.
    pub plugins: Vec<PluginEntry>,
    /// What was offered since the start and refused, newest first.
    pub refused: Vec<Refused>,
}

/// An offer that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The place it was for, whether there is one of that name or not.
    pub slot: String,
    /// Where it came from.
    pub origin: String,
    /// Why.
    pub refusal: Refusal,
}

/// One line of `host plugin list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEntry {
    /// Its place: its own name, `policy`, `shadow` or `upcoming`.
    pub place: String,
    /// Which one is active.
    pub id: PluginId,
    /// Which kind.
    pub world: Subject,
    /// `built-in`, or whose word let it in.
    pub origin: String,
}

/// A swap that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swapped {
    /// What was active.
    pub old: Option<PluginId>,
    /// What is.
    pub new: PluginId,
}

/// A swap that did not happen; what was active still is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What is wrong; may quote a plugin, so escape it.
    pub reason: String,
    /// What to do, or the line to type.
    pub remedy: String,
}
