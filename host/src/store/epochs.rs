//! Epochs, scored or not, and the weights they led to.

use rusqlite::{Connection, Params, Row, Transaction, params};

use crate::subnet::evidence::{EpochRecord, WeightsRecord};
use crate::subnet::scoring::Outcome;

use super::encode::{int, len, read_weights, uint, write_weights};
use super::error::Failure;

/// Epochs whose weights may be unsettled: subtensor reveals a commit after at
/// most 100.
const UNSETTLED_MAX: u32 = 128;

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

pub(super) fn split_outcome(
    outcome: &Result<Outcome, String>,
) -> (Result<Outcome, String>, Vec<u8>) {
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
    db.prepare_cached(
        "INSERT OR REPLACE INTO weights (epoch, pairs, state, held_epochs) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        int(record.epoch)?,
        write_weights(&record.weights),
        serde_json::to_string(&record.state)?,
        record.held_epochs
    ])?;
    Ok(())
}

pub(super) fn last_weights(db: &Connection) -> Result<Option<WeightsRecord>, Failure> {
    Ok(newest_weights(db, 1)?.pop())
}

/// Oldest first.
pub(super) fn unsettled_weights(db: &Connection) -> Result<Vec<WeightsRecord>, Failure> {
    let mut records = newest_weights(db, UNSETTLED_MAX)?;
    records.retain(|record| !record.state.is_settled());
    records.reverse();
    Ok(records)
}

/// Newest first.
fn newest_weights(db: &Connection, limit: u32) -> Result<Vec<WeightsRecord>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT epoch, pairs, state, held_epochs FROM weights ORDER BY epoch DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([limit])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(WeightsRecord {
            epoch: uint(row.get("epoch")?)?,
            weights: read_weights(&row.get::<_, Vec<u8>>("pairs")?)?,
            state: serde_json::from_str(&row.get::<_, String>("state")?)?,
            held_epochs: row.get("held_epochs")?,
        });
    }
    Ok(records)
}
