//! The mempool shield: extrinsics that nobody reads before their block.
//!
//! Whoever submits encrypts a signed extrinsic for the key in `MevShield.NextKey`
//! (ML-KEM-768, then XChaCha20-Poly1305 with the shared secret as its key) and
//! puts it into `submit_encrypted`, signed with the nonce before. The block's
//! author opens it and includes what it finds right after its carrier.
//!
//! ```text
//! twox-128 of the key (16) ‖ length of the KEM's ciphertext (u16 LE) ‖ that
//! ‖ nonce (24) ‖ the extrinsic, encrypted and authenticated
//! ```
//!
//! A real author rotates its key with each block. Here one key lasts as long as
//! the chain, and it is made of the chain's salt: it hides nothing from whoever
//! runs the chain, and is there so that clients which insist on it can be tried.

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ml_kem::{Ciphertext, Decapsulate as _, DecapsulationKey, KeyExport as _, MlKem768, Seed};
use scale_decode::DecodeAsType;
use scale_value::Value;

use super::codec::{Codec, CodecError};
use super::dispatch::{Context, DispatchError};
use super::event::account;
use super::extrinsic::Era;
use super::hash::{blake2_256, twox_128};
use super::state::State;
use super::store::{Changes, Store};
use parity_scale_codec::Encode as _;
use scale_value::Composite;

const PALLET: &str = "MevShield";
/// Longest life of a carrier, in blocks.
const MAX_CARRIER_BLOCKS: u64 = 8;
/// Bytes of the hash of a key.
const KEY_HASH_BYTES: usize = 16;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// Arguments of `submit_encrypted`.
#[derive(Debug, Clone, PartialEq, Eq, DecodeAsType)]
pub(super) struct SubmitEncrypted {
    ciphertext: Vec<u8>,
}

/// The author's key.
pub(super) struct Shield {
    secret: DecapsulationKey<MlKem768>,
    public: Vec<u8>,
    key_hash: [u8; KEY_HASH_BYTES],
}

/// Why a carrier cannot be in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no envelope.
    Malformed,
    /// It outlives what a carrier may.
    LivesTooLong,
    /// It is for another key.
    OtherKey,
}

impl Shield {
    /// The key that `salt` makes.
    pub(super) fn new(salt: &[u8; 32]) -> Self {
        let secret = DecapsulationKey::<MlKem768>::from_seed(seed(salt));
        let public = secret.encapsulation_key().to_bytes().to_vec();
        Self {
            secret,
            key_hash: twox_128(&public),
            public,
        }
    }

    /// Announces the key in block zero.
    pub(super) fn announce(&self, codec: &Codec) -> Result<Changes, CodecError> {
        let store = Store::default();
        let mut state = State::at(codec, &store, 0);
        for item in ["CurrentKey", "NextKey"] {
            state.put(PALLET, item, &[], &self.public)?;
        }
        Ok(state.into_changes())
    }

    /// What the pool checks of a carrier.
    pub(super) fn check(call: &SubmitEncrypted, era: Era) -> Result<(), Refusal> {
        Envelope::parse(&call.ciphertext).ok_or(Refusal::Malformed)?;
        match era {
            Era::Mortal { period, .. } if period <= MAX_CARRIER_BLOCKS => Ok(()),
            _ => Err(Refusal::LivesTooLong),
        }
    }

    /// What a block checks beside.
    pub(super) fn admit(&self, call: &SubmitEncrypted) -> Result<(), Refusal> {
        match Envelope::parse(&call.ciphertext) {
            Some(envelope) if envelope.key_hash == self.key_hash => Ok(()),
            Some(_) => Err(Refusal::OtherKey),
            None => Err(Refusal::Malformed),
        }
    }

    /// The extrinsic that a carrier carries, if it can be opened.
    pub(super) fn open(&self, call: &SubmitEncrypted) -> Option<Vec<u8>> {
        let envelope = Envelope::parse(&call.ciphertext)?;
        let kem = Ciphertext::<MlKem768>::try_from(envelope.kem).ok()?;
        let shared = self.secret.decapsulate(&kem);
        let cipher = XChaCha20Poly1305::new_from_slice(&shared).ok()?;
        let nonce = XNonce::from_slice(envelope.nonce);
        cipher.decrypt(nonce, envelope.sealed).ok()
    }
}

