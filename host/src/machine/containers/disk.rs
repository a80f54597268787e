//! Disks that are files: an ext4 file system of exactly the size that was ordered.
//!
//! The file's blocks are reserved when it is made, so that a disk that was sold can
//! be filled, and a machine whose own disk is full refuses the next one. The engine
//! mounts it, as a volume of its local driver; this only makes the loop device, and
//! a link to it that stays the same when the machine starts again and the device
//! has another number.
//!
//! Beside each disk, and for as long: the key that its renter let in instead of the
//! first one, if any.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::tool;

/// The folder of all disks of one node.
#[derive(Debug, Clone)]
pub(super) struct Disks(PathBuf);

/// Whose root a container's root is on this machine: not ours under `userns-remap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RootOwner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl RootOwner {
    /// The engine keeps the data of remapped containers in a folder `UID.GID`.
    pub(super) fn of(engine_folder: &str) -> Self {
        let ids = engine_folder.rsplit('/').next().and_then(|name| {
            let (uid, gid) = name.split_once('.')?;
            Some(Self {
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            })
        });
        ids.unwrap_or(Self { uid: 0, gid: 0 })
    }
}

impl Disks {
    /// Makes the folder.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join("disks");
        fs::create_dir_all(&folder)?;
        #[cfg(unix)]
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(Self(fs::canonicalize(folder)?))
    }

    /// What the engine mounts.
    pub(super) fn device(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.dev"))
    }

    fn file(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.img"))
    }

    fn key_file(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.key"))
    }

    /// The key that was kept.
    pub(super) fn key(&self, id: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.key_file(id)) {
            Ok(key) => Ok(Some(key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a key in the place of the one before, or none.
    pub(super) fn keep_key(&self, id: &str, key: Option<&str>) -> io::Result<()> {
        let Some(key) = key else {
            return remove_file(&self.key_file(id));
        };
        let unfinished = self.0.join(format!("{id}.tmp"));
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(key.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, self.key_file(id))
    }

    /// Makes a disk if it is not there yet, and its device likewise.
    pub(super) async fn attach(&self, id: &str, mib: u64, owner: RootOwner) -> Result<(), String> {
        let file = self.file(id);
        if !file.exists() {
            self.make(id, mib, owner).await?;
        }
        let device = match self.loops(id).await?.into_iter().next() {
            Some(device) => device,
            None => {
                let arguments = ["--find", "--show"].map(str::to_owned);
                let mut arguments = arguments.to_vec();
                arguments.push(text(&file));
                tool::run("losetup", arguments).await?
            }
        };
        link(Path::new(&device), &self.device(id)).map_err(|error| format!("{device}: {error}"))
    }

    /// Under another name until it is whole.
    async fn make(&self, id: &str, mib: u64, owner: RootOwner) -> Result<(), String> {
        let unfinished = self.0.join(format!("{id}.new"));
        let path = text(&unfinished);
        let made = async {
            let reserve = ["-l", &format!("{mib}MiB"), &path].map(str::to_owned);
            tool::run("fallocate", reserve.to_vec()).await?;
            let root_owner = format!("nodiscard,root_owner={}:{}", owner.uid, owner.gid);
            let format = ["-q", "-F", "-m", "0", "-E", &root_owner, &path].map(str::to_owned);
            tool::run("mkfs.ext4", format.to_vec()).await?;
            fs::rename(&unfinished, self.file(id)).map_err(|error| error.to_string())
        };
        let made = made.await;
        if made.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        made
    }

    /// Takes a disk away, and all that is on it; what is gone is no error.
    pub(super) async fn remove(&self, id: &str) -> Result<(), String> {
        for device in self.loops(id).await? {
            tool::run("losetup", vec!["--detach".to_owned(), device]).await?;
        }
        let unfinished = ["new", "tmp"].map(|end| self.0.join(format!("{id}.{end}")));
        let whole = [self.device(id), self.key_file(id), self.file(id)];
        for path in unfinished.iter().chain(&whole) {
            remove_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// The names of all disks.
    pub(super) fn ids(&self) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if let Some(id) = path.file_stem().and_then(|name| name.to_str()) {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Loop devices of a disk; none where it has no file.
    async fn loops(&self, id: &str) -> Result<Vec<String>, String> {
        let file = self.file(id);
        if !file.exists() {
            return Ok(Vec::new());
        }
        let arguments = ["-n", "-O", "NAME", "-j", &text(&file)].map(str::to_owned);
        let listed = tool::run("losetup", arguments.to_vec()).await?;
        Ok(listed.lines().map(|line| line.trim().to_owned()).collect())
    }
}

/// What is gone is no error.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(unix)]
fn link(device: &Path, link: &Path) -> io::Result<()> {
    remove_file(link)?;
    std::os::unix::fs::symlink(device, link)
}

#[cfg(not(unix))]
fn link(_device: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_remapped_engine_says_whose_its_root_is() {
        let remapped = RootOwner {
            uid: 100_000,
            gid: 100_001,
        };
        assert_eq!(RootOwner::of("/var/lib/docker/100000.100001"), remapped);
        for usual in ["/var/lib/docker", "/tmp/.tmpab", "/srv/a.b", ""] {
            assert_eq!(
                RootOwner::of(usual),
                RootOwner { uid: 0, gid: 0 },
                "{usual}"
            );
        }
    }

    #[tokio::test]
    async fn a_key_is_kept_for_as_long_as_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let disks = Disks::open(folder.path()).unwrap();
        assert_eq!(disks.key("a").unwrap(), None);
        disks.keep_key("a", Some("one")).unwrap();
        disks.keep_key("a", Some("two")).unwrap();
        let again = Disks::open(folder.path()).unwrap();
        assert_eq!(again.key("a").unwrap().as_deref(), Some("two"));
        again.keep_key("b", Some("three")).unwrap();
        again.keep_key("b", None).unwrap();
        assert_eq!(again.ids().unwrap(), ["a"]);
        again.remove("a").await.unwrap();
        assert_eq!(again.ids().unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_disk_that_finds_no_room_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let disks = Disks::open(folder.path()).unwrap();
        let owner = RootOwner { uid: 0, gid: 0 };
        assert!(disks.attach("a", 1 << 40, owner).await.is_err());
        assert_eq!(disks.ids().unwrap(), Vec::<String>::new());
        disks.remove("a").await.unwrap();
    }
}
