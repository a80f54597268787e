//! How much is kept, and how the oldest makes room.
//!
//! Whatever a call adds, it may also remove up to [`PRUNE_STEP`] old records of
//! each kind, in the same transaction. That is more than it adds, so the store
//! shrinks back to its bounds, and few enough that no call takes long. Sessions
//! without an ending, the newest scored epoch and the newest weights are kept
//! whatever their age.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::subnet::BlockNumber;
use crate::subnet::key::AccountId;

use super::encode::{int, uint};
use super::error::Failure;

/// Old records of one kind that one call removes at most.
const PRUNE_STEP: u32 = 16;
/// A day of 12-second blocks.
const DAY_BLOCKS: u64 = 7_200;

/// How much a store keeps. Ages count from the block of what is being recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Ended sessions, transcript or not.
    pub sessions_max: u64,
    /// Ended sessions, findings, generators' memories and epochs older than this go.
    pub age_blocks_max: u64,
    /// Payloads over all ended sessions; the oldest transcripts go first.
    pub transcript_bytes_max: u64,
    /// Findings of one hotkey.
    pub findings_per_hotkey_max: u64,
    /// Contacts older than this go.
    pub contact_age_blocks_max: u64,
    /// Hotkeys' descriptions; who spoke longest ago goes first.
    pub descriptions_max: u64,
    /// Epochs, and weights, before the one being recorded.
    pub epochs_max: u64,
    /// Evidence and outcomes over all epochs; the oldest go first.
    pub epoch_bytes_max: u64,
    /// Components, and settings, that calls can be repeated with.
    pub plugins_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            sessions_max: 10_000,
            age_blocks_max: 30 * DAY_BLOCKS,
            transcript_bytes_max: 2 << 30,
            findings_per_hotkey_max: 512,
            contact_age_blocks_max: 7 * DAY_BLOCKS,
            descriptions_max: 4096,
            epochs_max: 10_000,
            epoch_bytes_max: 2 << 30,
            plugins_max: 64,
        }
    }
}

impl Retention {
    /// So many days of 12-second blocks, and so many MiB, half of it for sessions
    /// and half for epochs.
    pub fn within(days: u64, mib: u64) -> Self {
        let age_blocks_max = days.saturating_mul(DAY_BLOCKS);
        let half = mib.saturating_mul(1 << 20) / 2;
        let default = Self::default();
        Self {
            age_blocks_max,
            contact_age_blocks_max: default.contact_age_blocks_max.min(age_blocks_max),
            transcript_bytes_max: half,
            epoch_bytes_max: half,
            ..default
        }
    }

