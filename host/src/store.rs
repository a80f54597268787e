//! What a validator remembers, in one SQLite file; and what a miner lets, in
//! [another](SqliteLedger).
//!
//! The promise is that of [`EvidenceStore`]: what returned `Ok` is on disk and
//! survives `kill -9` and a power cut; a call that did not return may have
//! happened wholly or not at all. Each call is one transaction, so a verdict
//! and the finding it becomes are never seen apart, and what a call adds and
//! the old records it crowds out change together.
//!
//! ```text
//! <folder>  0700   nobody else's
//!   lock            held while a node lives; a second node is refused
//!   evidence.sqlite 0600: sessions hold the seeds that are secret until a verdict
//! ```
//!
//! A store belongs to one genesis, netuid and hotkey from its first opening on,
//! and to one generation of this program or a later one. It stays within
//! [`Retention`]: every record type is bounded in age or number, and those that
//! carry payloads in bytes. Records that crowd others out do so a few at a
//! time, so no call takes long, and one absurd block number cannot empty it.
//!
//! One connection behind a lock: calls block, and callers take them off their
//! async threads. [`StoreReader`] looks from another process while the node
//! runs; it never shows a seed.

mod encode;
mod epochs;
mod error;
mod folder;
mod guard;
mod miners;
mod open;
mod plugins;
mod probes;
mod reader;
mod rentals;
mod retention;
mod schema;
mod sessions;
mod shadows;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::subnet::BlockNumber;
use crate::subnet::challenge::Exchange;
use crate::subnet::evidence::{
    Ending, EpochRecord, EvidenceStore, SessionRecord, ShadowRecord, StoreError, Unfinished,
    WeightsRecord,
};
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{KeptPlugin, PluginId};
use crate::subnet::scoring::Finding;

pub use error::OpenError;
pub use miners::DESCRIPTION_BYTES_MAX;
pub use probes::PROBES_HELD_MAX;
pub use reader::{EpochSummary, SessionState, SessionSummary, StoreReader, VerdictCounts};
pub use rentals::{LedgerOwner, LedgerRetention, SqliteLedger};
pub use retention::Retention;
pub use sessions::{SESSION_ID_BYTES_MAX, SESSIONS_OPEN_MAX};

use error::Failure;

/// The file in the store's folder.
pub const FILE_NAME: &str = "evidence.sqlite";

/// The validator's evidence on disk.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    retention: Retention,
    /// Locked for as long as this is open.
    _lock: File,
}

impl SqliteStore {
    /// Runs `work` in one transaction, which is on disk when this returns `Ok`.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        // A panic in `work` rolled its transaction back: the connection is sound.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Failure::from)?;
        let value = work(&transaction)?;
        transaction.commit().map_err(Failure::from)?;
        Ok(value)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(work(&connection)?)
    }
}

impl EvidenceStore for SqliteStore {
    fn begin_session(&self, record: &SessionRecord) -> Result<(), StoreError> {
        self.write(|db| {
            sessions::begin(db, record)?;
            self.retention.prune_sessions(db, record.session.block)
        })
    }

    fn intend_task(&self, session: &str, step: u16) -> Result<(), StoreError> {
        self.write(|db| sessions::intend(db, session, step))
    }

    fn record_exchange(
        &self,
        session: &str,
        step: u16,
        exchange: &Exchange,
    ) -> Result<(), StoreError> {
        self.write(|db| sessions::record(db, session, step, exchange))
    }

    fn end_session(&self, session: &str, ending: &Ending) -> Result<(), StoreError> {
        self.write(|db| {
            if let Some((hotkey, block)) = sessions::end(db, session, ending)? {
                self.retention.prune_findings(db, &hotkey, block)?;
            }
            Ok(())
        })
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        self.read(sessions::unfinished)
    }

    fn generator_memory(&self, generator: &str, hotkey: &AccountId) -> Result<Vec<u8>, StoreError> {
        self.read(|db| sessions::generator_memory(db, generator, hotkey))
    }

    fn findings(&self, hotkey: &AccountId, limit: usize) -> Result<Vec<Finding>, StoreError> {
        self.read(|db| sessions::findings(db, hotkey, limit))
    }

    fn record_contact(
        &self,
        hotkey: &AccountId,
        block: BlockNumber,
        answered: bool,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            miners::record_contact(db, hotkey, block, answered)?;
            self.retention.prune_contacts(db, block)
        })
    }

    fn contacts(&self, hotkey: &AccountId, after: BlockNumber) -> Result<(u64, u64), StoreError> {
        self.read(|db| miners::contacts(db, hotkey, after))
    }

    fn record_description(&self, hotkey: &AccountId, json: &str) -> Result<(), StoreError> {
        self.write(|db| {
            miners::record_description(db, hotkey, json)?;
            self.retention.prune_descriptions(db)
        })
    }

    fn description(&self, hotkey: &AccountId) -> Result<Option<String>, StoreError> {
        self.read(|db| miners::description(db, hotkey))
    }

    fn keeps_plugin(&self, id: &PluginId) -> Result<bool, StoreError> {
        self.read(|db| plugins::keeps(db, id))
    }

    fn keep_plugin(&self, plugin: &KeptPlugin) -> Result<(), StoreError> {
        self.write(|db| plugins::keep(db, plugin, self.retention.plugins_max))
    }

    fn record_epoch(&self, record: &EpochRecord) -> Result<(), StoreError> {
        self.write(|db| {
            epochs::record(db, record)?;
            let epoch = &record.evidence.epoch;
            self.retention.prune_epochs(db, epoch.number, epoch.block)
        })
    }

    fn last_epoch(&self) -> Result<Option<EpochRecord>, StoreError> {
        self.read(epochs::last)
    }

    fn epoch(&self, number: u64) -> Result<Option<EpochRecord>, StoreError> {
        self.read(|db| epochs::by_number(db, number))
    }

    fn record_shadow(&self, record: &ShadowRecord) -> Result<(), StoreError> {
        self.write(|db| shadows::record(db, record, self.retention.epochs_max))
    }

    fn last_shadow(&self) -> Result<Option<ShadowRecord>, StoreError> {
        self.read(shadows::last)
    }

    fn record_guard(&self, json: &str) -> Result<(), StoreError> {
        self.write(|db| guard::record(db, json))
    }

    fn guard(&self) -> Result<Option<String>, StoreError> {
        self.read(guard::last)
    }

    fn record_weights(&self, record: &WeightsRecord) -> Result<(), StoreError> {
        self.write(|db| {
            epochs::record_weights(db, record)?;
            self.retention.prune_weights(db, record.epoch)
        })
    }

    fn last_weights(&self) -> Result<Option<WeightsRecord>, StoreError> {
        self.read(epochs::last_weights)
    }

    fn unsettled_weights(&self) -> Result<Vec<WeightsRecord>, StoreError> {
        self.read(epochs::unsettled_weights)
    }
}
