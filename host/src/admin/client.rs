//! Asks a running node.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::subnet::rental::{Lease, Rental};

use super::place::find;
use super::protocol::{
    ANSWER_TIMEOUT, Approval, Change, REPLY_BYTES_MAX, REQUEST_TIMEOUT, Reply, Request, encode,
    line,
};
use super::rentals::Rentals;
use super::server::is_trusted;
use super::{PluginList, Refusal, Reloaded, Swapped};
use crate::subnet::plugin::Rehearsal;
use crate::subnet::provider::Query;

/// Why a node gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens.
    #[error("no node runs in {}", .0.display())]
    NotRunning(PathBuf),
    /// The swap did not happen.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The node's own words.
    #[error("{0}")]
    Failed(String),
    /// Something else answers, or the node broke off.
    #[error("the node in {} does not answer as it should: {why}", folder.display())]
    Broken {
        /// Whose.
        folder: PathBuf,
        /// How.
        why: String,
    },
}

/// A running node, by its state folder.
#[derive(Debug, Clone)]
pub struct Client {
    state_folder: PathBuf,
}

impl Client {
    /// Connects at each request, not here.
    pub fn new(state_folder: &Path) -> Self {
        Self {
            state_folder: state_folder.to_owned(),
        }
    }

    /// What the node is and does.
    pub async fn status(&self) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::Status).await
    }

    /// What is active, and what was refused.
    pub async fn plugins(&self) -> Result<PluginList, AdminError> {
        self.ask(&Request::Plugins).await
    }

    /// All there is to know of one active plugin.
    pub async fn inspect(&self, name: &str) -> Result<serde_json::Value, AdminError> {
        let name = name.to_owned();
        self.ask(&Request::Inspect { name }).await
    }

    /// Who swapped what when, newest first.
    pub async fn history(&self) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::History).await
    }

    /// Changes what is active among what is here already.
    pub async fn change(&self, change: Change) -> Result<Swapped, AdminError> {
        self.ask(&Request::Change(change)).await
    }

    /// The active provider adapters.
    pub async fn providers(&self) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::Providers).await
    }

    /// What they have for rent now.
    pub async fn offers(&self, query: Query) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::Offers(query)).await
    }

    /// The newest rentals, over or not.
    pub async fn rentals(&self) -> Result<Vec<Rental>, AdminError> {
        self.ask(&Request::Rentals(Rentals::List)).await
    }

    /// Rents, looks at, extends or ends a rental.
    pub async fn rental(&self, asked: Rentals) -> Result<Lease, AdminError> {
        self.ask(&Request::Rentals(asked)).await
    }

    /// The weights that the guard holds; null if it holds none.
    pub async fn held(&self) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::Held).await
    }

    /// Lets them through with the next epoch.
    pub async fn accept(&self) -> Result<serde_json::Value, AdminError> {
        self.ask(&Request::Accept).await
    }

    /// Has the configuration read again.
    pub async fn reload(&self) -> Result<Reloaded, AdminError> {
        self.ask(&Request::Reload).await
    }

    /// Offers `file`, an absolute path, for the place of `name`.
    pub async fn swap(
        &self,
        name: &str,
        file: &Path,
        approval: Approval,
        rehearsal: Rehearsal,
    ) -> Result<Swapped, AdminError> {
        let name = name.to_owned();
        let file = file
            .to_str()
            .ok_or_else(|| AdminError::Failed("the path is not UTF-8".to_owned()))?
            .to_owned();
        self.ask(&Request::Swap {
            name,
            file,
            approval,
            rehearsal,
        })
        .await
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, AdminError> {
        let stream = self.connect().await?;
        match self.exchange(stream, request).await {
            Ok(Reply::Done(value)) => {
                serde_json::from_value(value).map_err(|error| self.broken(error))
            }
            Ok(Reply::Refused(refusal)) => Err(AdminError::Refused(refusal)),
            Ok(Reply::Failed(why)) => Err(AdminError::Failed(why)),
            Err(error) => Err(self.broken(error)),
        }
    }

    async fn connect(&self) -> Result<UnixStream, AdminError> {
        let absent = || AdminError::NotRunning(self.state_folder.clone());
        let path = find(&self.state_folder).map_err(|_| absent())?;
        match timeout(REQUEST_TIMEOUT, UnixStream::connect(&path)).await {
            Ok(Ok(stream)) if is_trusted(&stream).unwrap_or(false) => Ok(stream),
            Ok(Ok(_)) => Err(self.broken("another user's process listens there")),
            Ok(Err(error)) if is_absence(&error) => Err(absent()),
            Ok(Err(error)) => Err(self.broken(error)),
            Err(elapsed) => Err(self.broken(elapsed)),
        }
    }

    async fn exchange(&self, mut stream: UnixStream, request: &Request) -> io::Result<Reply> {
        stream.write_all(&encode(request)?).await?;
        let limit = ANSWER_TIMEOUT + REQUEST_TIMEOUT;
        let reply = timeout(limit, line(stream, REPLY_BYTES_MAX)).await??;
        Ok(serde_json::from_slice(&reply)?)
    }

    fn broken(&self, why: impl ToString) -> AdminError {
        AdminError::Broken {
            folder: self.state_folder.clone(),
            why: why.to_string(),
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}
