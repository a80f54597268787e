//! Merkle trees over the rows of a matrix: SHA-256, leaves and nodes prefixed
//! as in RFC 6962, and as many leaves as a power of two.

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// The hash of a row: zero, then its elements, one byte each.
#[must_use]
pub fn leaf(row: &[u8]) -> Digest {
    Sha256::new()
        .chain_update([0])
        .chain_update(row)
        .finalize()
        .into()
}

/// The hash above two others: one, left, right.
#[must_use]
pub fn node(left: &Digest, right: &Digest) -> Digest {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root that `leaf` has as number `index` with these siblings, lowest first.
///
/// The direction of each step comes from the index and never from the sender.
#[must_use]
pub fn root(leaf: Digest, index: u32, path: &[Digest]) -> Digest {
    path.iter()
        .enumerate()
        .fold(leaf, |hash, (level, sibling)| {
            if (index >> level) & 1 == 0 {
                node(&hash, sibling)
            } else {
                node(sibling, &hash)
            }
        })
}

/// What a miner commits to: the roots of X(0) to X(rounds), in order, hashed.
#[must_use]
pub fn commitment(roots: &[Digest]) -> Digest {
    Sha256::digest(roots.as_flattened()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: &[u8]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_leaf_is_hashed_as_rfc_6962_says() {
        // The hash of an empty leaf, from the certificate transparency tests.
        assert_eq!(
            hex(&leaf(&[])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn directions_come_from_the_index() {
        let leaves = [leaf(b"a"), leaf(b"b"), leaf(b"c"), leaf(b"d")];
        let left = node(&leaves[0], &leaves[1]);
        let right = node(&leaves[2], &leaves[3]);
        let top = node(&left, &right);
        assert_eq!(root(leaves[2], 2, &[leaves[3], left]), top);
        assert_ne!(root(leaves[2], 3, &[leaves[3], left]), top);
    }
}
