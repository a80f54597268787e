//! A folder that takes components without a pin, on a development chain alone.
//!
//! Whoever writes a policy saves it as `drop/NAME.wasm` in the state folder, and
//! it takes the place of the plugin NAME, or the log says why not. Elsewhere the
//! folder is not even looked at: there a pin is the only way in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use crate::admin::private_folder;
use crate::plugin::{Approval, Registry};
use crate::role::validator::Quiet;
use crate::subnet::text::escape;

/// Between two looks; a file counts once it has not changed from one to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are looked at; more are left alone.
const FILES_MAX: usize = 64;

/// A file's state, as far as a change can be told from it.
type Stamp = (SystemTime, u64);

/// Follows `drop/` in the state folder until it is dropped.
pub(super) async fn follow(state_folder: PathBuf, registry: Arc<Registry>, quiet: Quiet) {
    let folder = state_folder.join("drop");
    if let Err(error) = private_folder(&folder) {
        warn!(%error, folder = %folder.display(), "components dropped there are not taken");
        return;
    }
    info!(folder = %folder.display(), "a development chain: components saved there as NAME.wasm are taken without a pin");
    let (mut seen, mut taken) = (BTreeMap::new(), BTreeMap::new());
    loop {
        let found = files(&folder);
        for path in settled(&found, &seen, &taken) {
            take(&path, &registry, &quiet).await;
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
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let stamp = (metadata.modified().ok()?, metadata.len());
            Some((entry.path(), stamp))
                .filter(|(path, _)| path.extension().is_some_and(|end| end == "wasm"))
        })
        .take(FILES_MAX)
        .collect()
}

async fn take(path: &Path, registry: &Registry, quiet: &Quiet) {
    let slot = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let quiet = quiet.lock().await;
    let taken = match registry.read_component(path) {
        Ok(bytes) => {
            registry
                .swap(&slot, bytes, Approval::DevelopmentChain)
                .await
        }
        Err(error) => Err(error),
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
        (SystemTime::UNIX_EPOCH, length)
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
}
