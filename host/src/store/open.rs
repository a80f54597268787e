//! From a folder to a store that is safe to write to.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::subnet::evidence::StoreOwner;
use crate::subnet::key::AccountId;

use super::encode::hash;
use super::error::{Failure, OpenError, describe};
use super::retention::Retention;
use super::{FILE_NAME, SqliteStore, folder, schema};

/// How long a call waits for a reader in another process to let go.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Beside the file, held while a node lives.
const LOCK_NAME: &str = "lock";
/// Statements kept compiled.
const STATEMENTS_MAX: usize = 64;

/// `synchronous=FULL`: a commit returns when it is on disk, `fullfsync` where
/// the system's fsync does less. A journal grown large is cut down to 64 MiB.
const PRAGMAS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA journal_size_limit = 67108864;
";

impl SqliteStore {
    /// Opens the store of `owner` in `folder`, or makes it.
    pub fn open(
        folder: &Path,
        owner: &StoreOwner,
        retention: Retention,
    ) -> Result<Self, OpenError> {
        folder::prepare(folder)?;
        let lock = folder::lock(folder, LOCK_NAME)?;
        let path = folder.join(FILE_NAME);
        let connection = connect(&path, &schema::EVIDENCE)?;
        bind(&connection, &path, owner)?;
        Ok(Self {
            connection: Mutex::new(connection),
            retention,
            _lock: lock,
        })
    }
}

/// Opens or makes a file that only its owner reads, in this program's format.
pub(super) fn connect(path: &Path, format: &schema::Format) -> Result<Connection, OpenError> {
    folder::private_file(path).map_err(|source| folder::folder_error(path, source))?;
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch(PRAGMAS)?;
    schema::migrate(&mut connection, format)?;
    Ok(connection)
}

/// The first to open a store owns it.
fn bind(connection: &Connection, path: &Path, owner: &StoreOwner) -> Result<(), OpenError> {
    connection.execute(
        "INSERT INTO owner (one, genesis, netuid, hotkey) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
        params![owner.genesis, owner.netuid, owner.hotkey.0],
    )?;
    let found = read_owner(connection)?.ok_or(OpenError::Foreign { file: FILE_NAME })?;
    if found != *owner {
        return Err(OpenError::OtherOwner {
            path: path.to_owned(),
            found: describe(&found),
            wanted: describe(owner),
        });
    }
    Ok(())
}

/// Whose store it is.
pub(super) fn read_owner(connection: &Connection) -> Result<Option<StoreOwner>, OpenError> {
    let row = connection
        .query_row("SELECT genesis, netuid, hotkey FROM owner", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let read = |(genesis, netuid, hotkey): (Vec<u8>, u16, Vec<u8>)| -> Result<_, Failure> {
        Ok(StoreOwner {
            genesis: hash(genesis, "genesis")?,
            netuid,
            hotkey: AccountId(hash(hotkey, "hotkey")?),
        })
    };
    row.map(read)
        .transpose()
        .map_err(|failure| OpenError::Store(failure.into()))
}