    pub(super) fn prune_sessions(
        &self,
        db: &Transaction<'_>,
        now: BlockNumber,
    ) -> Result<(), Failure> {
        remove(
            db,
            "DELETE FROM sessions WHERE serial IN (SELECT serial FROM sessions
             WHERE block < ?1 AND ending IS NOT NULL ORDER BY block LIMIT ?2)",
            int(now.saturating_sub(self.age_blocks_max))?,
        )?;
        // Serials only grow, so their distance is never less than the number.
        remove(
            db,
            "DELETE FROM sessions WHERE serial IN (SELECT serial FROM sessions
             WHERE serial <= (SELECT max(serial) FROM sessions) - ?1
             AND ending IS NOT NULL ORDER BY serial LIMIT ?2)",
            int(self.sessions_max)?,
        )?;
        self.prune_transcripts(db)
    }

    fn prune_transcripts(&self, db: &Transaction<'_>) -> Result<(), Failure> {
        let mut excess = excess(
            db,
            "SELECT coalesce(sum(bytes), 0) FROM sessions WHERE bytes > 0",
            self.transcript_bytes_max,
        )?;
        for _ in 0..PRUNE_STEP {
            let oldest = oldest(
                db,
                "SELECT serial, bytes FROM sessions WHERE bytes > 0 AND ending IS NOT NULL
                 ORDER BY serial LIMIT 1",
            )?;
            let Some((serial, bytes)) = oldest.filter(|_| excess > 0) else {
                break;
            };
            db.prepare_cached("DELETE FROM exchanges WHERE session = ?1")?
                .execute([serial])?;
            db.prepare_cached("UPDATE sessions SET bytes = 0 WHERE serial = ?1")?
                .execute([serial])?;
            excess = excess.saturating_sub(bytes);
        }
        Ok(())
    }

    pub(super) fn prune_findings(
        &self,
        db: &Transaction<'_>,
        hotkey: &AccountId,
        now: BlockNumber,
    ) -> Result<(), Failure> {
        db.prepare_cached(
            "DELETE FROM findings WHERE serial IN (SELECT serial FROM findings
             WHERE hotkey = ?1 ORDER BY serial DESC LIMIT ?2 OFFSET ?3)",
        )?
        .execute(params![
            hotkey.0,
            PRUNE_STEP,
            int(self.findings_per_hotkey_max)?
        ])?;
        let cutoff = int(now.saturating_sub(self.age_blocks_max))?;
        remove(
            db,
            "DELETE FROM findings WHERE serial IN (SELECT serial FROM findings
             WHERE block < ?1 ORDER BY block LIMIT ?2)",
            cutoff,
        )?;
        remove(
            db,
            "DELETE FROM memories WHERE serial IN (SELECT serial FROM memories
             WHERE block < ?1 ORDER BY block LIMIT ?2)",
            cutoff,
        )
    }

    pub(super) fn prune_contacts(
        &self,
        db: &Transaction<'_>,
        now: BlockNumber,
    ) -> Result<(), Failure> {
        remove(
            db,
            "DELETE FROM contacts WHERE (hotkey, block) IN (SELECT hotkey, block FROM contacts
             WHERE block < ?1 ORDER BY block LIMIT ?2)",
            int(now.saturating_sub(self.contact_age_blocks_max))?,
        )
    }

    pub(super) fn prune_descriptions(&self, db: &Transaction<'_>) -> Result<(), Failure> {
        let excess = excess(
            db,
            "SELECT count(*) FROM descriptions",
            self.descriptions_max,
        )?;
        let step = excess.min(u64::from(PRUNE_STEP));
        db.prepare_cached(
            "DELETE FROM descriptions WHERE serial IN
             (SELECT serial FROM descriptions ORDER BY serial LIMIT ?1)",
        )?
        .execute([int(step)?])?;
        Ok(())
    }

    /// `now` is the number of the epoch being recorded, `block` its block.
    pub(super) fn prune_epochs(
        &self,
        db: &Transaction<'_>,
        now: u64,
        block: BlockNumber,
    ) -> Result<(), Failure> {
        remove(
            db,
            "DELETE FROM epochs WHERE number IN (SELECT number FROM epochs
             WHERE block < ?1 ORDER BY number LIMIT ?2)
             AND number IS NOT (SELECT max(number) FROM epochs WHERE scored = 1)",
            int(block.saturating_sub(self.age_blocks_max))?,
        )?;
        remove(
            db,
            "DELETE FROM epochs WHERE number IN (SELECT number FROM epochs
             WHERE number <= ?1 ORDER BY number LIMIT ?2)
             AND number IS NOT (SELECT max(number) FROM epochs WHERE scored = 1)",
            int(now)?.saturating_sub(int(self.epochs_max)?),
        )?;
        let mut excess = excess(
            db,
            "SELECT coalesce(sum(bytes), 0) FROM epochs",
            self.epoch_bytes_max,
        )?;
        for _ in 0..PRUNE_STEP {
            let oldest = oldest(
                db,
                "SELECT number, bytes FROM epochs
                 WHERE number < (SELECT max(number) FROM epochs)
                 AND number IS NOT (SELECT max(number) FROM epochs WHERE scored = 1)
                 ORDER BY number LIMIT 1",
            )?;
            let Some((number, bytes)) = oldest.filter(|_| excess > 0) else {
                break;
            };
            db.prepare_cached("DELETE FROM epochs WHERE number = ?1")?
                .execute([number])?;
            excess = excess.saturating_sub(bytes);
        }
        Ok(())
    }

    pub(super) fn prune_weights(&self, db: &Transaction<'_>, now: u64) -> Result<(), Failure> {
        remove(
            db,
            "DELETE FROM weights WHERE epoch IN (SELECT epoch FROM weights
             WHERE epoch <= ?1 ORDER BY epoch LIMIT ?2)
             AND epoch < (SELECT max(epoch) FROM weights)",
            int(now)?.saturating_sub(int(self.epochs_max)?),
        )
    }
}

/// By how much what `sql` counts is above `max`.
fn excess(db: &Connection, sql: &str, max: u64) -> Result<u64, Failure> {
    let held: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(uint(held)?.saturating_sub(max))
}

/// Runs a `DELETE` with a cutoff and the step.
fn remove(db: &Transaction<'_>, sql: &str, cutoff: i64) -> Result<(), Failure> {
    db.prepare_cached(sql)?
        .execute(params![cutoff, PRUNE_STEP])?;
    Ok(())
}

/// Key and bytes of the oldest record that may go.
fn oldest(db: &Connection, sql: &str) -> Result<Option<(i64, u64)>, Failure> {
    let row: Option<(i64, i64)> = db
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(key, bytes)| Ok((key, uint(bytes)?))).transpose()
}
