//! A sealed message as bytes, ark's canonical way: lengths are u64, low byte first.
//!
//! ```text
//! U 96 | 32 V | 32 W | n { m body | 12 nonce } | 8 "AES_GCM_"
//! ```

use ark_bls12_381::G2Affine;
use ark_ec::AffineRepr as _;
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};

use super::cipher::{NONCE_BYTES, Sealed};
use super::{PUBLIC_KEY_BYTES, TimelockError};

/// Names the cipher of the body; there is no other.
const SUITE: &[u8] = b"AES_GCM_";

/// As it goes into a commit.
pub(super) fn write(sealed: &Sealed) -> Vec<u8> {
    let mut inner = Vec::new();
    list(&mut inner, &sealed.body);
    list(&mut inner, &sealed.nonce);
    let mut bytes = vec![0; PUBLIC_KEY_BYTES];
    sealed
        .u
        .serialize_compressed(&mut bytes[..])
        .expect("a compressed point of G2 has 96 bytes");
    for part in [&sealed.v[..], &sealed.w, &inner, SUITE] {
        list(&mut bytes, part);
    }
    bytes
}

fn list(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u64::try_from(part.len()).expect("a length in memory fits 64 bits");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part);
}

/// Reads what a stranger sent; allocates no more than it is long.
pub(super) fn read(bytes: &[u8]) -> Result<Sealed, TimelockError> {
    let mut rest = bytes;
    let point = take(&mut rest, PUBLIC_KEY_BYTES)?;
    let v = fixed(next(&mut rest)?)?;
    let w = fixed(next(&mut rest)?)?;
    let mut inner = next(&mut rest)?;
    let suite = next(&mut rest)?;
    let body = next(&mut inner)?.to_vec();
    let nonce = fixed::<NONCE_BYTES>(next(&mut inner)?)?;
    if suite != SUITE {
        return Err(TimelockError::Malformed("its cipher is not AES_GCM_"));
    }
    if !rest.is_empty() || !inner.is_empty() {
        return Err(TimelockError::Malformed("something follows it"));
    }
    // Last, because it is the costliest to check.
    let u = G2Affine::deserialize_compressed(point)
        .ok()
        .filter(|u| !u.is_zero())
        .ok_or(TimelockError::NoPoint("the sealed message's U"))?;
    Ok(Sealed {
        u,
        v,
        w,
        body,
        nonce,
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], TimelockError> {
    let length = u64::from_le_bytes(fixed(take(rest, 8)?)?);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], TimelockError> {
    let (taken, left) = rest
        .split_at_checked(length)
        .ok_or(TimelockError::Malformed("it is cut short"))?;
    *rest = left;
    Ok(taken)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], TimelockError> {
    bytes
        .try_into()
        .map_err(|_| TimelockError::Malformed("a part has another length than it must"))
}
