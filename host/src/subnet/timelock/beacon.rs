//! A beacon: its public key, and which round it signs when.
//!
//! Round `r` is signed at `genesis + (r - 1) * period`. The clock is in
//! milliseconds, because a development chain's blocks are shorter than seconds.

use std::num::NonZeroU64;

use ark_bls12_381::g1::Config as G1Config;
use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::hashing::HashToCurve as _;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::PrimeField as _;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use sha2::{Digest as _, Sha256};

use super::TimelockError;

/// A public key: a compressed point of G2.
pub const PUBLIC_KEY_BYTES: usize = 96;
/// A signature: a compressed point of G1.
pub const SIGNATURE_BYTES: usize = 48;

/// How drand's quicknet separates its hashes from others'.
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// Quicknet, chain 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971.
const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const QUICKNET_GENESIS_MS: u64 = 1_692_803_367_000;
const QUICKNET_PERIOD_MS: u64 = 3000;

/// A beacon as its users know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    pub(super) key: G2Affine,
    genesis_ms: u64,
    period_ms: NonZeroU64,
}

/// A beacon's secret, for development chains: drand's own is shared by many.
#[derive(Clone)]
pub struct BeaconKey(Fr);

/// What a beacon says of a round; a point of the group, not yet verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundSignature(pub(super) G1Affine);

impl Beacon {
    /// A beacon whose round 1 is signed at `genesis_ms`, since 1970.
    pub fn new(
        public_key: &[u8; PUBLIC_KEY_BYTES],
        genesis_ms: u64,
        period_ms: u64,
    ) -> Result<Self, TimelockError> {
        let key = G2Affine::deserialize_compressed(&public_key[..])
            .ok()
            .filter(|key| !key.is_zero())
            .ok_or(TimelockError::NoPoint("the beacon's public key"))?;
        Ok(Self {
            key,
            genesis_ms,
            period_ms: NonZeroU64::new(period_ms).ok_or(TimelockError::NoPeriod)?,
        })
    }

    /// Drand's quicknet, which every public network of Bittensor uses.
    pub fn quicknet() -> Self {
        let mut key = [0; PUBLIC_KEY_BYTES];
        hex::decode_to_slice(QUICKNET_KEY, &mut key).expect("a constant of 192 digits");
        Self::new(&key, QUICKNET_GENESIS_MS, QUICKNET_PERIOD_MS)
            .expect("quicknet's key is a point, and its period three seconds")
    }

    /// Its public key.
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        self.key
            .serialize_compressed(&mut bytes[..])
            .expect("a compressed point of G2 has 96 bytes");
        bytes
    }

    /// The newest round signed at `now_ms`; none before round 1.
    pub fn newest_round(&self, now_ms: u64) -> Option<u64> {
        now_ms
            .checked_sub(self.genesis_ms)
            .map(|elapsed| elapsed / self.period_ms + 1)
    }

    /// The newest round signed at least a period before `at_ms`, or round 1:
    /// the round that Bittensor seals for if it wants to open at that time.
    ///
    /// Source: `get_encrypted_commit_v2` of `bittensor-drand` 2.0.
    pub fn settled_round(&self, at_ms: u64) -> u64 {
        let elapsed = at_ms.saturating_sub(self.genesis_ms);
        (elapsed / self.period_ms).max(1)
    }

    /// When `round` is signed, in milliseconds since 1970.
    pub fn signed_at_ms(&self, round: u64) -> u64 {
        self.period_ms
            .get()
            .saturating_mul(round.saturating_sub(1))
            .saturating_add(self.genesis_ms)
    }

    /// Whether this beacon signed `round` so.
    pub fn verify(&self, round: u64, signature: &RoundSignature) -> bool {
        let signed = Bls12_381::pairing(signature.0, G2Affine::generator());
        signed == Bls12_381::pairing(identity(round), self.key)
    }
}

impl BeaconKey {
    /// The key that follows from a seed; who knows the seed opens everything.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let wide: [u8; 64] = sha2::Sha512::digest(seed).into();
        Self(Fr::from_be_bytes_mod_order(&wide))
    }

    /// Its public half.
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        let key = (G2Affine::generator() * self.0).into_affine();
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        key.serialize_compressed(&mut bytes[..])
            .expect("a compressed point of G2 has 96 bytes");
        bytes
    }

    /// Signs a round.
    pub fn sign(&self, round: u64) -> RoundSignature {
        RoundSignature((identity(round) * self.0).into_affine())
    }
}

impl RoundSignature {
    /// Reads a compressed point of the group; whose signature it is, and of
    /// what, is for [`Beacon::verify`] to say.
    pub fn from_bytes(bytes: &[u8; SIGNATURE_BYTES]) -> Result<Self, TimelockError> {
        G1Affine::deserialize_compressed(&bytes[..])
            .ok()
            .filter(|point| !point.is_zero())
            .map(Self)
            .ok_or(TimelockError::NoPoint("the round's signature"))
    }

    /// As the chain stores it.
    pub fn to_bytes(self) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        self.0
            .serialize_compressed(&mut bytes[..])
            .expect("a compressed point of G1 has 48 bytes");
        bytes
    }
}

/// The point that stands for a round: what the beacon multiplies by its secret.
pub(super) fn identity(round: u64) -> G1Affine {
    type Hasher =
        MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256, 128>, WBMap<G1Config>>;
    let message = Sha256::digest(round.to_be_bytes());
    Hasher::new(DOMAIN)
        .and_then(|hasher| hasher.hash(&message))
        .expect("every message has a point, and the map's constants are the curve's own")
}
