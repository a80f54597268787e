//! State as a block being built sees it: the store below, its changes above.

use std::collections::{BTreeMap, BTreeSet};

use scale_decode::DecodeAsType;
use scale_encode::EncodeAsType;

use super::codec::{Codec, CodecError, Key};
use super::store::{Changes, Store};

/// Subtensor's own pallet.
pub(super) const SUBTENSOR: &str = "SubtensorModule";

/// Reads and writes by name, in the types the metadata declares.
pub(super) struct State<'a> {
    codec: &'a Codec,
    store: &'a Store,
    height: u64,
    changes: Changes,
}

impl<'a> State<'a> {
    /// The state as of block `height`.
    pub(super) fn at(codec: &'a Codec, store: &'a Store, height: u64) -> Self {
        Self {
            codec,
            store,
            height,
            changes: BTreeMap::new(),
        }
    }

    /// A value, or the item's default where there is none.
    pub(super) fn get<T: DecodeAsType>(
        &self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<T, CodecError> {
        let (codec, item) = self.codec.home(pallet, name)?;
        let key = codec.key(item, key)?;
        let bytes = self.raw(&key).unwrap_or(&item.default);
        codec.decode(bytes, item.value)
    }

    /// A value, if there is one.
    pub(super) fn find<T: DecodeAsType>(
        &self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<Option<T>, CodecError> {
        let (codec, item) = self.codec.home(pallet, name)?;
        let key = codec.key(item, key)?;
        self.raw(&key)
            .map(|bytes| codec.decode(bytes, item.value))
            .transpose()
    }

    /// Writes a value.
    pub(super) fn put<T: EncodeAsType + ?Sized>(
        &mut self,
        pallet: &str,
        name: &str,
        key: &[Key],
        value: &T,
    ) -> Result<(), CodecError> {
        let (codec, item) = self.codec.home(pallet, name)?;
        let key = codec.key(item, key)?;
        let bytes = codec.encode(value, item.value)?;
        self.changes.insert(key, Some(bytes));
        Ok(())
    }

    /// Removes a value.
    pub(super) fn remove(
        &mut self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<(), CodecError> {
        let (codec, item) = self.codec.home(pallet, name)?;
        let key = codec.key(item, key)?;
        self.changes.insert(key, None);
        Ok(())
    }

    /// The full keys of all entries whose key begins with `key`, in order.
    pub(super) fn entries(
        &self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<Vec<Vec<u8>>, CodecError> {
        let (codec, item) = self.codec.home(pallet, name)?;
        let prefix = codec.key(item, key)?;
        let mut found: BTreeSet<Vec<u8>> = self
            .store
            .keys(&prefix, None, self.height)
            .map(<[u8]>::to_vec)
            .collect();
        let changed = self.changes.range(prefix.clone()..);
        for (key, value) in changed.take_while(|(key, _)| key.starts_with(&prefix)) {
            match value {
                Some(_) => found.insert(key.clone()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().collect())
    }

    /// The last part of the keys of all entries whose key begins with `key`,
    /// where it is a number of 64 bits that its hash is followed by.
    pub(super) fn last_u64s(
        &self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<Vec<u64>, CodecError> {
        let keys = self.entries(pallet, name, key)?;
        let numbers = keys.iter().filter_map(|key| key.last_chunk());
        Ok(numbers.map(|bytes| u64::from_le_bytes(*bytes)).collect())
    }

    /// Removes all entries whose key begins with `key`.
    pub(super) fn clear(
        &mut self,
        pallet: &str,
        name: &str,
        key: &[Key],
    ) -> Result<(), CodecError> {
        for key in self.entries(pallet, name, key)? {
            self.changes.insert(key, None);
        }
        Ok(())
    }

    /// The codec.
    pub(super) fn codec(&self) -> &'a Codec {
        self.codec
    }

    /// A value of subtensor's pallet, or its default.
    pub(super) fn subtensor<T: DecodeAsType>(
        &self,
        name: &str,
        key: &[Key],
    ) -> Result<T, CodecError> {
        self.get(SUBTENSOR, name, key)
    }

    /// Writes a value of subtensor's pallet.
    pub(super) fn put_subtensor<T: EncodeAsType + ?Sized>(
        &mut self,
        name: &str,
        key: &[Key],
        value: &T,
    ) -> Result<(), CodecError> {
        self.put(SUBTENSOR, name, key, value)
    }

    /// Reads a value of subtensor's pallet, changes it and writes it back.
    pub(super) fn mutate<T: DecodeAsType + EncodeAsType>(
        &mut self,
        name: &str,
        key: &[Key],
        change: impl FnOnce(&mut T),
    ) -> Result<(), CodecError> {
        let mut value = self.subtensor(name, key)?;
        change(&mut value);
        self.put_subtensor(name, key, &value)
    }

    /// A mark to come back to if a call fails.
    pub(super) fn mark(&self) -> Changes {
        self.changes.clone()
    }

    /// Takes back what was written since `mark`.
    pub(super) fn roll_back(&mut self, mark: Changes) {
        self.changes = mark;
    }

    /// What was written.
    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }

    fn raw(&self, key: &[u8]) -> Option<&[u8]> {
        match self.changes.get(key) {
            Some(change) => change.as_deref(),
            None => self.store.get(key, self.height),
        }
    }
}
