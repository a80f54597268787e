//! Storage of the last blocks: real keys, real SCALE bytes, every version kept
//! for as long as a client may ask for it.
//!
//! Each key holds the heights at which it changed, so a read at a height is a
//! binary search, a block costs what it changes, and going back (a fork) is a
//! cut. What lies more than [`HISTORY_BLOCKS`] below the head is given up.

use std::collections::{BTreeMap, VecDeque};

/// Blocks whose state can be asked for.
pub(super) const HISTORY_BLOCKS: u64 = 4096;

/// What a block changed; `None` removes.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A key's values by the height they begin at, ascending.
type Versions = Vec<(u64, Option<Vec<u8>>)>;

/// All state, at all heights of the window.
#[derive(Default)]
pub(super) struct Store {
    entries: BTreeMap<Vec<u8>, Versions>,
    touched: VecDeque<(u64, Vec<Vec<u8>>)>,
}

impl Store {
    /// The value of `key` as of block `height`.
    pub(super) fn get(&self, key: &[u8], height: u64) -> Option<&[u8]> {
        at(self.entries.get(key)?, height)
    }

    /// Keys that begin with `prefix` and come after `start`, in order.
    pub(super) fn keys<'a>(
        &'a self,
        prefix: &'a [u8],
        start: Option<&[u8]>,
        height: u64,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let after = start.map(<[u8]>::to_vec);
        let from = match &after {
            Some(start) if start.as_slice() > prefix => start.clone(),
            _ => prefix.to_vec(),
        };
        self.entries
            .range(from..)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter(move |(key, _)| after.as_ref().is_none_or(|start| *key > start))
            .filter(move |(_, versions)| at(versions, height).is_some())
            .map(|(key, _)| key.as_slice())
    }

    /// All that is there as of block `height`.
    pub(super) fn entries(&self, height: u64) -> impl Iterator<Item = (&[u8], &[u8])> {
        let entries = self.entries.iter();
        entries.filter_map(move |(key, versions)| Some((key.as_slice(), at(versions, height)?)))
    }

    /// Makes `changes` the state as of block `height`.
    pub(super) fn commit(&mut self, height: u64, changes: Changes) {
        let mut touched = Vec::with_capacity(changes.len());
        for (key, value) in changes {
            touched.push(key.clone());
            self.entries.entry(key).or_default().push((height, value));
        }
        self.touched.push_back((height, touched));
        self.forget(height.saturating_sub(HISTORY_BLOCKS));
    }

    /// Goes back: the state after block `height` never happened.
    pub(super) fn cut(&mut self, height: u64) {
        while let Some((_, keys)) = self.touched.pop_back_if(|(at, _)| *at > height) {
            for key in keys {
                if let Some(versions) = self.entries.get_mut(&key) {
                    versions.retain(|(at, _)| *at <= height);
                    if versions.is_empty() {
                        self.entries.remove(&key);
                    }
                }
            }
        }
    }

    /// Drops versions that only blocks before `oldest` could see.
    fn forget(&mut self, oldest: u64) {
        while let Some((_, keys)) = self.touched.pop_front_if(|(at, _)| *at < oldest) {
            for key in keys {
                if let Some(versions) = self.entries.get_mut(&key) {
                    let seen = versions.partition_point(|(at, _)| *at <= oldest);
                    versions.drain(..seen.saturating_sub(1));
                    if matches!(versions.as_slice(), [(at, None)] if *at <= oldest) {
                        self.entries.remove(&key);
                    }
                }
            }
        }
    }
}

fn at(versions: &[(u64, Option<Vec<u8>>)], height: u64) -> Option<&[u8]> {
    let seen = versions.partition_point(|(at, _)| *at <= height);
    versions.get(seen.checked_sub(1)?)?.1.as_deref()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(store: &mut Store, height: u64, key: &str, value: Option<&str>) {
        let value = value.map(|text| text.as_bytes().to_vec());
        store.commit(height, Changes::from([(key.as_bytes().to_vec(), value)]));
    }

    #[test]
    fn a_block_sees_what_was_there_at_its_height() {
        let mut store = Store::default();
        set(&mut store, 0, "a", Some("zero"));
        set(&mut store, 2, "a", Some("two"));
        set(&mut store, 3, "a", None);
        let seen: Vec<_> = (0..4).map(|height| store.get(b"a", height)).collect();
        let zero = Some(b"zero".as_slice());
        assert_eq!(seen, [zero, zero, Some(b"two".as_slice()), None]);
    }

    #[test]
    fn a_fork_takes_back_what_it_leaves() {
        let mut store = Store::default();
        set(&mut store, 1, "a", Some("one"));
        set(&mut store, 2, "a", Some("two"));
        set(&mut store, 2, "b", Some("two"));
        store.cut(1);
        assert_eq!(store.get(b"a", 9), Some(b"one".as_slice()));
        assert_eq!(store.get(b"b", 9), None);
        set(&mut store, 2, "a", Some("other"));
        assert_eq!(store.get(b"a", 2), Some(b"other".as_slice()));
    }

    #[test]
    fn old_versions_are_given_up_and_the_present_is_kept() {
        let mut store = Store::default();
        set(&mut store, 0, "stays", Some("genesis"));
        for height in 1..=3 * HISTORY_BLOCKS {
            set(&mut store, height, "moves", Some(&height.to_string()));
        }
        assert_eq!(
            store.get(b"stays", 3 * HISTORY_BLOCKS),
            Some(b"genesis".as_slice())
        );
        let kept = u64::try_from(store.entries[b"moves".as_slice()].len()).unwrap();
        assert!(kept <= HISTORY_BLOCKS + 2, "{kept} versions");
        let oldest = 2 * HISTORY_BLOCKS;
        assert_eq!(
            store.get(b"moves", oldest),
            Some(oldest.to_string().as_bytes())
        );
    }

    #[test]
    fn keys_come_in_order_after_the_start_and_only_with_the_prefix() {
        let mut store = Store::default();
        for key in ["a1", "a2", "a3", "b1"] {
            set(&mut store, 1, key, Some("x"));
        }
        set(&mut store, 2, "a2", None);
        let page = |start: Option<&[u8]>, height| -> Vec<_> {
            store
                .keys(b"a", start, height)
                .map(<[u8]>::to_vec)
                .collect()
        };
        assert_eq!(page(None, 1), [b"a1", b"a2", b"a3"]);
        assert_eq!(page(Some(b"a1"), 1), [b"a2", b"a3"]);
        assert_eq!(page(Some(b"a"), 2), [b"a1", b"a3"]);
    }
}
