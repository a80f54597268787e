//! What a registry keeps in the state folder.
//!
//! ```text
//! pins.json                      digests that operators approved
//! activations.json               what is active instead of a built-in, and past swaps
//! sequences.json                 the highest number accepted of each name and key
//! plugins/<digest>.wasm          components that are or were active
//! plugins/<digest>.data          data packs that are or were active
//! plugins/<digest>.manifest      what came with either
//! plugins/<digest>.settings.json settings that are or were theirs, by their own digest
//! ```
//!
//! Every file is written whole under another name, flushed, and renamed, and is
//! readable by its owner alone. Bytes and settings are checked against the
//! digest they are named by whenever they are read, so a file that was changed
//! is a file that is not there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::describe::{Swap, unix_s};
use crate::plugin::admission::{self, AdmissionError};
use crate::plugin::files::{self, write_atomic};
use crate::plugin::manifest::{self, MANIFEST_BYTES_MAX, Signed};
use crate::plugin::settings::{self, Settings};
use crate::plugin::trust::Sequences;
use crate::subnet::plugin::{Digest, Moment};
use crate::subnet::trust::Subject;

/// Pins that are kept; the oldest goes first.
const PINS_MAX: usize = 1_024;
/// Names whose numbers are kept; forgetting one would let an old version in.
const NAMES_MAX: usize = 4_096;
/// Past swaps that are kept.
const HISTORY_MAX: usize = 256;
/// Components kept beside those that are active.
const RETAINED_MAX: usize = 16;
/// The largest of the two JSON files, and of one settings file.
const JSON_BYTES_MAX: usize = 4 << 20;

const PINS: &str = "pins.json";
const ACTIVATIONS: &str = "activations.json";
const SEQUENCES: &str = "sequences.json";
const PLUGINS: &str = "plugins";

/// An operator's approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pin {
    digest: Digest,
    /// As it described itself then.
    name: String,
    by: String,
    at_unix_s: u64,
}

/// What is active in a slot, if not the built-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Activation {
    #[serde(rename = "world")]
    pub(super) subject: Subject,
    pub(super) digest: Digest,
    pub(super) by: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Activations {
    active: BTreeMap<String, Activation>,
    #[serde(default)]
    packs: BTreeMap<String, Activation>,
    /// By slot, when what waits there is to become the active policy.
    #[serde(default)]
    moments: BTreeMap<String, Moment>,
    /// Oldest first.
    history: Vec<Swap>,
}

/// The folder, and what its two small files say.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    pins: Vec<Pin>,
    sequences: Sequences,
    activations: Activations,
}

