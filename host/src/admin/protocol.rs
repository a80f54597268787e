//! What goes over the socket: one line of JSON each way.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

use super::Refusal;
use super::rentals::Rentals;
use crate::subnet::plugin::{Moment, Rehearsal};
use crate::subnet::provider::Query;

/// The longest request, in bytes.
pub(super) const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// The longest reply, in bytes.
pub(super) const REPLY_BYTES_MAX: u64 = 16 << 20;
/// How long a peer may take to send its line.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the node may take to answer: a swap compiles a component.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// What the node is and does.
    Status,
    /// What is active.
    Plugins,
    /// All about one.
    Inspect {
        /// Its name.
        name: String,
    },
    /// Who swapped what when.
    History,
    /// Something else in a place, of what is here already.
    Change(Change),
    /// Whom machines can be rented from.
    Providers,
    /// What there is for rent.
    Offers(Query),
    /// Something about a rental.
    Rentals(Rentals),
    /// The weights that the guard holds.
    Held,
    /// Lets them through.
    Accept,
    /// Another component for a plugin's place.
    Swap {
        /// Whose place.
        name: String,
        /// An absolute path, read by the node.
        file: String,
        /// What the operator says of it.
        approval: Approval,
        /// Whether it is tried first.
        #[serde(default)]
        rehearsal: Rehearsal,
    },
    /// The configuration, read again.
    Reload,
}

/// What to do with plugins that are here already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// What was active before in this place comes back.
    RollBack(String),
    /// The policy on trial becomes the active one.
    Promote,
    /// What waits in a place becomes the active policy then.
    At {
        /// `shadow` or `upcoming`.
        place: String,
        /// When.
        moment: Moment,
    },
    /// The trial is over.
    EndTrial,
}

/// What an operator says of a file that is offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Nothing: its signatures must do.
    #[default]
    Signatures,
    /// Nothing, but that it may be older than what was here.
    Downgrade,
    /// These very bytes are approved.
    Pin,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    /// Done; the value is the request's own.
    Done(serde_json::Value),
    /// A swap that did not happen.
    Refused(Refusal),
    /// The request cannot be carried out.
    Failed(String),
}

/// Reads one line of at most `limit` bytes, the newline cut off.
pub(super) async fn line(stream: impl AsyncRead + Unpin, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(limit + 1))
        .read_until(b'\n', &mut line)
        .await?;
    if line.pop() == Some(b'\n') {
        return Ok(line);
    }
    let kind = std::io::ErrorKind::InvalidData;
    Err(std::io::Error::new(
        kind,
        format!("not a line of at most {limit} bytes"),
    ))
}

/// One line, its newline included.
pub(super) fn encode(message: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
