//! Where the socket is, and that nobody else gets near it.
//!
//! `admin.sock` in the state folder. Where that path is longer than a socket's
//! may be, the socket lives in a private folder below `$XDG_RUNTIME_DIR` or the
//! temporary folder, and `admin.path` in the state folder says where.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use tokio::net::UnixListener;

/// The longest path that fits into `sun_path` on every Unix, without its NUL.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// The longest path in `admin.path`, in bytes.
const POINTER_BYTES_MAX: u64 = 4096;

/// The bound socket; while it lives, no other node can open the same folder.
#[derive(Debug)]
pub struct Door {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _lock: File,
}

impl Door {
    /// Makes the state folder private, locks it and binds its socket.
    pub fn open(state_folder: &Path) -> io::Result<Self> {
        Self::open_with(state_folder, &runtime_folder())
    }

    pub(super) fn open_with(state_folder: &Path, runtime_folder: &Path) -> io::Result<Self> {
        private_folder(state_folder)?;
        let lock = lock(state_folder)?;
        let path = socket_path(state_folder, runtime_folder)?;
        // The lock is ours, so a socket that is still there belongs to a dead node.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            path,
            _lock: lock,
        })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Best effort: the next node removes what is left.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where a client finds the node of `state_folder`.
pub(super) fn find(state_folder: &Path) -> io::Result<PathBuf> {
    let direct = state_folder.join("admin.sock");
    if fits(&direct) {
        return Ok(direct);
    }
    use std::io::Read as _;
    let mut text = Vec::new();
    File::open(state_folder.join("admin.path"))?
        .take(POINTER_BYTES_MAX)
        .read_to_end(&mut text)?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(&text)))
}

/// Makes `path` with mode 0700, or makes sure that it is ours alone.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::metadata(path)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(denied(format!(
            "{} belongs to another user",
            path.display()
        )));
    }
    if found.mode() & 0o077 != 0 {
        let path = path.display();
        return Err(denied(format!(
            "{path} is open to other users; type: chmod 700 {path}"
        )));
    }
    Ok(())
}

fn denied(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}

fn lock(state_folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(state_folder.join("admin.lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error == rustix::io::Errno::WOULDBLOCK {
            let folder = state_folder.display();
            io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another node runs in {folder}; stop it or give this one a folder of its own with --state-folder"),
            )
        } else {
            error.into()
        }
    })?;
    Ok(file)
}

fn socket_path(state_folder: &Path, runtime_folder: &Path) -> io::Result<PathBuf> {
    let direct = state_folder.join("admin.sock");
    if fits(&direct) {
        return Ok(direct);
    }
    let uid = rustix::process::geteuid().as_raw();
    let digest = hex::encode(Sha256::digest(state_folder.as_os_str().as_bytes()));
    let folder = runtime_folder.join(format!("host-{uid}-{}", &digest[..16]));
    private_folder(&folder)?;
    if fs::symlink_metadata(&folder)?.is_symlink() {
        return Err(denied(format!("{} is a link", folder.display())));
    }
    let path = folder.join("admin.sock");
    if !fits(&path) {
        let message = format!(
            "{} is too long for a socket; set XDG_RUNTIME_DIR to a short path",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    point_to(&path, &state_folder.join("admin.path"))?;
    Ok(path)
}

fn point_to(path: &Path, pointer: &Path) -> io::Result<()> {
    let next = pointer.with_extension("path.next");
    fs::write(&next, path.as_os_str().as_bytes())?;
    fs::rename(&next, pointer)
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX
}

fn runtime_folder() -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder.is_dir())
        .unwrap_or_else(std::env::temp_dir)
}
