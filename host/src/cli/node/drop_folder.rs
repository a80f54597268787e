//! A folder that is watched: what is saved there is offered to the node.
//!
//! `drop/NAME.wasm` in the state folder takes the place of the plugin NAME, and
//! `drop/NAME.toml` or `.json` that of the data pack, or the log and `host plugin
//! list` say why not. A manifest beside it (`drop/NAME.manifest`) is read with it;
//! save it first. What comes in is what the configuration's `[trust]` lets in. On
//! a development chain whatever its operator saves there is let in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use crate::admin::private_folder;
use crate::plugin::package::{PackageSource as _, manifest_path};
use crate::plugin::{AdmissionError, Approval, FileSource, Registry};
use crate::role::validator::Quiet;
use crate::subnet::text::escape;

/// Between two looks; a file counts once it has not changed from one to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are looked at; more are left alone.
const FILES_MAX: usize = 64;

/// The state of a file and of its manifest, as far as a change can be told.
type Stamp = (FileStamp, Option<FileStamp>);
type FileStamp = (SystemTime, u64);
/// What may be a plugin or a data pack.
const EXTENSIONS: [&str; 3] = ["wasm", "toml", "json"];

/// Follows `drop/` in the state folder until it is dropped.
pub(super) async fn follow(
    state_folder: PathBuf,
    registry: Arc<Registry>,
    quiet: Quiet,
    approval: Approval,
) {
    let folder = state_folder.join("drop");
    if let Err(error) = private_folder(&folder) {
        warn!(%error, folder = %folder.display(), "components dropped there are not taken");
        return;
    }
    if approval == Approval::DevelopmentChain {
        info!(folder = %folder.display(), "a development chain: components saved there as NAME.wasm are taken without a pin");
    } else {
        info!(folder = %folder.display(), "signed plugins saved there as NAME.wasm beside NAME.manifest are taken");
    }
    let (mut seen, mut taken) = (BTreeMap::new(), BTreeMap::new());
    loop {
        let found = files(&folder);
        for path in settled(&found, &seen, &taken) {
            take(&path, &registry, &quiet, &approval).await;
            taken.insert(path.clone(), found[&path]);
        }
        seen = found;
        tokio::time::sleep(LOOK).await;
    }
}

/// What changed since it was last taken and has come to rest.
fn settled(
    found: &BTreeMap<PathBuf, Stamp>,
    seen: &BTreeMap<PathBuf, Stamp>,
    taken: &BTreeMap<PathBuf, Stamp>,
) -> Vec<PathBuf> {
    let at_rest = |path: &PathBuf, stamp: &Stamp| {
        seen.get(path) == Some(stamp) && taken.get(path) != Some(stamp)
    };
    found
        .iter()
        .filter(|(path, stamp)| at_rest(path, stamp))
        .map(|(path, _)| path.clone())
        .collect()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Stamp> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let end = path.extension()?.to_str()?;
            let known = EXTENSIONS.contains(&end);
            let file = stamp(&path).filter(|_| known)?;
            let manifest = stamp(&manifest_path(&path));
            Some((path, (file, manifest)))
        })
        .take(FILES_MAX)
        .collect()
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = std::fs::metadata(path).ok()?;
    let file = metadata.is_file().then_some(&metadata)?;
    Some((file.modified().ok()?, file.len()))
}

async fn take(path: &Path, registry: &Registry, quiet: &Quiet, approval: &Approval) {
    let slot = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let source = FileSource {
        path: path.to_owned(),
        bytes_max: registry.engine().limits().component_bytes_max,
    };
    let fetched = tokio::task::spawn_blocking(move || source.fetch()).await;
    let fetched =
        fetched.unwrap_or_else(|error| Err(AdmissionError::Unreadable(error.to_string())));
    let quiet = quiet.lock().await;
    let taken = match fetched {
        Ok(package) => registry.offer(&slot, package, approval.clone()).await,
        Err(error) => {
            registry.unreadable(&slot, &path.display().to_string(), &error);
            Err(error)
        }
    };
    drop(quiet);
    // The registry itself logs what took over.
    if let Err(error) = taken {
        let remedy = error.remedy();
        warn!(file = %path.display(), why = escape(&error.to_string()), remedy = escape(&remedy), "a dropped component was refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(length: u64) -> Stamp {
        ((SystemTime::UNIX_EPOCH, length), None)
    }

    #[test]
    fn a_file_that_is_still_being_written_is_not_taken() {
        let now: BTreeMap<_, _> = [("a.wasm".into(), stamp(9))].into();
        let before: BTreeMap<_, _> = [("a.wasm".into(), stamp(4))].into();
        assert!(settled(&now, &before, &BTreeMap::new()).is_empty());
        assert_eq!(
            settled(&now, &now, &BTreeMap::new()),
            [PathBuf::from("a.wasm")]
        );
    }

    #[test]
    fn a_file_is_taken_once_until_it_changes() {
        let now: BTreeMap<_, _> = [("a.wasm".into(), stamp(9))].into();
        assert!(settled(&now, &now, &now).is_empty());
        let before: BTreeMap<_, _> = [("a.wasm".into(), stamp(4))].into();
        assert_eq!(settled(&now, &now, &before).len(), 1);
    }

    #[test]
    fn a_manifest_that_came_later_brings_the_file_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str| std::fs::write(folder.path().join(name), "x").expect("a file");
        write("a.wasm");
        write("notes.txt");
        let before = files(folder.path());
        write("a.manifest");
        let after = files(folder.path());
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!(settled(&after, &after, &before).len(), 1);
    }
}
