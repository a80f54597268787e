//! What can go wrong, in words that say what to do.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::subnet::evidence::{StoreError, StoreOwner};

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made or read.
    #[error("cannot use {path}: {source}; the state folder must be this user's own and writable")]
    Folder {
        /// What was tried.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Others could read the seeds.
    #[error("{path} is open to other users (mode {mode:o}); close it with: chmod 700 {path}")]
    Permissions {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A node has it.
    #[error("another node{by} uses {path}; stop it, or give this node a state folder of its own")]
    Locked {
        /// The folder.
        path: PathBuf,
        /// ` (process 123)` where known.
        by: String,
    },
    /// It is another node's.
    #[error(
        "{path} belongs to {found}, this node is {wanted}; give this node a state folder of its own with \
         --state-folder FOLDER, or remove that one if its chain is gone, as a development chain is when it ends"
    )]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// In words.
        found: String,
        /// In words.
        wanted: String,
    },
    /// Written by a later version of this program.
    #[error(
        "{file} has format {found} and this program knows up to {known}; run the newer version that wrote it"
    )]
    Newer {
        /// The file's name.
        file: &'static str,
        /// Migrations the file has seen.
        found: i64,
        /// Migrations this program has.
        known: usize,
    },
    /// A database, but not ours.
    #[error("{file} is another program's database; move it away and start again")]
    Foreign {
        /// The file's name.
        file: &'static str,
    },
    /// It cannot be read any more, or the disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(Failure::from(error).into())
    }
}

/// An owner in words.
pub(super) fn describe(owner: &StoreOwner) -> String {
    format!(
        "hotkey {} of netuid {} on the chain with genesis 0x{}",
        owner.hotkey,
        owner.netuid,
        hex::encode(owner.genesis)
    )
}

/// What goes wrong inside a call, before it becomes a [`StoreError`].
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite's.
    Database(rusqlite::Error),
    /// What was asked for makes no sense here; why.
    Refused(String),
    /// A record that was written differently from how it reads; which.
    Unreadable(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.explain(DAMAGED)
    }
}

impl Failure {
    /// In words, with what to do if the file is `damaged`.
    pub(super) fn explain(self, damaged: &str) -> StoreError {
        StoreError(match self {
            Self::Refused(why) => why,
            Self::Unreadable(what) => format!("a record cannot be read ({what}); {damaged}"),
            Self::Database(error) => explain(&error, damaged),
        })
    }
}

/// What to do with a file that cannot be trusted any more.
const DAMAGED: &str = "the file is damaged: stop the node, move evidence.sqlite and its -wal and \
                       -shm files away, put back a copy if there is one, and start again; without \
                       one the node begins with no memory and keeps the weights on chain";

fn explain(error: &rusqlite::Error, damaged: &str) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full: make room, the node goes on by itself",
        Some(ErrorCode::ReadOnly) => "the file cannot be written: check its owner and the mount",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged,
        Some(ErrorCode::SystemIoFailure) => {
            "the disk failed: check the system's log before trusting it again"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "the file cannot be opened: check its owner and permissions"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the file: close it"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {remedy}")
}
