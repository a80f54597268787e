//! Whether hotkeys answer, and what they say of themselves.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::subnet::BlockNumber;
use crate::subnet::key::AccountId;

use super::encode::{int, uint};
use super::error::Failure;

/// The longest description of a hotkey's machines, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 256 << 10;

pub(super) fn record_contact(
    db: &Transaction<'_>,
    hotkey: &AccountId,
    block: BlockNumber,
    answered: bool,
) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO contacts (hotkey, block, answered, asked) VALUES (?1, ?2, ?3, 1)
         ON CONFLICT (hotkey, block) DO UPDATE SET answered = answered + ?3, asked = asked + 1",
    )?
    .execute(params![hotkey.0, int(block)?, i64::from(answered)])?;
    Ok(())
}

pub(super) fn contacts(
    db: &Connection,
    hotkey: &AccountId,
    after: BlockNumber,
) -> Result<(u64, u64), Failure> {
    let (answered, asked) = db
        .prepare_cached(
            "SELECT coalesce(sum(answered), 0), coalesce(sum(asked), 0)
             FROM contacts WHERE hotkey = ?1 AND block > ?2",
        )?
        .query_row(params![hotkey.0, int(after)?], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok((uint(answered)?, uint(asked)?))
}

pub(super) fn record_description(
    db: &Transaction<'_>,
    hotkey: &AccountId,
    json: &str,
) -> Result<(), Failure> {
    if json.len() > DESCRIPTION_BYTES_MAX {
        return Err(Failure::Refused(format!(
            "a description of {} bytes is longer than {DESCRIPTION_BYTES_MAX}",
            json.len()
        )));
    }
    db.prepare_cached("INSERT OR REPLACE INTO descriptions (hotkey, json) VALUES (?1, ?2)")?
        .execute(params![hotkey.0, json])?;
    Ok(())
}

pub(super) fn description(db: &Connection, hotkey: &AccountId) -> Result<Option<String>, Failure> {
    Ok(db
        .prepare_cached("SELECT json FROM descriptions WHERE hotkey = ?1")?
        .query_row([hotkey.0], |row| row.get(0))
        .optional()?)
}
