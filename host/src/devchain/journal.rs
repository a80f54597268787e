//! Keeps a chain in a file, so that it goes on where it ended.
//!
//! The file begins with a magic line; records follow, each with its length and
//! a checksum before it: how the chain began, each block with what it changed,
//! each step back. A block is written before it is told of. A record that was
//! cut short by a crash, and whatever follows it, is dropped when the file is
//! opened; what is whole before it is the chain.
//!
//! When the file has grown to [`MAX_JOURNAL_BYTES`] it is written anew from the
//! present state, to another file that then takes its place: the chain goes on,
//! and only the states of earlier blocks are given up. Writes are left to the
//! operating system: a power failure may cost the last blocks, never the chain.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the derive numbers variants with a cast, and there are four"
)]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use parity_scale_codec::{Decode, Encode};

use super::block::Block;
use super::hash::blake2_256;
use super::store::Changes;

/// First bytes of the file.
const MAGIC: &[u8] = b"compute-subnet/devchain/1\n";
/// Bytes of a record's checksum.
const CHECKSUM_BYTES: usize = 8;
/// Largest record: the state of a chain.
const MAX_RECORD_BYTES: u32 = 256 * 1024 * 1024;
/// Size at which the file is written anew.
const MAX_JOURNAL_BYTES: u64 = 128 * 1024 * 1024;

/// Why a chain cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refuses.
    #[error("cannot keep the development chain in {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("{0} belongs to a development chain that runs; choose another file for --state")]
    InUse(PathBuf),
    /// It is something else.
    #[error(
        "{0} holds no development chain of this version; move it away or choose another file for --state"
    )]
    Foreign(PathBuf),
}

/// What is kept.
#[derive(Debug, Encode, Decode)]
pub(super) enum Record {
    /// How the chain began: first in every file.
    Start {
        /// What its genesis was salted with.
        salt: [u8; 32],
        /// The runtime it began with.
        spec: u32,
    },
    /// A block.
    Block {
        /// Itself.
        block: Block,
        /// What it changed.
        changes: Changes,
        /// The runtime it brought.
        upgrade: Option<u32>,
    },
    /// The chain went back to this height.
    Back(u64),
    /// All there is at a height, for a file that is written anew.
    Base {
        /// Block zero.
        genesis: Block,
        /// The newest block.
        block: Block,
        /// The state after it.
        state: Changes,
        /// Its runtime.
        spec: u32,
        /// How often the chain went back.
        forks: u64,
    },
}

/// An open file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens or creates the file; gives what it holds, which is nothing where it
    /// is new.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let failed = |source| JournalError::File {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        if bytes.is_empty() {
            file.write_all(MAGIC).map_err(failed)?;
            bytes = MAGIC.to_vec();
        }
        let foreign = || JournalError::Foreign(path.to_owned());
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let mut records = Vec::new();
        while let Some(record) = take(&mut rest) {
            records.push(record);
        }
        if !matches!(records.first(), None | Some(Record::Start { .. })) {
            return Err(foreign());
        }
        let whole = bytes.len() - rest.len();
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        if !rest.is_empty() {
            tracing::warn!(
                path = %path.display(),
                bytes = rest.len(),
                "the kept chain ends in a record that was cut short; it is dropped"
            );
            file.set_len(whole).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(whole)).map_err(failed)?;
        let journal = Self {
            path: path.to_owned(),
            file,
            bytes: whole,
        };
        Ok((journal, records))
    }

    /// Adds a record.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let frame = frame(record);
        match self.file.write_all(&frame) {
            Ok(()) => {
                self.bytes += u64::try_from(frame.len()).unwrap_or(u64::MAX);
                Ok(())
            }
            Err(source) => {
                // A part of it must not stand before the next.
                let _ = self.file.set_len(self.bytes);
                let _ = self.file.seek(SeekFrom::Start(self.bytes));
                Err(self.failed(source))
            }
        }
    }

    /// Whether it is time to write the file anew.
    pub(super) fn is_large(&self) -> bool {
        self.bytes >= MAX_JOURNAL_BYTES
    }

    /// Replaces the file by one that holds `records` alone.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".new");
        let path = PathBuf::from(path);
        let mut bytes = MAGIC.to_vec();
        records
            .iter()
            .for_each(|record| bytes.extend_from_slice(&frame(record)));
        let replaced = replace(&path, &self.path, &bytes);
        self.file = replaced.map_err(|source| self.failed(source))?;
        self.bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> JournalError {
        JournalError::File {
            path: self.path.clone(),
            source,
        }
    }
}

/// The state after the last of some blocks, all of it.
pub(super) fn flatten<'a>(entries: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Changes {
    let entries = entries.map(|(key, value)| (key.to_vec(), Some(value.to_vec())));
    entries.collect::<BTreeMap<_, _>>()
}

fn replace(new: &Path, old: &Path, bytes: &[u8]) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Held before anybody can find it under its name.
    file.lock()?;
    std::fs::rename(new, old)?;
    Ok(file)
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(JournalError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Length, checksum, record.
fn frame(record: &Record) -> Vec<u8> {
    let body = record.encode();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend_from_slice(&blake2_256(&body)[..CHECKSUM_BYTES]);
    frame.extend_from_slice(&body);
    frame
}

/// The next record, if it is whole; `rest` stays before one that is not.
fn take(rest: &mut &[u8]) -> Option<Record> {
    let (length, after) = rest.split_first_chunk()?;
    let (checksum, after) = after.split_first_chunk::<CHECKSUM_BYTES>()?;
    let length = u32::from_le_bytes(*length);
    if length > MAX_RECORD_BYTES {
        return None;
    }
    let (mut body, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    if &blake2_256(body)[..CHECKSUM_BYTES] != checksum {
        return None;
    }
    let record = Record::decode(&mut body).ok()?;
    *rest = after;
    Some(record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn start() -> Record {
        Record::Start {
            salt: [1; 32],
            spec: 461,
        }
    }

    #[test]
    fn a_record_cut_short_is_dropped_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let (mut journal, records) = Journal::open(&path).unwrap();
        assert!(records.is_empty());
        for record in [start(), Record::Back(1), Record::Back(2)] {
            journal.append(&record).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..12 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, records) = Journal::open(&path).unwrap();
            assert!(matches!(
                records[..],
                [Record::Start { .. }, Record::Back(1)]
            ));
            journal.append(&Record::Back(3)).unwrap();
            drop(journal);
            let (_, records) = Journal::open(&path).unwrap();
            assert!(matches!(records[..], [_, Record::Back(1), Record::Back(3)]));
        }
    }

    #[test]
    fn two_chains_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let _first = Journal::open(&path).unwrap();
        let second = Journal::open(&path);
        assert!(matches!(second, Err(JournalError::InUse(_))));
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("diary");
        std::fs::write(&path, "dear diary").unwrap();
        let opened = Journal::open(&path);
        assert!(matches!(opened, Err(JournalError::Foreign(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary");
    }

    #[test]
    fn a_file_written_anew_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&start()).unwrap();
        journal.append(&Record::Back(1)).unwrap();
        journal.rewrite(&[start()]).unwrap();
        journal.append(&Record::Back(9)).unwrap();
        drop(journal);
        let (_, records) = Journal::open(&path).unwrap();
        assert!(matches!(
            records[..],
            [Record::Start { .. }, Record::Back(9)]
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let mut rest = bytes.as_slice();
            while take(&mut rest).is_some() {}
        }
    }
}
