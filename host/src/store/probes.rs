//! Probes of rented machines, from the intent to the rental's end.
//!
//! A probe is held until its rental is known to be over, whatever came of the
//! look around; held ones are never removed to make room. A finding is added in
//! the transaction that concludes its probe.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::subnet::BlockNumber;
use crate::subnet::evidence::StoreError;
use crate::subnet::key::AccountId;
use crate::subnet::probe::{
    LastTry, Occupancy, ProbeBook, ProbeEnding, ProbeRecord, ProbeSpending,
};
use crate::subnet::rental::ID_BYTES_MAX;
use crate::subnet::scoring::Finding;

use super::SqliteStore;
use super::encode::{hash, int, uint};
use super::error::Failure;

/// Probes whose rental is not known to be over; more are not begun.
pub const PROBES_HELD_MAX: u32 = 256;
/// Probes on record; the oldest that are released make room.
const PROBES_MAX: u32 = 10_000;
/// Old probes that one call removes at most.
const PRUNE_STEP: u32 = 16;
/// Machines whose newest try is told.
const LAST_TRIES_MAX: u32 = 10_000;

/// How a probe ended, as a column holds it.
const FOUND_FREE: i64 = 0;
const FOUND_LET: i64 = 1;

impl ProbeBook for SqliteStore {
    fn intend_probe(&self, probe: &ProbeRecord) -> Result<(), StoreError> {
        self.write(|db| intend(db, probe))
    }

    fn conclude_probe(&self, key: &str, ending: &ProbeEnding) -> Result<(), StoreError> {
        self.write(|db| {
            if let Some((hotkey, block)) = conclude(db, key, ending)? {
                self.retention.prune_findings(db, &hotkey, block)?;
            }
            Ok(())
        })
    }

    fn release_probe(&self, key: &str, cost_micro_usd: u64) -> Result<(), StoreError> {
        self.write(|db| release(db, key, cost_micro_usd))
    }

    fn held_probes(&self) -> Result<Vec<ProbeRecord>, StoreError> {
        self.read(held)
    }

    fn probe_spending(&self, epoch: u64, since: u64) -> Result<ProbeSpending, StoreError> {
        self.read(|db| spending(db, epoch, since))
    }

    fn last_tries(&self) -> Result<Vec<LastTry>, StoreError> {
        self.read(last_tries)
    }

    fn occupancy(
        &self,
        hotkey: &AccountId,
        after: BlockNumber,
    ) -> Result<Vec<Occupancy>, StoreError> {
        self.read(|db| occupancy(db, hotkey, after))
    }
}

fn intend(db: &Transaction<'_>, probe: &ProbeRecord) -> Result<(), Failure> {
    if probe.key.is_empty() || probe.key.len() > ID_BYTES_MAX || probe.machine.len() > ID_BYTES_MAX
    {
        let why = format!("a rental's key or machine has more than {ID_BYTES_MAX} bytes, or none");
        return Err(Failure::Refused(why));
    }
    let held: u32 = db
        .prepare_cached("SELECT count(*) FROM probes WHERE released = 0")?
        .query_row([], |row| row.get(0))?;
    if held >= PROBES_HELD_MAX {
        let why = format!("{held} probes hold rentals that are not known to be over");
        return Err(Failure::Refused(why));
    }
    db.prepare_cached(
        "INSERT INTO probes (key, hotkey, machine, block, epoch, began_at, ends_at, price, cost)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        probe.key,
        probe.hotkey.0,
        probe.machine,
        int(probe.block)?,
        int(probe.epoch)?,
        int(probe.began_at)?,
        int(probe.ends_at)?,
        int(probe.price_micro_usd_per_hour)?,
        int(probe.cost_micro_usd_max)?,
    ])?;
    db.prepare_cached(
        "DELETE FROM probes WHERE serial IN (SELECT serial FROM probes
         WHERE serial <= (SELECT max(serial) FROM probes) - ?1
         AND released = 1 ORDER BY serial LIMIT ?2)",
    )?
    .execute([PROBES_MAX, PRUNE_STEP])?;
    Ok(())
}

