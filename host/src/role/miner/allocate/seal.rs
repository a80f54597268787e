//! Seals a login for the caller's RSA key, as the original's `RSAEncryption.py`
//! does: OAEP with SHA-256 for both hashes, no label, then base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, RsaPublicKey};
use sha2::Sha256;

/// A PEM of a key of the most bits takes 800 bytes.
const PEM_BYTES_MAX: usize = 4 << 10;
/// The original's own size.
const BITS_MIN: usize = 2048;
/// Above this a stranger could keep the node computing.
const BITS_MAX: usize = 4096;

/// A key that something can be sealed for.
pub(super) struct Seal(RsaPublicKey);

impl Seal {
    /// Takes `BEGIN PUBLIC KEY` and `BEGIN RSA PUBLIC KEY`, of 2048 to 4096 bits.
    pub(super) fn read(pem: &str) -> Result<Self, String> {
        let pem = pem.trim();
        if pem.len() > PEM_BYTES_MAX {
            return Err(format!("public_key has more than {PEM_BYTES_MAX} bytes"));
        }
        let key = RsaPublicKey::from_public_key_pem(pem)
            .ok()
            .or_else(|| RsaPublicKey::from_pkcs1_pem(pem).ok());
        let key =
            key.ok_or_else(|| format!("public_key is no RSA key in PEM of up to {BITS_MAX} bits"))?;
        let bits = key.n().bits();
        if !(BITS_MIN..=BITS_MAX).contains(&bits) {
            return Err(format!(
                "public_key has {bits} bits; it must have {BITS_MIN} to {BITS_MAX}"
            ));
        }
        let is_odd =
            |number: &rsa::BigUint| number.to_bytes_le().first().is_some_and(|b| b & 1 == 1);
        if !is_odd(key.n()) || !is_odd(key.e()) {
            return Err("public_key is no RSA key: it is even".to_owned());
        }
        Ok(Self(key))
    }

    /// `text`, which only the owner of the key can read.
    pub(super) fn close(&self, text: &str) -> Result<String, String> {
        let sealed = self
            .0
            .encrypt(&mut OsRng, Oaep::new::<Sha256>(), text.as_bytes());
        sealed
            .map(|sealed| STANDARD.encode(sealed))
            .map_err(|error| format!("the login could not be sealed for public_key: {error}"))
    }
}
