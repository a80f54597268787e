//! A look at a store from another process, for `host status` and its like.
//!
//! Opened read-only, beside a running node or without one. What it shows of a
//! session that has not ended is a summary: a seed is secret until the verdict.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};

use crate::subnet::evidence::{
    EndedSession, Ending, EpochRecord, SessionRecord, ShadowRecord, StoreError, StoreOwner,
};
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::scoring::Outcome;
use crate::subnet::{BlockNumber, Uid};

use super::encode::{int, len, uint};
use super::error::{Failure, OpenError};
use super::open::read_owner;
use super::{FILE_NAME, epochs, plugins, sessions, shadows};

/// How long a look waits for the node.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// How far a session got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// No ending yet.
    Open,
    /// It ended; a verdict's memory is left out.
    Ended(Ending),
}

/// One session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its id.
    pub id: String,
    /// The miner's slot when it began.
    pub uid: Uid,
    /// The miner's key as an SS58 address.
    pub hotkey: String,
    /// When it began.
    pub block: BlockNumber,
    /// Which generator.
    pub generator: PluginId,
    /// How far it got.
    pub state: SessionState,
}

/// One epoch in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochSummary {
    /// The chain's count.
    pub number: u64,
    /// The block everything was read at.
    pub block: BlockNumber,
    /// Which policy.
    pub policy: PluginId,
    /// What it returned, its memory left out, or why it did not.
    pub outcome: Result<Outcome, String>,
    /// Fuel burned.
    pub fuel: u64,
}

/// Sessions by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// Judged and passed.
    pub passed: u64,
    /// Judged and failed.
    pub failed: u64,
    /// Counted for nobody.
    pub void: u64,
    /// Not ended.
    pub open: u64,
}

/// A store opened for looking.
pub struct StoreReader(Connection);

impl StoreReader {
    /// Opens the store in `folder`; none there is an error.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let connection = Connection::open_with_flags(
            folder.join(FILE_NAME),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_WAIT)?;
        Ok(Self(connection))
    }

    /// Whose store it is.
    pub fn owner(&self) -> Result<Option<StoreOwner>, OpenError> {
        read_owner(&self.0)
    }

    /// The newest sessions, newest first.
    pub fn recent_sessions(&self, limit: usize) -> Result<Vec<SessionSummary>, StoreError> {
        let sql = "SELECT record, ending FROM sessions ORDER BY serial DESC LIMIT ?1";
        Ok(collect(&self.0, sql, params![len(limit)?], session)?)
    }

    /// Epochs by number, at most `limit`.
    pub fn epochs(
        &self,
        numbers: RangeInclusive<u64>,
        limit: usize,
    ) -> Result<Vec<EpochSummary>, StoreError> {
        let last = (*numbers.end()).min(i64::MAX.unsigned_abs());
        let bounds = params![int(*numbers.start())?, int(last)?, len(limit)?];
        let sql = "SELECT number, block, policy, outcome, fuel FROM epochs
                   WHERE number BETWEEN ?1 AND ?2 ORDER BY number LIMIT ?3";
        Ok(collect(&self.0, sql, bounds, epoch)?)
    }

    /// An epoch with all it was given and all it returned.
    pub fn epoch(&self, number: u64) -> Result<Option<EpochRecord>, StoreError> {
        Ok(epochs::by_number(&self.0, number)?)
    }

    /// The numbers of the epochs on record, ascending, at most `limit`, the
    /// newest if there are more.
    pub fn epoch_numbers(
        &self,
        numbers: RangeInclusive<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let last = (*numbers.end()).min(i64::MAX.unsigned_abs());
        let bounds = params![int(*numbers.start())?, int(last)?, len(limit)?];
        let sql = "SELECT number FROM epochs WHERE number BETWEEN ?1 AND ?2
                   ORDER BY number DESC LIMIT ?3";
        let mut numbers = collect(&self.0, sql, bounds, |row| uint(row.get(0)?))?;
        numbers.reverse();
        Ok(numbers)
    }

    /// What shadow policies made of epochs, ascending, at most `limit`, the newest
    /// if there are more.
    pub fn shadows(&self, limit: usize) -> Result<Vec<ShadowRecord>, StoreError> {
        let columns = shadows::COLUMNS;
        let sql = format!("SELECT {columns} FROM shadows ORDER BY number DESC LIMIT ?1");
        let mut records = collect(&self.0, &sql, params![len(limit)?], shadows::read)?;
        records.reverse();
        Ok(records)
    }

    /// The ids of the newest sessions that have ended, oldest first.
    pub fn ended_sessions(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM sessions WHERE ending IS NOT NULL ORDER BY serial DESC LIMIT ?1";
        let mut ids = collect(&self.0, sql, params![len(limit)?], |row| Ok(row.get(0)?))?;
        ids.reverse();
        Ok(ids)
    }

    /// A session that has ended, seed and all.
    pub fn ended_session(&self, id: &str) -> Result<Option<EndedSession>, StoreError> {
        Ok(sessions::ended(&self.0, id)?)
    }

    /// A component that epochs or sessions were worked out with.
    pub fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(plugins::component(&self.0, digest)?)
    }

    /// A settings table that one of them ran with.
    pub fn settings(&self, digest: Digest) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        Ok(plugins::settings(&self.0, digest)?)
    }

    /// All sessions kept, by how they ended.
    pub fn verdict_counts(&self) -> Result<VerdictCounts, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE passed), count(*) FILTER (WHERE NOT passed),
                          count(*) FILTER (WHERE ending IS NOT NULL AND passed IS NULL),
                          count(*) FILTER (WHERE ending IS NULL) FROM sessions";
        let mut counted = collect(&self.0, sql, [], |row| {
            Ok(VerdictCounts {
                passed: uint(row.get(0)?)?,
                failed: uint(row.get(1)?)?,
                void: uint(row.get(2)?)?,
                open: uint(row.get(3)?)?,
            })
        })?;
        Ok(counted.pop().unwrap_or_default())
    }
}

fn collect<T>(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(read(row)?);
    }
    Ok(values)
}

fn session(row: &Row<'_>) -> Result<SessionSummary, Failure> {
    let record: SessionRecord = serde_json::from_str(&row.get::<_, String>(0)?)?;
    let ending: Option<String> = row.get(1)?;
    let state = match ending {
        None => SessionState::Open,
        Some(text) => SessionState::Ended(serde_json::from_str(&text)?),
    };
    Ok(SessionSummary {
        id: record.session.id,
        uid: record.session.uid,
        hotkey: record.session.hotkey.to_ss58(),
        block: record.session.block,
        generator: record.generator,
        state,
    })
}

fn epoch(row: &Row<'_>) -> Result<EpochSummary, Failure> {
    Ok(EpochSummary {
        number: uint(row.get(0)?)?,
        block: uint(row.get(1)?)?,
        policy: serde_json::from_str(&row.get::<_, String>(2)?)?,
        outcome: serde_json::from_str(&row.get::<_, String>(3)?)?,
        fuel: uint(row.get(4)?)?,
    })
}
