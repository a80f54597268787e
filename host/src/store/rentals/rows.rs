//! A rental as a row.

use rusqlite::{Connection, OptionalExtension as _, Params, Transaction, params};

use crate::subnet::rental::{Rental, Renter};

use super::super::encode::{int, len, uint};
use super::super::error::Failure;
use super::LedgerRetention;

/// Old rentals that one call removes at most: more than it adds, so that the
/// ledger shrinks back to its bounds, and few enough that no call takes long.
const PRUNE_STEP: u32 = 16;
/// What was over less than so many seconds ago stays: what is spent is told from the
/// rentals of the last day, and clocks are set back now and then.
const SPENT_S: u64 = 2 * 24 * 3_600;

/// Adds a rental, unless the renter has one by that key.
pub(super) fn open(db: &Transaction<'_>, rental: &Rental) -> Result<Rental, Failure> {
    if let Some(found) = of_renter(db, &rental.renter, &rental.request.key)? {
        return Ok(found);
    }
    db.prepare_cached(
        "INSERT INTO rentals (order_key, renter, key, adapter, phase, cost, over_at, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        rental.order_key,
        renter_column(&rental.renter),
        rental.request.key,
        rental.adapter,
        rental.phase.as_str(),
        cost_column(rental),
        over_column(rental)?,
        serde_json::to_string(rental)?,
    ])?;
    Ok(rental.clone())
}

/// Replaces what is known of a rental that is not over.
pub(super) fn update(db: &Transaction<'_>, rental: &Rental) -> Result<(), Failure> {
    let changed = db
        .prepare_cached(
            "UPDATE rentals SET phase = ?2, cost = ?3, over_at = ?4, record = ?5
             WHERE order_key = ?1 AND over_at IS NULL",
        )?
        .execute(params![
            rental.order_key,
            rental.phase.as_str(),
            cost_column(rental),
            over_column(rental)?,
            serde_json::to_string(rental)?,
        ])?;
    match changed {
        0 => Err(Failure::Refused(format!(
            "no rental {} is under way",
            rental.order_key
        ))),
        _ => Ok(()),
    }
}

/// Removes what is over, the oldest first, as far as it is too old or too much.
pub(super) fn prune(
    db: &Transaction<'_>,
    retention: &LedgerRetention,
    now: u64,
) -> Result<(), Failure> {
    let before = |age: u64| int(now.saturating_sub(age.max(SPENT_S)));
    db.prepare_cached(
        "DELETE FROM rentals WHERE serial IN (SELECT serial FROM rentals
         WHERE over_at < ?1 ORDER BY over_at LIMIT ?2)",
    )?
    .execute(params![before(retention.over_age_s_max)?, PRUNE_STEP])?;
    // Serials only grow, so their distance is never less than the number.
    db.prepare_cached(
        "DELETE FROM rentals WHERE serial IN (SELECT serial FROM rentals
         WHERE serial <= (SELECT max(serial) FROM rentals) - ?1
         AND over_at < ?3 ORDER BY serial LIMIT ?2)",
    )?
    .execute(params![
        int(retention.over_max)?,
        PRUNE_STEP,
        before(SPENT_S)?
    ])?;
    Ok(())
}

pub(super) fn by_order_key(db: &Connection, order_key: &str) -> Result<Option<Rental>, Failure> {
    one(
        db,
        "SELECT record FROM rentals WHERE order_key = ?1",
        [order_key],
    )
}

pub(super) fn of_renter(
    db: &Connection,
    renter: &Renter,
    key: &str,
) -> Result<Option<Rental>, Failure> {
    one(
        db,
        "SELECT record FROM rentals WHERE renter = ?1 AND key = ?2",
        params![renter_column(renter), key],
    )
}

pub(super) fn live(db: &Connection) -> Result<Vec<Rental>, Failure> {
    many(
        db,
        "SELECT record FROM rentals WHERE over_at IS NULL ORDER BY serial",
        [],
    )
}

pub(super) fn recent(
    db: &Connection,
    renter: Option<&Renter>,
    limit: usize,
) -> Result<Vec<Rental>, Failure> {
    let limit = len(limit)?;
    match renter {
        None => many(
            db,
            "SELECT record FROM rentals ORDER BY serial DESC LIMIT ?1",
            [limit],
        ),
        Some(renter) => many(
            db,
            "SELECT record FROM rentals WHERE renter = ?1 ORDER BY serial DESC LIMIT ?2",
            params![renter_column(renter), limit],
        ),
    }
}

/// Added here and not by SQLite, whose sum would fail where this one is full.
pub(super) fn committed(
    db: &Connection,
    adapter: Option<&str>,
    since: u64,
) -> Result<u64, Failure> {
    let live = "SELECT cost FROM rentals
                WHERE over_at IS NULL AND (?1 IS NULL OR adapter = ?1)";
    let over = "SELECT cost FROM rentals
                WHERE over_at > ?2 AND (?1 IS NULL OR adapter = ?1)";
    let live = sum(db, live, params![adapter])?;
    let over = sum(db, over, params![adapter, int(since)?])?;
    Ok(live.saturating_add(over))
}

/// As [`committed`], of one renter.
pub(super) fn committed_by(db: &Connection, renter: &Renter, since: u64) -> Result<u64, Failure> {
    let renter = renter_column(renter);
    let live = "SELECT cost FROM rentals WHERE over_at IS NULL AND renter = ?1";
    let over = "SELECT cost FROM rentals WHERE over_at > ?2 AND renter = ?1";
    let live = sum(db, live, params![renter])?;
    let over = sum(db, over, params![renter, int(since)?])?;
    Ok(live.saturating_add(over))
}

fn sum(db: &Connection, sql: &str, by: impl Params) -> Result<u64, Failure> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    let mut sum = 0_u64;
    while let Some(row) = rows.next()? {
        sum = sum.saturating_add(uint(row.get(0)?)?);
    }
    Ok(sum)
}

fn one(db: &Connection, sql: &str, by: impl Params) -> Result<Option<Rental>, Failure> {
    let record: Option<String> = db
        .prepare_cached(sql)?
        .query_row(by, |row| row.get(0))
        .optional()?;
    Ok(record.map(|json| serde_json::from_str(&json)).transpose()?)
}

fn many(db: &Connection, sql: &str, by: impl Params) -> Result<Vec<Rental>, Failure> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let json = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        found.push(serde_json::from_str(json)?);
    }
    Ok(found)
}

/// No hotkey is empty.
fn renter_column(renter: &Renter) -> &[u8] {
    match renter {
        Renter::Hotkey(account) => &account.0,
        Renter::Operator => &[],
    }
}

/// More than SQLite's integers hold is more than anybody has.
fn cost_column(rental: &Rental) -> i64 {
    i64::try_from(rental.cost_micro_usd()).unwrap_or(i64::MAX)
}

fn over_column(rental: &Rental) -> Result<Option<i64>, Failure> {
    match (rental.phase.is_over(), rental.over_at) {
        (false, None) => Ok(None),
        (true, Some(at)) => Ok(Some(int(at)?)),
        _ => Err(Failure::Refused(format!(
            "rental {} is {}, and when it was over says otherwise",
            rental.order_key,
            rental.phase.as_str()
        ))),
    }
}