impl State {
    /// Opens `folder`, or makes it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        for folder in [folder.to_path_buf(), folder.join(PLUGINS)] {
            files::make_folder(&folder)?;
        }
        Ok(Self {
            pins: read_json(&folder.join(PINS))?.unwrap_or_default(),
            sequences: Self::sequences_of(folder)?,
            activations: read_json(&folder.join(ACTIVATIONS))?.unwrap_or_default(),
            folder: folder.to_path_buf(),
        })
    }

    pub(super) fn pinned_by(&self, digest: Digest) -> Option<&str> {
        let pin = self.pins.iter().find(|pin| pin.digest == digest)?;
        Some(&pin.by)
    }

    pub(super) fn pin(&mut self, digest: Digest, name: &str, by: &str) -> io::Result<()> {
        let mut pins = self.pins.clone();
        pins.retain(|pin| pin.digest != digest);
        pins.push(Pin {
            digest,
            name: name.to_owned(),
            by: by.to_owned(),
            at_unix_s: unix_s(),
        });
        let excess = pins.len().saturating_sub(PINS_MAX);
        pins.drain(..excess);
        write_json(&self.folder.join(PINS), &pins)?;
        self.pins = pins;
        Ok(())
    }

    pub(super) fn activations(&self) -> &BTreeMap<String, Activation> {
        &self.activations.active
    }

    /// The active data packs.
    pub(super) fn packs(&self) -> &BTreeMap<String, Activation> {
        &self.activations.packs
    }

    /// The highest numbers that were accepted here, of a folder nobody need have
    /// open.
    pub(super) fn sequences_of(folder: &Path) -> io::Result<Sequences> {
        Ok(read_json(&folder.join(SEQUENCES))?.unwrap_or_default())
    }

    /// The highest numbers that were accepted.
    pub(super) fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    pub(super) fn note_sequences(&mut self, sequences: Sequences) -> io::Result<()> {
        if sequences.len() > NAMES_MAX {
            return Err(io::Error::other(
                "too many plugins were ever signed for here",
            ));
        }
        if sequences != self.sequences {
            write_json(&self.folder.join(SEQUENCES), &sequences)?;
            self.sequences = sequences;
        }
        Ok(())
    }

    /// After a restart the slot is empty too.
    pub(super) fn empty(&mut self, slot: &str) -> io::Result<()> {
        let mut activations = self.activations.clone();
        activations.active.remove(slot);
        activations.moments.remove(slot);
        self.write(activations)
    }

    /// As [`Self::empty`], of a data pack.
    pub(super) fn empty_pack(&mut self, name: &str) -> io::Result<()> {
        let mut activations = self.activations.clone();
        activations.packs.remove(name);
        self.write(activations)
    }

    /// What waits in `slot` is to become the active policy then.
    pub(super) fn await_moment(&mut self, slot: &str, moment: Moment) -> io::Result<()> {
        let mut activations = self.activations.clone();
        activations.moments.insert(slot.to_owned(), moment);
        self.write(activations)
    }

    pub(super) fn moments(&self) -> &BTreeMap<String, Moment> {
        &self.activations.moments
    }

    fn write(&mut self, activations: Activations) -> io::Result<()> {
        write_json(&self.folder.join(ACTIVATIONS), &activations)?;
        self.activations = activations;
        Ok(())
    }

    /// Records `swap`: after a restart its slot holds what it swapped in.
    pub(super) fn activate(&mut self, swap: Swap) -> io::Result<()> {
        let mut active = self.activations.active.clone();
        let mut packs = self.activations.packs.clone();
        let place = match swap.subject {
            Subject::DataPack => &mut packs,
            Subject::Plugin(_) => &mut active,
        };
        place.insert(
            swap.slot.clone(),
            Activation {
                subject: swap.subject,
                digest: swap.to,
                by: swap.by.clone(),
            },
        );
        let mut history = self.activations.history.clone();
        history.push(swap);
        let excess = history.len().saturating_sub(HISTORY_MAX);
        history.drain(..excess);
        self.write(Activations {
            active,
            packs,
            history,
            moments: self.activations.moments.clone(),
        })
    }

    /// Whether `by` put these bytes anywhere, as far as is remembered.
    pub(super) fn was_approved_by(&self, digest: Digest, by: &str) -> bool {
        let Activations {
            active,
            packs,
            history,
            ..
        } = &self.activations;
        let mut now = active.values().chain(packs.values());
        now.any(|activation| activation.digest == digest && activation.by == by)
            || history
                .iter()
                .any(|swap| swap.to == digest && swap.by == by)
    }

    /// Newest first.
    pub(super) fn history(&self) -> Vec<Swap> {
        self.activations.history.iter().rev().cloned().collect()
    }

    /// Keeps a component and its settings for sessions of another day.
    pub(super) fn retain(
        &self,
        digest: Digest,
        bytes: &[u8],
        settings: &Settings,
    ) -> io::Result<()> {
        let component = self.component_path(digest);
        if !component.exists() {
            write_atomic(&component, bytes)?;
        }
        self.retain_settings(settings)?;
        self.prune(digest)
    }

    pub(super) fn retain_settings(&self, settings: &Settings) -> io::Result<()> {
        let table = self.settings_path(settings::digest(settings));
        if table.exists() {
            return Ok(());
        }
        write_json(&table, settings)
    }

    pub(super) fn retain_pack(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        write_atomic(&self.path(digest, "data"), bytes)?;
        self.prune(digest)
    }

    /// What came with the bytes of `digest`; the latest counts.
    pub(super) fn retain_manifest(&self, digest: Digest, signed: &Signed) -> io::Result<()> {
        write_atomic(&self.path(digest, "manifest"), &signed.to_bytes())
    }

    /// What came with the bytes of `digest`, if it is of them.
    pub(super) fn manifest(&self, digest: Digest) -> Option<Signed> {
        let path = self.path(digest, "manifest");
        let bytes = files::read_up_to(&path, MANIFEST_BYTES_MAX).ok()??;
        let signed = manifest::read(&bytes).ok()?;
        (signed.manifest.digest == digest).then_some(signed)
    }

    /// A data pack that is or was active.
    pub(super) fn pack(&self, digest: Digest, max: usize) -> Result<Vec<u8>, AdmissionError> {
        checked(digest, read_bounded(&self.path(digest, "data"), max)?)
    }

    /// A component that is or was active.
    pub(super) fn component(&self, digest: Digest, max: usize) -> Result<Vec<u8>, AdmissionError> {
        checked(digest, read_bounded(&self.component_path(digest), max)?)
    }

    /// Settings that are or were some plugin's.
    pub(super) fn settings(&self, digest: Digest) -> Option<Settings> {
        let table: Settings = read_json(&self.settings_path(digest)).ok()??;
        (settings::digest(&table) == digest).then_some(table)
    }

    fn component_path(&self, digest: Digest) -> PathBuf {
        self.path(digest, "wasm")
    }

    fn settings_path(&self, digest: Digest) -> PathBuf {
        self.path(digest, "settings.json")
    }

    fn path(&self, digest: Digest, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", hex::encode(digest.0));
        self.folder.join(PLUGINS).join(name)
    }

    /// Removes the oldest components and settings beyond what is kept.
    fn prune(&self, newest: Digest) -> io::Result<()> {
        let (active, packs) = (&self.activations.active, &self.activations.packs);
        let active = active.values().chain(packs.values());
        let digests = active.map(|activation| activation.digest);
        let wanted: Vec<PathBuf> = digests
            .chain([newest])
            .flat_map(|digest| ["wasm", "data", "manifest"].map(|end| self.path(digest, end)))
            .collect();
        let mut files = Vec::new();
        for entry in fs::read_dir(self.folder.join(PLUGINS))? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        for extension in ["wasm", "json", "data", "manifest"] {
            let mut kind: Vec<_> = files
                .iter()
                .filter(|(_, path)| path.extension().is_some_and(|e| e == extension))
                .filter(|(_, path)| !wanted.contains(path))
                .collect();
            kind.sort();
            let excess = kind.len().saturating_sub(RETAINED_MAX);
            for (_, path) in kind.into_iter().take(excess) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn checked(digest: Digest, bytes: Vec<u8>) -> Result<Vec<u8>, AdmissionError> {
    if admission::digest(&bytes) != digest {
        let text = format!("the file kept as {digest} was changed");
        return Err(AdmissionError::State(text));
    }
    Ok(bytes)
}

/// Reads `path`, unless it is larger than `max`.
pub(super) fn read_bounded(path: &Path, max: usize) -> Result<Vec<u8>, AdmissionError> {
    let unreadable = |error: io::Error| {
        AdmissionError::State(format!(
            "{}: {error}",
            crate::subnet::text::escape(&path.display().to_string())
        ))
    };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    admission::check_size(bytes, max)?;
    let mut read = Vec::new();
    // A file may grow while it is read.
    file.take(max as u64 + 1)
        .read_to_end(&mut read)
        .map_err(unreadable)?;
    admission::check_size(read.len() as u64, max)?;
    Ok(read)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = Vec::new();
    file.take(JSON_BYTES_MAX as u64).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        let text = format!("{}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_atomic(path, &serde_json::to_vec_pretty(value)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::subnet::plugin::World;

    fn swap(to: u8) -> Swap {
        Swap {
            slot: "policy".into(),
            subject: Subject::Plugin(World::ScoringPolicy),
            from: None,
            to: Digest([to; 32]),
            by: "root".into(),
            at_unix_s: u64::from(to),
        }
    }

    #[test]
    fn pins_and_activations_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        state.pin(Digest([1; 32]), "p", "root").unwrap();
        state.activate(swap(1)).unwrap();
        state.activate(swap(2)).unwrap();
        let again = State::open(folder.path()).unwrap();
        assert_eq!(again.pinned_by(Digest([1; 32])), Some("root"));
        assert_eq!(again.pinned_by(Digest([2; 32])), None);
        assert_eq!(again.activations()["policy"].digest, Digest([2; 32]));
        assert_eq!(again.history()[0].to, Digest([2; 32]));
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(&folder.path().join("new")).unwrap();
        state.pin(Digest([1; 32]), "p", "root").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(state.folder.clone()), 0o700);
        assert_eq!(mode(state.folder.join(PINS)), 0o600);
    }

    #[test]
    fn a_component_that_was_changed_on_disk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let digest = admission::digest(b"bytes");
        state.retain(digest, b"bytes", &Settings::new()).unwrap();
        assert_eq!(state.component(digest, 99).unwrap(), b"bytes");
        fs::write(state.component_path(digest), b"other").unwrap();
        assert!(state.component(digest, 99).is_err());
    }

    #[test]
    fn only_so_many_components_are_kept_and_the_active_one_always() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        let digests: Vec<Digest> = (0..20_u8).map(|n| admission::digest(&[n])).collect();
        for (n, digest) in (0..20_u8).zip(&digests) {
            state.retain(*digest, &[n], &Settings::new()).unwrap();
            if n == 0 {
                let to = *digest;
                state.activate(Swap { to, ..swap(0) }).unwrap();
            }
        }
        let kept = digests.iter().filter(|d| state.component(**d, 9).is_ok());
        assert!(kept.count() <= RETAINED_MAX + 2);
        assert!(state.component(digests[0], 9).is_ok());
    }

    #[test]
    fn a_file_past_the_limit_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(33 << 20).unwrap();
        assert_eq!(
            read_bounded(&path, 32 << 20),
            Err(AdmissionError::TooLarge {
                bytes: 33 << 20,
                max: 32 << 20
            })
        );
    }
}
