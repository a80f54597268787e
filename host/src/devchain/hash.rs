//! The hashes of Substrate: of storage keys, headers and extrinsics.

use blake2::digest::consts::{U16, U32};
use blake2::{Blake2b, Digest as _};
use frame_metadata::v14::StorageHasher;
use twox_hash::XxHash64;

/// BLAKE2b with 32 bytes: headers, extrinsics, long signing payloads.
pub(super) fn blake2_256(bytes: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::digest(bytes).into()
}

fn blake2_128(bytes: &[u8]) -> [u8; 16] {
    Blake2b::<U16>::digest(bytes).into()
}

/// XXH64 with the seeds 0 and 1: names of pallets and items.
pub(super) fn twox_128(bytes: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&twox_64(bytes, 0));
    hash[8..].copy_from_slice(&twox_64(bytes, 1));
    hash
}

fn twox_64(bytes: &[u8], seed: u64) -> [u8; 8] {
    XxHash64::oneshot(seed, bytes).to_le_bytes()
}

/// Appends one hashed part of a storage key.
pub(super) fn storage_key_part(hasher: &StorageHasher, encoded: &[u8], key: &mut Vec<u8>) {
    match hasher {
        StorageHasher::Identity => key.extend_from_slice(encoded),
        StorageHasher::Twox64Concat => {
            key.extend_from_slice(&twox_64(encoded, 0));
            key.extend_from_slice(encoded);
        }
        StorageHasher::Blake2_128Concat => {
            key.extend_from_slice(&blake2_128(encoded));
            key.extend_from_slice(encoded);
        }
        StorageHasher::Blake2_128 => key.extend_from_slice(&blake2_128(encoded)),
        StorageHasher::Blake2_256 => key.extend_from_slice(&blake2_256(encoded)),
        StorageHasher::Twox128 => key.extend_from_slice(&twox_128(encoded)),
        StorageHasher::Twox256 => {
            for seed in 0..4 {
                key.extend_from_slice(&twox_64(encoded, seed));
            }
        }
    }
}
