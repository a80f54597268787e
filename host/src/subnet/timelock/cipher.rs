//! FullIdent: what is computed, whatever it looks like as bytes.
//!
//! ```text
//! seal:  r = H(sigma | key)        U = r G2
//!        V = sigma ^ H(e(Q, r P))  W = key ^ H(sigma)  body = AES-GCM(key, message)
//! open:  sigma = V ^ H(e(signature, U))  key = W ^ H(sigma)  and r G2 must be U
//! ```
//!
//! Q is the round's point, P the beacon's public key, H SHA-256.

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::PrimeField as _;
use ark_serialize::CanonicalSerialize as _;
use sha2::{Digest as _, Sha256};

use super::{RoundSignature, TimelockError};

/// A pairing's result: twelve field elements of 48 bytes.
const PAIRING_BYTES: usize = 576;
/// AES-GCM's nonce.
pub(super) const NONCE_BYTES: usize = 12;

/// A sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) u: G2Affine,
    pub(super) v: [u8; 32],
    pub(super) w: [u8; 32],
    /// The message under AES-256-GCM, its tag at the end.
    pub(super) body: Vec<u8>,
    pub(super) nonce: [u8; NONCE_BYTES],
}

/// What makes each sealing another.
pub(super) struct Random {
    key: [u8; 32],
    sigma: [u8; 32],
    nonce: [u8; NONCE_BYTES],
}

/// From the operating system.
pub(super) fn random() -> Result<Random, TimelockError> {
    let mut random = Random {
        key: [0; 32],
        sigma: [0; 32],
        nonce: [0; NONCE_BYTES],
    };
    for bytes in [&mut random.key[..], &mut random.sigma, &mut random.nonce] {
        getrandom::fill(bytes).map_err(|_| TimelockError::NoRandomness)?;
    }
    Ok(random)
}

pub(super) fn seal(
    message: &[u8],
    round: G1Affine,
    beacon: &G2Affine,
    random: Random,
) -> Result<Sealed, TimelockError> {
    let Random { key, sigma, nonce } = random;
    let r = exponent(&sigma, &key);
    let pad = pairing_hash(round, (*beacon * r).into_affine());
    let body = Aes256Gcm::new(&key.into())
        .encrypt(Nonce::from_slice(&nonce), message)
        .map_err(|_| TimelockError::TooLong(message.len()))?;
    Ok(Sealed {
        u: (G2Affine::generator() * r).into_affine(),
        v: xor(&sigma, &pad),
        w: xor(&key, &Sha256::digest(sigma).into()),
        body,
        nonce,
    })
}

pub(super) fn open(sealed: &Sealed, signature: &RoundSignature) -> Result<Vec<u8>, TimelockError> {
    let sigma = xor(&sealed.v, &pairing_hash(signature.0, sealed.u));
    let key = xor(&sealed.w, &Sha256::digest(sigma).into());
    if (G2Affine::generator() * exponent(&sigma, &key)).into_affine() != sealed.u {
        return Err(TimelockError::NotOpened);
    }
    Aes256Gcm::new(&key.into())
        .decrypt(Nonce::from_slice(&sealed.nonce), &*sealed.body)
        .map_err(|_| TimelockError::NotOpened)
}

fn exponent(sigma: &[u8; 32], key: &[u8; 32]) -> Fr {
    let hash = Sha256::new()
        .chain_update(sigma)
        .chain_update(key)
        .finalize();
    Fr::from_be_bytes_mod_order(&hash)
}

fn pairing_hash(left: G1Affine, right: G2Affine) -> [u8; 32] {
    let mut bytes = [0; PAIRING_BYTES];
    Bls12_381::pairing(left, right)
        .serialize_compressed(&mut bytes[..])
        .expect("an element of the target group has 576 bytes");
    Sha256::digest(bytes).into()
}

fn xor(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| left[at] ^ right[at])
}
