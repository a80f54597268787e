//! The plugins that epochs and sessions were worked out with.
//!
//! A component is kept once for all settings it ran with. The oldest make room:
//! an epoch whose policy is gone can still be repeated by whoever has the .wasm.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::subnet::plugin::{Digest, KeptPlugin, PluginId};

use super::encode::int;
use super::error::Failure;

pub(super) fn keeps(db: &Connection, id: &PluginId) -> Result<bool, Failure> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM components WHERE digest = ?1)
                AND EXISTS (SELECT 1 FROM settings WHERE digest = ?2)",
        )?
        .query_row([id.digest.0, id.settings.0], |row| row.get(0))?)
}

pub(super) fn keep(
    db: &Transaction<'_>,
    plugin: &KeptPlugin,
    plugins_max: u64,
) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO components (digest, component) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?
    .execute(params![plugin.id.digest.0, plugin.component])?;
    db.prepare_cached(
        "INSERT INTO settings (digest, settings) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        plugin.id.settings.0,
        serde_json::to_string(&plugin.settings)?
    ])?;
    for table in ["components", "settings"] {
        db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE serial <= (SELECT max(serial) FROM {table}) - ?1"
        ))?
        .execute([int(plugins_max)?])?;
    }
    Ok(())
}

/// A component's bytes.
pub(super) fn component(db: &Connection, digest: Digest) -> Result<Option<Vec<u8>>, Failure> {
    Ok(db
        .prepare_cached("SELECT component FROM components WHERE digest = ?1")?
        .query_row([digest.0], |row| row.get(0))
        .optional()?)
}

/// A settings table.
pub(super) fn settings(
    db: &Connection,
    digest: Digest,
) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let json: Option<String> = db
        .prepare_cached("SELECT settings FROM settings WHERE digest = ?1")?
        .query_row([digest.0], |row| row.get(0))
        .optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}
