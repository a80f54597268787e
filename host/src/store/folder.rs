//! A folder that is this user's and this node's alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;

use super::error::OpenError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;
/// A process id and some room.
const LOCK_BYTES_MAX: u64 = 32;

/// Makes the folder, or refuses one that others may look into.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let failed = |source| folder_error(path, source);
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(failed)?;
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(OpenError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Takes the folder for as long as the file lives; the system lets go of it
/// when the process dies, however it dies.
pub(super) fn lock(folder: &Path, name: &str) -> Result<File, OpenError> {
    let path = folder.join(name);
    let mut file = private_file(&path).map_err(|source| folder_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::Locked {
                path: folder.to_owned(),
                by: holder(&mut file),
            });
        }
        Err(TryLockError::Error(source)) => return Err(folder_error(&path, source)),
    }
    // For the message of who comes next; nothing depends on it.
    let _ = file.set_len(0);
    let _ = write!(file, "{}", std::process::id());
    Ok(file)
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(LOCK_BYTES_MAX).read_to_string(&mut text);
    text.trim()
        .parse::<u32>()
        .map_or(String::new(), |id| format!(" (process {id})"))
}

/// Opens or makes a file that only its owner reads. SQLite gives its journal
/// and index the same permissions.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    if file.metadata()?.mode() & OTHERS != 0 {
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
    }
    Ok(file)
}

pub(super) fn folder_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Folder {
        path: path.to_owned(),
        source,
    }
}
