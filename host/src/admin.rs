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
mod server;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::subnet::plugin::{PluginId, World};

pub use client::{AdminError, Client};
pub use place::{Door, private_folder};
pub use server::serve;

/// The largest component an operator may offer, in bytes.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// What an operator may ask of a node.
#[async_trait]
pub trait Admin: Send + Sync {
    /// What the node is and does, as an object.
    async fn status(&self) -> serde_json::Value;
    /// What is active, and what was refused.
    async fn plugins(&self) -> Vec<PluginEntry>;
    /// All there is to know of one active plugin, as an object.
    async fn inspect(&self, name: &str) -> Option<serde_json::Value>;
    /// Puts an offered component in the place of an active one, or says why not.
    /// The operator has approved exactly these bytes.
    async fn swap(&self, offer: Offer) -> Result<Swapped, Refusal>;
}

/// A component that an operator offers and has pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The active plugin whose place it is to take.
    pub name: String,
    /// Where the bytes came from, for the record.
    pub origin: PathBuf,
    /// The component itself.
    pub bytes: Vec<u8>,
}

/// One line of `host plugin list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEntry {
    /// Which one is active.
    pub id: PluginId,
    /// Which kind.
    pub world: World,
    /// `built-in`, or the file it came from.
    pub origin: String,
    /// The last offer for its place that was refused, if that was later.
    pub refusal: Option<Refusal>,
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
