//! The tables of the evidence, and how an older file becomes a newer one.
//!
//! `user_version` counts the migrations a file has seen. A file with more than
//! this program knows was written by a newer one and is left alone. Migrations
//! are only ever added: each is one text, run in one transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;

/// What a file of ours is told by, and what it has been through.
pub(super) struct Format {
    /// Marks the file as ours, in SQLite's header.
    pub(super) application_id: i32,
    /// Only ever added to.
    pub(super) migrations: &'static [&'static str],
    /// The file's name.
    pub(super) file: &'static str,
}

/// "host" in ASCII.
pub(super) const EVIDENCE: Format = Format {
    application_id: 0x686f_7374,
    migrations: &[FIRST, KEPT, PROBES, GUARD],
    file: super::FILE_NAME,
};

const FIRST: &str = "
CREATE TABLE owner (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  genesis BLOB    NOT NULL,
  netuid  INTEGER NOT NULL,
  hotkey  BLOB    NOT NULL
) STRICT;

-- `record` is JSON without the seed and the memory, which have columns.
CREATE TABLE sessions (
  serial    INTEGER PRIMARY KEY,
  id        TEXT    NOT NULL UNIQUE,
  hotkey    BLOB    NOT NULL,
  uid       INTEGER NOT NULL,
  generator TEXT    NOT NULL,
  block     INTEGER NOT NULL,
  bytes     INTEGER NOT NULL DEFAULT 0,
  ending    TEXT,
  passed    INTEGER,
  record    TEXT    NOT NULL,
  seed      BLOB    NOT NULL,
  memory    BLOB    NOT NULL,
  CHECK (passed IS NULL OR ending IS NOT NULL)
) STRICT;
CREATE INDEX sessions_open  ON sessions (serial) WHERE ending IS NULL;
CREATE INDEX sessions_bytes ON sessions (serial, bytes) WHERE bytes > 0;
CREATE INDEX sessions_block ON sessions (block);

-- A row without an answer is a task that was about to be sent.
CREATE TABLE exchanges (
  session    INTEGER NOT NULL REFERENCES sessions (serial) ON DELETE CASCADE,
  step       INTEGER NOT NULL,
  solver     TEXT,
  task       BLOB,
  timeout_ms INTEGER,
  answer     TEXT,
  payload    BLOB,
  elapsed_us INTEGER,
  PRIMARY KEY (session, step)
) STRICT;

CREATE TABLE findings (
  serial  INTEGER PRIMARY KEY,
  hotkey  BLOB    NOT NULL,
  block   INTEGER NOT NULL,
  finding TEXT    NOT NULL
) STRICT;
CREATE INDEX findings_hotkey ON findings (hotkey, serial);
CREATE INDEX findings_block  ON findings (block);

CREATE TABLE memories (
  serial    INTEGER PRIMARY KEY,
  generator TEXT    NOT NULL,
  hotkey    BLOB    NOT NULL,
  block     INTEGER NOT NULL,
  memory    BLOB    NOT NULL,
  UNIQUE (generator, hotkey)
) STRICT;
CREATE INDEX memories_block ON memories (block);

CREATE TABLE contacts (
  hotkey   BLOB    NOT NULL,
  block    INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  asked    INTEGER NOT NULL,
  PRIMARY KEY (hotkey, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_block ON contacts (block);

-- Replaced when a hotkey speaks again: the lowest serial is the oldest word.
CREATE TABLE descriptions (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  hotkey BLOB    NOT NULL UNIQUE,
  json   TEXT    NOT NULL
) STRICT;

-- JSON without the policy's memories, which have columns.
CREATE TABLE epochs (
  number          INTEGER PRIMARY KEY,
  block           INTEGER NOT NULL,
  bytes           INTEGER NOT NULL,
  scored          INTEGER NOT NULL,
  fuel            INTEGER NOT NULL,
  policy          TEXT    NOT NULL,
  evidence        TEXT    NOT NULL,
  evidence_memory BLOB    NOT NULL,
  outcome         TEXT    NOT NULL,
  outcome_memory  BLOB    NOT NULL
) STRICT;
CREATE INDEX epochs_bytes  ON epochs (number, bytes);
CREATE INDEX epochs_scored ON epochs (number) WHERE scored = 1;

-- `pairs` is uid and value, two little-endian bytes each, by uid.
CREATE TABLE weights (
  epoch INTEGER PRIMARY KEY,
  pairs BLOB    NOT NULL,
  state TEXT    NOT NULL
) STRICT;
";

/// What it takes to repeat a call: the plugin, and all that its verdict said. And
/// whether weights are the policy's, or older ones in their place.
const KEPT: &str = "
ALTER TABLE sessions ADD COLUMN ending_memory BLOB;
ALTER TABLE weights  ADD COLUMN held_epochs   INTEGER NOT NULL DEFAULT 0;

CREATE TABLE components (
  serial    INTEGER PRIMARY KEY AUTOINCREMENT,
  digest    BLOB    NOT NULL UNIQUE,
  component BLOB    NOT NULL
) STRICT;

-- As in epochs; what the evidence was stands there.
CREATE TABLE shadows (
  number         INTEGER PRIMARY KEY,
  policy         TEXT    NOT NULL,
  outcome        TEXT    NOT NULL,
  outcome_memory BLOB    NOT NULL,
  fuel           INTEGER NOT NULL,
  change         TEXT    NOT NULL
) STRICT;

-- `settings` is JSON, name to value; the digest is of the table, not of the JSON.
CREATE TABLE settings (
  serial   INTEGER PRIMARY KEY AUTOINCREMENT,
  digest   BLOB    NOT NULL UNIQUE,
  settings TEXT    NOT NULL
) STRICT;
";

/// Machines that were rented to be looked at. `found` is 1 where the miner said
/// that somebody else rents the machine, 0 where it let this validator have it.
/// `cost` is what the rental may cost, and what it did once it is released.
const PROBES: &str = "
CREATE TABLE probes (
  serial   INTEGER PRIMARY KEY AUTOINCREMENT,
  key      TEXT    NOT NULL UNIQUE,
  hotkey   BLOB    NOT NULL,
  machine  TEXT    NOT NULL,
  block    INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  ends_at  INTEGER NOT NULL,
  price    INTEGER NOT NULL,
  cost     INTEGER NOT NULL,
  released INTEGER NOT NULL DEFAULT 0,
  found    INTEGER,
  ending   TEXT
) STRICT;
CREATE INDEX probes_held   ON probes (serial) WHERE released = 0;
CREATE INDEX probes_epoch  ON probes (epoch);
CREATE INDEX probes_began  ON probes (began_at);
CREATE INDEX probes_hotkey ON probes (hotkey, machine, block);
";

/// What the guard holds, so that an operator's word is kept across a restart.
const GUARD: &str = "
CREATE TABLE guard (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  json TEXT    NOT NULL
) STRICT;
";

/// Brings the file to this program's generation, or refuses a newer one and
/// one that is not ours.
pub(super) fn migrate(connection: &mut Connection, format: &Format) -> Result<(), OpenError> {
    let file = format.file;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = format.migrations.len();
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != format.application_id {
        return Err(OpenError::Foreign { file });
    }
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= known)
        .ok_or(OpenError::Newer { file, found, known })?;
    for migration in &format.migrations[done..] {
        transaction.execute_batch(migration)?;
    }
    let version = i64::try_from(known).expect("there are few migrations");
    transaction.pragma_update(None, "application_id", format.application_id)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()?;
    Ok(())
}
