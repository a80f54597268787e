//! The ledger of rentals, in an SQLite file of its own.
//!
//! The promise is that of [`Ledger`]: what returned `Ok` is on disk and survives
//! `kill -9` and a power cut; a call that did not return may have happened wholly
//! or not at all. Each call is one transaction. What is over stays over, and a
//! renter's key stays taken for as long as its rental is kept.
//!
//! ```text
//! <folder>  0700      nobody else's
//!   rentals.lock      held while a node lives; a second node is refused
//!   rentals.db  0600
//! ```
//!
//! A ledger belongs to one hotkey and netuid from its first opening on, and to one
//! generation of this program or a later one. It is not bound to a chain's genesis
//! as the evidence is: what is paid for must be ended whether the chain can be
//! reached or not, so it is opened before anybody has asked the chain.
//!
//! Rentals that are over go with age or number, see [`LedgerRetention`], as others
//! begin and end; those that are not are kept whatever their age, and so is what
//! was over so lately that it counts as spent.

mod rows;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::subnet::Netuid;
use crate::subnet::evidence::StoreError;
use crate::subnet::key::AccountId;
use crate::subnet::rental::{Ledger, Rental, Renter};

use super::encode::hash;
use super::error::{Failure, OpenError};
use super::folder;
use super::open::connect;
use super::schema::Format;

/// The file in the node's state folder.
const FILE_NAME: &str = "rentals.db";
/// Beside it, held while a node lives.
const LOCK_NAME: &str = "rentals.lock";
/// What to do with a file that cannot be trusted any more.
const DAMAGED: &str = "the file is damaged: stop the node, move rentals.db and its -wal and -shm \
                       files away, put back a copy if there is one, and start again; without one \
                       the node looks at what its providers run and treats it as rentals.unknown-own says";

const FORMAT: Format = Format {
    // "hrnt" in ASCII.
    application_id: 0x6872_6e74,
    migrations: &[FIRST],
    file: FILE_NAME,
};

const FIRST: &str = "
CREATE TABLE owner (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  netuid INTEGER NOT NULL,
  hotkey BLOB    NOT NULL
) STRICT;

-- `renter` is a hotkey, or empty for the operator; `record` is JSON, all of it.
-- What stands in a column as well is there to be found by.
CREATE TABLE rentals (
  serial    INTEGER PRIMARY KEY AUTOINCREMENT,
  order_key TEXT    NOT NULL UNIQUE,
  renter    BLOB    NOT NULL,
  key       TEXT    NOT NULL,
  adapter   TEXT    NOT NULL,
  phase     TEXT    NOT NULL,
  cost      INTEGER NOT NULL,
  over_at   INTEGER,
  record    TEXT    NOT NULL,
  UNIQUE (renter, key)
) STRICT;
CREATE INDEX rentals_live   ON rentals (serial) WHERE over_at IS NULL;
CREATE INDEX rentals_spent  ON rentals (over_at, adapter, cost);
CREATE INDEX rentals_renter ON rentals (renter, serial);
";

/// Whose rentals they are; opening the ledger for another is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerOwner {
    /// The subnet.
    pub netuid: Netuid,
    /// The miner's key.
    pub hotkey: AccountId,
}

/// How many rentals that are over are kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRetention {
    /// Beyond so many newer ones, the oldest go.
    pub over_max: u64,
    /// What was over so many seconds before the latest is gone.
    pub over_age_s_max: u64,
}

impl Default for LedgerRetention {
    fn default() -> Self {
        Self {
            over_max: 100_000,
            over_age_s_max: 90 * 24 * 3_600,
        }
    }
}

/// The miner's rentals on disk.
pub struct SqliteLedger {
    connection: Mutex<Connection>,
    retention: LedgerRetention,
    /// Locked for as long as this is open.
    _lock: File,
}

impl SqliteLedger {
    /// Opens the ledger of `owner` in `folder`, or makes it.
    pub fn open(
        folder: &Path,
        owner: &LedgerOwner,
        retention: LedgerRetention,
    ) -> Result<Self, OpenError> {
        folder::prepare(folder)?;
        let lock = folder::lock(folder, LOCK_NAME)?;
        let path = folder.join(FILE_NAME);
        let connection = connect(&path, &FORMAT)?;
        bind(&connection, &path, owner)?;
        Ok(Self {
            connection: Mutex::new(connection),
            retention,
            _lock: lock,
        })
    }

    /// Runs `work` in one transaction, which is on disk when this returns `Ok`.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        // A panic in `work` rolled its transaction back: the connection is sound.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let written = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        Self::explained(written)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Self::explained(|| work(&connection))
    }

    fn explained<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
        work().map_err(|failure| failure.explain(DAMAGED))
    }
}

/// The first to open a ledger owns it.
fn bind(connection: &Connection, path: &Path, owner: &LedgerOwner) -> Result<(), OpenError> {
    connection.execute(
        "INSERT INTO owner (one, netuid, hotkey) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
        params![owner.netuid, owner.hotkey.0],
    )?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (netuid, hotkey): (Netuid, Vec<u8>) = connection
        .query_row("SELECT netuid, hotkey FROM owner", [], read)
        .optional()?
        .ok_or(OpenError::Foreign { file: FILE_NAME })?;
    let hotkey = hash(hotkey, "hotkey").map_err(|failure| failure.explain(DAMAGED))?;
    let found = LedgerOwner {
        netuid,
        hotkey: AccountId(hotkey),
    };
    if found == *owner {
        return Ok(());
    }
    let describe =
        |owner: &LedgerOwner| format!("hotkey {} of netuid {}", owner.hotkey, owner.netuid);
    Err(OpenError::OtherOwner {
        path: path.to_owned(),
        found: describe(&found),
        wanted: describe(owner),
    })
}

impl Ledger for SqliteLedger {
    fn open(&self, rental: &Rental) -> Result<Rental, StoreError> {
        self.write(|db| {
            let known = rows::open(db, rental)?;
            rows::prune(db, &self.retention, rental.began_at)?;
            Ok(known)
        })
    }

    fn update(&self, rental: &Rental) -> Result<(), StoreError> {
        self.write(|db| {
            rows::update(db, rental)?;
            rental
                .over_at
                .map_or(Ok(()), |now| rows::prune(db, &self.retention, now))
        })
    }

    fn rental(&self, order_key: &str) -> Result<Option<Rental>, StoreError> {
        self.read(|db| rows::by_order_key(db, order_key))
    }

    fn of_renter(&self, renter: &Renter, key: &str) -> Result<Option<Rental>, StoreError> {
        self.read(|db| rows::of_renter(db, renter, key))
    }

    fn live(&self) -> Result<Vec<Rental>, StoreError> {
        self.read(rows::live)
    }

    fn recent(&self, renter: Option<&Renter>, limit: usize) -> Result<Vec<Rental>, StoreError> {
        self.read(|db| rows::recent(db, renter, limit))
    }

    fn committed_micro_usd(&self, adapter: Option<&str>, since: u64) -> Result<u64, StoreError> {
        self.read(|db| rows::committed(db, adapter, since))
    }

    fn committed_by_renter_micro_usd(
        &self,
        renter: &Renter,
        since: u64,
    ) -> Result<u64, StoreError> {
        self.read(|db| rows::committed_by(db, renter, since))
    }
}
