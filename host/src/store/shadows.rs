//! What shadow policies made of epochs.

use rusqlite::{Connection, Row, Transaction, params};

use crate::subnet::evidence::ShadowRecord;

use super::encode::{int, uint};
use super::epochs::split_outcome;
use super::error::Failure;

/// The columns of a record.
pub(super) const COLUMNS: &str = "number, policy, outcome, outcome_memory, fuel, change";

pub(super) fn record(
    db: &Transaction<'_>,
    record: &ShadowRecord,
    epochs_max: u64,
) -> Result<(), Failure> {
    let (outcome, memory) = split_outcome(&record.outcome);
    db.prepare_cached(
        "INSERT OR REPLACE INTO shadows (number, policy, outcome, outcome_memory, fuel, change)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        int(record.number)?,
        serde_json::to_string(&record.policy)?,
        serde_json::to_string(&outcome)?,
        memory,
        int(record.fuel)?,
        serde_json::to_string(&record.change)?,
    ])?;
    db.prepare_cached("DELETE FROM shadows WHERE number <= ?1 - ?2")?
        .execute(params![int(record.number)?, int(epochs_max)?])?;
    Ok(())
}

pub(super) fn last(db: &Connection) -> Result<Option<ShadowRecord>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM shadows ORDER BY number DESC LIMIT 1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map(read).transpose()
}

pub(super) fn read(row: &Row<'_>) -> Result<ShadowRecord, Failure> {
    let mut record = ShadowRecord {
        number: uint(row.get("number")?)?,
        policy: serde_json::from_str(&row.get::<_, String>("policy")?)?,
        outcome: serde_json::from_str(&row.get::<_, String>("outcome")?)?,
        fuel: uint(row.get("fuel")?)?,
        change: serde_json::from_str(&row.get::<_, String>("change")?)?,
    };
    if let Ok(outcome) = &mut record.outcome {
        outcome.memory = row.get("outcome_memory")?;
    }
    Ok(record)
}
