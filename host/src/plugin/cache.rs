//! Native code of earlier compilations, each under a MAC.
//!
//! wasmtime runs whatever it is given as serialized code, so a file that others
//! could have written is a way in. Each entry therefore carries an HMAC-SHA256
//! under a key of this host (32 random bytes beside the entries, mode 0600),
//! over the digest of the component, the hash of everything that compilation
//! depends on, and the code. An entry is read into memory once, checked, and
//! loaded from that memory, so it cannot change in between. One that was
//! tampered with, came from another host, or was made by another release or
//! under other rules is removed, and compiled anew.
//!
//! ```text
//! aot/key                 32 bytes
//! aot/<digest>.aot        LABEL, MAC (32), rules (32), code
//! ```
//!
//! Entries are bounded in number and in bytes; the least lately used goes first.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::compile::Artifact;
use super::files;
use super::limits::CompileLimits;
use crate::subnet::plugin::Digest;

/// What an entry begins with, and what its MAC begins with.
const LABEL: &[u8] = b"compute-subnet/aot/1\0";
const MAC_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const HEAD_BYTES: usize = LABEL.len() + MAC_BYTES + 32;
const KEY: &str = "key";
const EXTENSION: &str = "aot";

/// A hash of the compiler's version, its settings and the machine it is for.
pub(super) type Rules = [u8; 32];

/// The folder and its key.
pub(super) struct Cache {
    folder: PathBuf,
    key: Zeroizing<[u8; KEY_BYTES]>,
    code_bytes_max: usize,
    bytes_max: u64,
    entries_max: usize,
}

/// Why an entry was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("it was not written by this host, or was changed since")]
    Unproven,
    #[error("it was compiled by another release or under other rules")]
    Stale,
}

impl Cache {
    /// Opens `folder`, or makes it and its key.
    pub(super) fn open(folder: &Path, limits: &CompileLimits) -> io::Result<Self> {
        files::make_folder(folder)?;
        Ok(Self {
            key: key(&folder.join(KEY))?,
            folder: folder.to_owned(),
            code_bytes_max: limits.artifact_bytes_max,
            bytes_max: limits.cache_bytes_max,
            entries_max: limits.cache_entries_max,
        })
    }

    /// The code of `component`, if it was compiled here under `rules`.
    pub(super) fn find(&self, component: Digest, rules: &Rules) -> Option<Artifact> {
        let path = self.path(component);
        let entry = match files::read_up_to(&path, HEAD_BYTES + self.code_bytes_max) {
            Ok(entry) => entry.unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, %component, "cached code cannot be read, it is compiled anew");
                return None;
            }
        };
        match self.check(component, rules, entry) {
            Ok(artifact) => {
                touch(&path);
                Some(artifact)
            }
            Err(why) => {
                self.discard(component, why);
                None
            }
        }
    }

    fn check(
        &self,
        component: Digest,
        rules: &Rules,
        mut entry: Vec<u8>,
    ) -> Result<Artifact, Unusable> {
        if entry.len() < HEAD_BYTES || !entry.starts_with(LABEL) {
            return Err(Unusable::Unproven);
        }
        let (head, code) = entry.split_at(HEAD_BYTES);
        let (mac, made_by) = head[LABEL.len()..].split_at(MAC_BYTES);
        self.mac(component, made_by, code)
            .verify_slice(mac)
            .map_err(|_| Unusable::Unproven)?;
        if made_by != rules {
            return Err(Unusable::Stale);
        }
        Ok(Artifact::authenticated(entry.split_off(HEAD_BYTES)))
    }

    fn discard(&self, component: Digest, why: Unusable) {
        match why {
            Unusable::Unproven => {
                tracing::warn!(%component, "cached code is thrown away and compiled anew: {why}");
            }
            Unusable::Stale => {
                tracing::info!(%component, "cached code is compiled anew: {why}");
            }
        }
        self.forget(component);
    }

    /// Removes an entry that turned out to be of no use.
    pub(super) fn forget(&self, component: Digest) {
        if let Err(error) = fs::remove_file(self.path(component)) {
            tracing::debug!(%component, "cached code is not removed: {error}");
        }
    }

    /// Keeps `code`; a full disk costs the next start its time, no more.
    pub(super) fn keep(&self, component: Digest, rules: &Rules, artifact: &Artifact) {
        let kept = self
            .write(component, rules, artifact)
            .and_then(|()| self.evict(&self.path(component)));
        if let Err(error) = kept {
            tracing::warn!(%component, "compiled code is not kept: {error}");
        }
    }

    fn write(&self, component: Digest, rules: &Rules, artifact: &Artifact) -> io::Result<()> {
        let code = artifact.bytes();
        let mac = self.mac(component, rules, code).finalize().into_bytes();
        let entry = [LABEL, &*mac, &rules[..], code].concat();
        files::write_atomic(&self.path(component), &entry)
    }

    fn mac(&self, component: Digest, rules: &[u8], code: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes any key");
        // All but the code have a fixed length, so no two inputs look alike.
        mac.chain_update(LABEL)
            .chain_update(component.0)
            .chain_update(rules)
            .chain_update(code)
    }

    fn path(&self, component: Digest) -> PathBuf {
        let name = format!("{}.{EXTENSION}", hex::encode(component.0));
        self.folder.join(name)
    }

    /// Removes what was used least lately, but never `newest`.
    fn evict(&self, newest: &Path) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|end| end == EXTENSION) && path != newest {
                let metadata = entry.metadata()?;
                entries.push((metadata.modified()?, metadata.len(), path));
            }
        }
        entries.sort_by(|one, other| other.cmp(one));
        let (mut count, mut bytes) = (1, fs::metadata(newest)?.len());
        for (_, size, path) in entries {
            count += 1;
            bytes = bytes.saturating_add(size);
            if count > self.entries_max || bytes > self.bytes_max {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn touch(path: &Path) {
    let touched = fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!("cached code keeps its old time: {error}");
    }
}

/// The host's key: read if nobody else could have, else made.
fn key(path: &Path) -> io::Result<Zeroizing<[u8; KEY_BYTES]>> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key).map_err(io::Error::other)?;
    files::write_once(path, &*key)?;
    // Another process may have been first.
    read_key(path)?.ok_or_else(|| io::Error::other("the key of the code cache is not kept"))
}