/// Ends a probe. Returns whose finding was added, at which block.
fn conclude(
    db: &Transaction<'_>,
    key: &str,
    ending: &ProbeEnding,
) -> Result<Option<(AccountId, BlockNumber)>, Failure> {
    let (hotkey, ended): (Vec<u8>, bool) = db
        .prepare_cached("SELECT hotkey, ending IS NOT NULL FROM probes WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Failure::Refused(format!("there is no probe {key}")))?;
    if ended {
        return Ok(None);
    }
    let found = match ending {
        ProbeEnding::Judged { .. } => Some(FOUND_FREE),
        ProbeEnding::Let => Some(FOUND_LET),
        ProbeEnding::Void(_) => None,
    };
    db.prepare_cached("UPDATE probes SET ending = ?2, found = ?3 WHERE key = ?1")?
        .execute(params![key, serde_json::to_string(ending)?, found])?;
    let ProbeEnding::Judged { finding, .. } = ending else {
        return Ok(None);
    };
    let hotkey = AccountId(hash(hotkey, "a hotkey")?);
    add_finding(db, &hotkey, finding)?;
    Ok(Some((hotkey, finding.block)))
}

/// Makes a finding the hotkey's newest.
pub(super) fn add_finding(
    db: &Transaction<'_>,
    hotkey: &AccountId,
    finding: &Finding,
) -> Result<(), Failure> {
    db.prepare_cached("INSERT INTO findings (hotkey, block, finding) VALUES (?1, ?2, ?3)")?
        .execute(params![
            hotkey.0,
            int(finding.block)?,
            serde_json::to_string(finding)?
        ])?;
    Ok(())
}

fn release(db: &Transaction<'_>, key: &str, cost_micro_usd: u64) -> Result<(), Failure> {
    db.prepare_cached("UPDATE probes SET released = 1, cost = min(cost, ?2) WHERE key = ?1")?
        .execute(params![key, int(cost_micro_usd)?])?;
    Ok(())
}

fn held(db: &Connection) -> Result<Vec<ProbeRecord>, Failure> {
    let mut statement =
        db.prepare_cached("SELECT * FROM probes WHERE released = 0 ORDER BY serial")?;
    let mut rows = statement.query([])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        held.push(record(row)?);
    }
    Ok(held)
}

fn record(row: &Row<'_>) -> Result<ProbeRecord, Failure> {
    Ok(ProbeRecord {
        key: row.get("key")?,
        hotkey: AccountId(hash(row.get("hotkey")?, "a hotkey")?),
        machine: row.get("machine")?,
        block: uint(row.get("block")?)?,
        epoch: uint(row.get("epoch")?)?,
        began_at: uint(row.get("began_at")?)?,
        ends_at: uint(row.get("ends_at")?)?,
        price_micro_usd_per_hour: uint(row.get("price")?)?,
        cost_micro_usd_max: uint(row.get("cost")?)?,
    })
}

fn spending(db: &Connection, epoch: u64, since: u64) -> Result<ProbeSpending, Failure> {
    let (drawn, in_epoch): (i64, i64) = db
        .prepare_cached("SELECT count(*), coalesce(sum(cost), 0) FROM probes WHERE epoch = ?1")?
        .query_row([int(epoch)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let lately: i64 = db
        .prepare_cached("SELECT coalesce(sum(cost), 0) FROM probes WHERE began_at > ?1")?
        .query_row([int(since)?], |row| row.get(0))?;
    Ok(ProbeSpending {
        drawn_in_epoch: uint(drawn)?,
        epoch_micro_usd: uint(in_epoch)?,
        lately_micro_usd: uint(lately)?,
    })
}

fn last_tries(db: &Connection) -> Result<Vec<LastTry>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT hotkey, machine, max(block) AS block FROM probes
         GROUP BY hotkey, machine ORDER BY max(serial) DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([LAST_TRIES_MAX])?;
    let mut tries = Vec::new();
    while let Some(row) = rows.next()? {
        tries.push(LastTry {
            hotkey: AccountId(hash(row.get("hotkey")?, "a hotkey")?),
            machine: row.get("machine")?,
            block: uint(row.get("block")?)?,
        });
    }
    Ok(tries)
}

fn occupancy(
    db: &Connection,
    hotkey: &AccountId,
    after: BlockNumber,
) -> Result<Vec<Occupancy>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT machine, sum(found) AS let_out, count(*) AS tries FROM probes
         WHERE hotkey = ?1 AND block > ?2 AND found IS NOT NULL GROUP BY machine ORDER BY machine",
    )?;
    let mut rows = statement.query(params![hotkey.0, int(after)?])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Occupancy {
            machine: row.get("machine")?,
            let_out: uint(row.get("let_out")?)?,
            tries: uint(row.get("tries")?)?,
        });
    }
    Ok(found)
}
