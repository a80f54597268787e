//! What the guard holds, and what an operator let through: one row.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::error::Failure;

pub(super) fn record(db: &Transaction<'_>, json: &str) -> Result<(), Failure> {
    db.prepare_cached("INSERT OR REPLACE INTO guard (one, json) VALUES (1, ?1)")?
        .execute([json])?;
    Ok(())
}

pub(super) fn last(db: &Connection) -> Result<Option<String>, Failure> {
    let mut statement = db.prepare_cached("SELECT json FROM guard")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}