fn read_key(path: &Path) -> io::Result<Option<Zeroizing<[u8; KEY_BYTES]>>> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    let private = metadata.permissions().mode() & 0o077 == 0;
    if !metadata.is_file() || !ours || !private || metadata.len() != KEY_BYTES as u64 {
        tracing::warn!(
            "others may know the key of the code cache: it is made anew, and everything compiled anew"
        );
        fs::remove_file(path)?;
        return Ok(None);
    }
    let bytes = Zeroizing::new(fs::read(path)?);
    Ok(<[u8; KEY_BYTES]>::try_from(&**bytes)
        .ok()
        .map(Zeroizing::new))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COMPONENT: Digest = Digest([1; 32]);
    const RULES: Rules = [2; 32];

    fn open(folder: &Path) -> Cache {
        Cache::open(folder, &CompileLimits::default()).unwrap()
    }

    fn kept(folder: &Path) -> Cache {
        let cache = open(folder);
        let code = Artifact::authenticated(b"native code".to_vec());
        cache.keep(COMPONENT, &RULES, &code);
        cache
    }

    fn found(cache: &Cache, rules: &Rules) -> Option<Vec<u8>> {
        let found = cache.find(COMPONENT, rules)?;
        Some(found.bytes().to_vec())
    }

    #[test]
    fn what_was_kept_is_found_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        drop(kept(folder.path()));
        let again = open(folder.path());
        assert_eq!(found(&again, &RULES).unwrap(), b"native code");
        assert!(again.find(Digest([9; 32]), &RULES).is_none());
    }

    #[test]
    fn a_flipped_bit_anywhere_throws_the_entry_away() {
        let folder = tempfile::tempdir().unwrap();
        let cache = kept(folder.path());
        let path = cache.path(COMPONENT);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut entry = whole.clone();
            entry[at] ^= 1;
            fs::write(&path, &entry).unwrap();
            assert_eq!(found(&cache, &RULES), None, "byte {at}");
            assert!(!path.exists(), "byte {at}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(found(&cache, &RULES), None, "cut to {length}");
        }
    }

    #[test]
    fn another_components_code_another_hosts_and_other_rules_code_are_thrown_away() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (cache, other) = (kept(here.path()), open(there.path()));
        let path = cache.path(COMPONENT);
        fs::copy(&path, cache.path(Digest([3; 32]))).unwrap();
        assert!(cache.find(Digest([3; 32]), &RULES).is_none());
        fs::copy(&path, other.path(COMPONENT)).unwrap();
        assert_eq!(found(&other, &RULES), None);
        assert_eq!(found(&cache, &[4; 32]), None);
        assert!(!path.exists());
    }

    #[test]
    fn the_key_and_the_entries_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = kept(folder.path());
        for path in [cache.path(COMPONENT), folder.path().join(KEY)] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_that_others_could_read_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        drop(kept(folder.path()));
        let key = folder.path().join(KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(found(&open(folder.path()), &RULES), None);
    }

    #[test]
    fn the_least_lately_used_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let limits = CompileLimits {
            cache_entries_max: 2,
            ..CompileLimits::default()
        };
        let cache = Cache::open(folder.path(), &limits).unwrap();
        let code = Artifact::authenticated(vec![0; 9]);
        for byte in 1..=3_u8 {
            cache.keep(Digest([byte; 32]), &RULES, &code);
            if byte < 3 {
                let file = fs::File::open(cache.path(Digest([byte; 32]))).unwrap();
                let then = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(byte.into());
                file.set_modified(then).unwrap();
            }
        }
        let here = |byte| cache.path(Digest([byte; 32])).exists();
        assert_eq!([here(1), here(2), here(3)], [false, true, true]);
    }
}