/// `submit_encrypted`: a carrier does nothing but carry.
pub(super) fn submit(
    context: &mut Context<'_, '_>,
    signer: [u8; 32],
    call: &SubmitEncrypted,
) -> Result<(), DispatchError> {
    let id = blake2_256(&(signer, &call.ciphertext).encode());
    let fields = [("id", Value::from_bytes(id)), ("who", account(signer))];
    context.events.push(
        context.phase,
        PALLET,
        "EncryptedSubmitted",
        Composite::named(fields),
    );
    Ok(())
}

struct Envelope<'a> {
    key_hash: [u8; KEY_HASH_BYTES],
    kem: &'a [u8],
    nonce: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (key_hash, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (kem, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        Some(Self {
            key_hash: *key_hash,
            kem,
            nonce,
            sealed,
        })
    }
}

/// The 64 bytes that make the key.
fn seed(salt: &[u8; 32]) -> Seed {
    let half = |label: &[u8]| blake2_256(&[label, salt].concat());
    let mut seed = Seed::default();
    let (d, z) = seed.split_at_mut(32);
    d.copy_from_slice(&half(b"shield d"));
    z.copy_from_slice(&half(b"shield z"));
    seed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ml_kem::{EncapsulationKey, Key};

    use super::*;

    /// What a client makes of an extrinsic.
    fn seal(public: &[u8], extrinsic: &[u8]) -> SubmitEncrypted {
        let encoded = Key::<EncapsulationKey<MlKem768>>::try_from(public).unwrap();
        let key = EncapsulationKey::<MlKem768>::new(&encoded).unwrap();
        let (kem, shared) = key.encapsulate_deterministic(&[7; 32].into());
        let cipher = XChaCha20Poly1305::new_from_slice(&shared).unwrap();
        let sealed = cipher
            .encrypt(XNonce::from_slice(&[9; 24]), extrinsic)
            .unwrap();
        let length = u16::try_from(kem.len()).unwrap().to_le_bytes();
        let hash = twox_128(public);
        let parts = [hash.as_slice(), &length, &kem, &[9; 24], &sealed];
        SubmitEncrypted {
            ciphertext: parts.concat(),
        }
    }

    #[test]
    fn what_is_sealed_for_the_key_is_opened_and_nothing_else() {
        let shield = Shield::new(&[1; 32]);
        assert_eq!(shield.public.len(), 1184);
        let carrier = seal(&shield.public, b"an extrinsic");
        assert_eq!(shield.open(&carrier).unwrap(), b"an extrinsic");
        assert_eq!(shield.admit(&carrier), Ok(()));
        let other = Shield::new(&[2; 32]);
        assert_eq!(other.open(&carrier), None);
        assert_eq!(other.admit(&carrier), Err(Refusal::OtherKey));
        let mut touched = carrier;
        *touched.ciphertext.last_mut().unwrap() ^= 1;
        assert_eq!(shield.open(&touched), None);
    }

    #[test]
    fn a_carrier_lives_for_eight_blocks_at_most() {
        let carrier = seal(&Shield::new(&[1; 32]).public, b"");
        let era = |period| Era::Mortal { period, phase: 0 };
        assert_eq!(Shield::check(&carrier, era(8)), Ok(()));
        for era in [era(16), Era::Immortal] {
            assert_eq!(Shield::check(&carrier, era), Err(Refusal::LivesTooLong));
        }
        let garbage = SubmitEncrypted {
            ciphertext: vec![1, 2, 3, 4, 5],
        };
        assert_eq!(Shield::check(&garbage, era(8)), Err(Refusal::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn no_envelope_makes_it_panic(ciphertext: Vec<u8>, tail: Vec<u8>) {
            let shield = Shield::new(&[1; 32]);
            let mut long = seal(&shield.public, b"x").ciphertext;
            long.truncate(ciphertext.len() * 8);
            long.extend_from_slice(&tail);
            for ciphertext in [ciphertext, long] {
                let _ = shield.open(&SubmitEncrypted { ciphertext });
            }
        }
    }
}
