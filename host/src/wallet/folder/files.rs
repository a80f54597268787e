//! Files that hold secrets: whose they are, who may read them, how much of them
//! is read, and how they are written whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::wallet::WalletError;

/// The largest keyfile read; real ones have about 600 bytes.
const KEYFILE_BYTES_MAX: u64 = 64 * 1024;
/// As much as tells how a file is encrypted.
const BEGIN_BYTES: u64 = 16;
/// The most entries of a folder that are listed.
const ENTRIES_MAX: usize = 1000;

/// The names in `folder`, sorted; none if it is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, WalletError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder)(error)),
    };
    let mut names: Vec<String> = entries
        .take(ENTRIES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// A file that only its owner, which is us, can read; `None` if there is none.
pub(super) fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, WalletError> {
    match fs::metadata(path) {
        Ok(metadata) => {
            access::check(path, &metadata)?;
            read(path).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(access::denied(path, error))
        }
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// A file's content, up to the most a keyfile may have.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, WalletError> {
    let content = read_some(path, KEYFILE_BYTES_MAX + 1)?;
    if content.len() as u64 > KEYFILE_BYTES_MAX {
        return Err(WalletError::Malformed {
            path: path.to_owned(),
            reason: "it is larger than 64 KiB".to_owned(),
        });
    }
    Ok(content)
}

/// A file's first bytes; `None` if there is no such file.
pub(super) fn begin(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, WalletError> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read_some(path, BEGIN_BYTES).map(Some),
    }
}

fn read_some(path: &Path, limit_bytes: u64) -> Result<Zeroizing<Vec<u8>>, WalletError> {
    // Before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed("read", path))?.is_file() {
        return Err(WalletError::Malformed {
            path: path.to_owned(),
            reason: "it is no regular file".to_owned(),
        });
    }
    let file = File::open(path).map_err(failed("open", path))?;
    let mut content = Zeroizing::new(Vec::with_capacity(4096));
    file.take(limit_bytes)
        .read_to_end(&mut content)
        .map_err(failed("read", path))?;
    Ok(content)
}

/// A folder that only its owner can enter, and those above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), WalletError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("create", folder))
}

/// Whole or not at all: a temporary file (0600) is synced, then named `path`
/// unless something has that name.
pub(super) fn write_new(folder: &Path, path: &Path, content: &[u8]) -> Result<(), WalletError> {
    let mut file = tempfile::Builder::new()
        .prefix(OsStr::new(".new-"))
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    file.write_all(content).map_err(failed("write", path))?;
    file.as_file().sync_all().map_err(failed("write", path))?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WalletError::Exists {
                path: path.to_owned(),
            },
            _ => failed("write", path)(error.error),
        })?;
    // So that the new name survives a power cut; not every file system can.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalletError {
    let path = path.to_owned();
    move |source| WalletError::Io {
        action,
        path,
        source,
    }
}

#[cfg(unix)]
mod access {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::{Metadata, Path, WalletError, failed, io};

    /// Ours, and closed to others. Root may use anybody's: it owns what it reads,
    /// as in a container that runs as root on an operator's home folder.
    pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<(), WalletError> {
        let user = rustix::process::geteuid().as_raw();
        if !may_use(metadata.uid(), user) {
            return Err(WalletError::Owner {
                path: path.to_owned(),
                owner: metadata.uid().to_string(),
                user,
            });
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(WalletError::Exposed {
            path: path.to_owned(),
            mode,
        })
    }

    /// Names the folder that would not let us in.
    pub(super) fn denied(path: &Path, error: io::Error) -> WalletError {
        let user = rustix::process::geteuid().as_raw();
        let closed = path
            .ancestors()
            .skip(1)
            .find_map(|folder| Some((folder, folder.metadata().ok()?.uid())));
        match closed {
            Some((folder, owner)) if owner != user => WalletError::Owner {
                path: folder.to_owned(),
                owner: owner.to_string(),
                user,
            },
            _ => failed("read", path)(error),
        }
    }

    fn may_use(owner: u32, user: u32) -> bool {
        owner == user || user == 0
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn only_root_uses_another_user_s_key() {
            assert!(super::may_use(1000, 1000));
            assert!(super::may_use(1000, 0));
            assert!(!super::may_use(1000, 1001));
            assert!(!super::may_use(0, 1001));
        }
    }
}

#[cfg(not(unix))]
mod access {
    use super::{Metadata, Path, WalletError, failed, io};

    pub(super) fn check(_path: &Path, _metadata: &Metadata) -> Result<(), WalletError> {
        Ok(())
    }

    pub(super) fn denied(path: &Path, error: io::Error) -> WalletError {
        failed("read", path)(error)
    }
}
