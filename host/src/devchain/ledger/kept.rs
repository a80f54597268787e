//! A ledger that is kept in a file: taken up where it ended, and written down.

use std::collections::{BTreeMap, HashMap};

use super::super::block::{Block, other_log};
use super::super::codec::CodecError;
use super::super::drand::Reveals;
use super::super::genesis;
use super::super::journal::{Journal, JournalError, Record, flatten};
use super::super::options::Options;
use super::super::pool::Pool;
use super::super::runtime::{Runtime, Spec};
use super::super::shield::Shield;
use super::super::store::Store;
use super::{Ledger, root};

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub(in crate::devchain) enum LedgerError {
    /// The embedded runtime does not work.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The file does not.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Ledger {
    /// The chain that `options.state` keeps, or a new one.
    pub(in crate::devchain) fn open(
        options: &Options,
        salt: [u8; 32],
    ) -> Result<Self, LedgerError> {
        let Some(path) = &options.state else {
            return Ok(Self::new(options, salt)?);
        };
        let (mut journal, records) = Journal::open(path)?;
        let mut records = records.into_iter();
        let mut ledger = match records.next() {
            Some(Record::Start { salt, spec }) => {
                let mut ledger = Self::empty(options, salt, known(spec)?)?;
                for record in records {
                    ledger.replay(record)?;
                }
                ledger
            }
            _ => {
                let ledger = Self::new(options, salt)?;
                journal.append(&ledger.start())?;
                journal.append(&ledger.base())?;
                ledger
            }
        };
        if ledger.blocks.is_empty() {
            // It ended before its first block was whole.
            ledger = Self::new(options, salt)?;
            journal.rewrite(&[ledger.start(), ledger.base()])?;
        }
        ledger.journal = Some(journal);
        Ok(ledger)
    }

    /// A chain of block zero alone.
    pub(in crate::devchain) fn new(options: &Options, salt: [u8; 32]) -> Result<Self, CodecError> {
        let mut ledger = Self::empty(options, salt, options.spec)?;
        let mut changes = genesis::state(ledger.codec(), options)?;
        changes.extend(ledger.shield.announce(ledger.codec())?);
        let state_root = root([0; 32], &changes);
        let logs = vec![other_log(&salt)];
        let block = Block::new([0; 32], 0, state_root, Vec::new(), logs);
        ledger.genesis = block.hash;
        ledger.store.commit(0, changes);
        ledger.push(0, block);
        Ok(ledger)
    }

    /// A chain without a block, which is none yet.
    fn empty(options: &Options, salt: [u8; 32], spec: Spec) -> Result<Self, CodecError> {
        let block_ms = options.pace.block_ms();
        let runtime = Runtime::new(spec, block_ms)?;
        Ok(Self {
            runtimes: BTreeMap::from([(0, runtime)]),
            upgrade: None,
            block_ms,
            shield: Shield::new(&salt),
            salt,
            journal: None,
            store: Store::default(),
            blocks: BTreeMap::new(),
            heights: HashMap::new(),
            pool: Pool::default(),
            head: 0,
            forks: 0,
            genesis: [0; 32],
            allow_loopback: options.allow_loopback,
            reveals: Reveals::Made,
            signed_until: 0,
        })
    }

    fn replay(&mut self, record: Record) -> Result<(), CodecError> {
        match record {
            Record::Start { .. } => {}
            Record::Block {
                block,
                changes,
                upgrade,
            } => {
                let height = u64::from(block.header.number);
                if let Some(spec) = upgrade {
                    let runtime = Runtime::new(known(spec)?, self.block_ms)?;
                    self.runtimes.insert(height, runtime);
                }
                self.store.commit(height, changes);
                self.push(height, block);
            }
            Record::Back(height) => self.cut(height),
            Record::Base {
                genesis,
                block,
                state,
                spec,
                forks,
            } => {
                let height = u64::from(block.header.number);
                let runtime = Runtime::new(known(spec)?, self.block_ms)?;
                self.runtimes.insert(height, runtime);
                self.genesis = genesis.hash;
                self.forks = forks;
                self.push(0, genesis);
                self.store.commit(height, state);
                self.push(height, block);
            }
        }
        Ok(())
    }

    /// Writes a record down, if the chain is kept.
    pub(super) fn keep(&mut self, record: &Record) -> Result<(), CodecError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        journal
            .append(record)
            .map_err(|error| CodecError(error.to_string()))
    }

    /// Writes the file anew when it has grown large.
    pub(super) fn compact(&mut self) {
        let Some(mut journal) = self.journal.take_if(|journal| journal.is_large()) else {
            return;
        };
        if let Err(error) = journal.rewrite(&[self.start(), self.base()]) {
            tracing::warn!(%error, "the kept chain stays as large as it is");
        }
        self.journal = Some(journal);
    }

    fn start(&self) -> Record {
        let first = self.runtime_at(0);
        Record::Start {
            salt: self.salt,
            spec: first.spec.number(),
        }
    }

    fn base(&self) -> Record {
        let genesis = self.blocks.get(&0).unwrap_or(self.head());
        let entries = self.store.entries(self.head);
        Record::Base {
            genesis: genesis.clone(),
            block: self.head().clone(),
            state: flatten(entries),
            spec: self.runtime().spec.number(),
            forks: self.forks,
        }
    }
}

fn known(spec: u32) -> Result<Spec, CodecError> {
    Spec::of(u64::from(spec)).ok_or_else(|| CodecError(format!("no runtime of spec {spec}")))
}
