//! Epochs, scored or not, and the weights they led to.

use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};

use crate::subnet::evidence::{EpochRecord, WeightsRecord};
use crate::subnet::scoring::Outcome;

use super::encode::{int, len, read_weights, uint, write_weights};
use super::error::Failure;

pub(super) fn record(db: &Transaction<'_>, record: &EpochRecord) -> Result<(), Failure> {
    let mut plain = record.evidence.clone();
    let evidence_memory = std::mem::take(&mut plain.memory);
    let (outcome, outcome_memory) = split_outcome(&record.outcome);
    let policy = serde_json::to_string(&record.policy)?;
    let evidence = serde_json::to_string(&plain)?;
    let outcome = serde_json::to_string(&outcome)?;
    let bytes = evidence.len() + evidence_memory.len() + outcome.len() + outcome_memory.len();
    db.prepare_cached(
        "INSERT OR REPLACE INTO epochs (number, block, bytes, scored, fuel, policy, evidence,
                evidence_memory, outcome, outcome_memory)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        int(record.evidence.epoch.number)?,
        int(record.evidence.epoch.block)?,
        len(bytes)?,
        record.outcome.is_ok(),
        int(record.fuel)?,
        policy,
        evidence,
        evidence_memory,
        outcome,
        outcome_memory,
    ])?;
    Ok(())
}

fn split_outcome(outcome: &Result<Outcome, String>) -> (Result<Outcome, String>, Vec<u8>) {
    let mut plain = outcome.clone();
    let memory = plain
        .as_mut()
        .map(|outcome| std::mem::take(&mut outcome.memory))
        .unwrap_or_default();
    (plain, memory)
}

pub(super) fn last(db: &Connection) -> Result<Option<EpochRecord>, Failure> {
    one(db, "WHERE scored = 1 ORDER BY number DESC LIMIT 1", [])
}

pub(super) fn by_number(db: &Connection, number: u64) -> Result<Option<EpochRecord>, Failure> {
    one(db, "WHERE number = ?1", [int(number)?])
}

fn one(
    db: &Connection,
    which: &str,
    parameters: impl Params,
) -> Result<Option<EpochRecord>, Failure> {
    let columns = "policy, evidence, evidence_memory, outcome, outcome_memory, fuel";
    let mut statement = db.prepare_cached(&format!("SELECT {columns} FROM epochs {which}"))?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<EpochRecord, Failure> {
    let mut record = EpochRecord {
        policy: serde_json::from_str(&row.get::<_, String>("policy")?)?,
        evidence: serde_json::from_str(&row.get::<_, String>("evidence")?)?,
        outcome: serde_json::from_str(&row.get::<_, String>("outcome")?)?,
        fuel: uint(row.get("fuel")?)?,
    };
    record.evidence.memory = row.get("evidence_memory")?;
    if let Ok(outcome) = &mut record.outcome {
        outcome.memory = row.get("outcome_memory")?;
    }
    Ok(record)
}

pub(super) fn record_weights(db: &Transaction<'_>, record: &WeightsRecord) -> Result<(), Failure> {
    db.prepare_cached("INSERT OR REPLACE INTO weights (epoch, pairs, state) VALUES (?1, ?2, ?3)")?
        .execute(params![
            int(record.epoch)?,
            write_weights(&record.weights),
            serde_json::to_string(&record.state)?
        ])?;
    Ok(())
}

pub(super) fn last_weights(db: &Connection) -> Result<Option<WeightsRecord>, Failure> {
    let row: Option<(i64, Vec<u8>, String)> = db
        .prepare_cached("SELECT epoch, pairs, state FROM weights ORDER BY epoch DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let read = |(epoch, pairs, state): (i64, Vec<u8>, String)| {
        Ok(WeightsRecord {
            epoch: uint(epoch)?,
            weights: read_weights(&pairs)?,
            state: serde_json::from_str(&state)?,
        })
    };
    row.map(read).transpose()
}
