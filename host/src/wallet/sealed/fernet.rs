//! Fernet, as the first wallets were written: base64 of a version byte, a time,
//! an initial vector, AES-128-CBC text and an HMAC over all before it.

use aes::Aes128;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Closed, Unreadable};
use crate::wallet::password::Password;

/// How such a file begins: version 0x80 and a time before the year 2106.
pub(super) const MAGIC: &[u8] = b"gAAAAA";
/// The same in every wallet.
const SALT: &[u8] = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins";
/// PBKDF2's rounds.
const ROUNDS: u32 = 10_000_000;
/// Version and time.
const HEAD_BYTES: usize = 1 + 8;
/// The initial vector, and AES's block.
const BLOCK_BYTES: usize = 16;
/// SHA-256's output.
const MAC_BYTES: usize = 32;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key to sign with, 16 bytes, and one to encrypt with.
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    fn derive(password: &Password) -> Self {
        Self(stretch(password, ROUNDS))
    }

    #[cfg(test)]
    pub(super) fn known(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// Seconds in a release build, minutes in a development one.
pub(super) fn stretch(password: &Password, rounds: u32) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.bytes(), SALT, rounds, key.as_mut());
    key
}

/// Everything but the HMAC, and the HMAC.
pub(in crate::wallet) struct Sealed {
    signed: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

impl Sealed {
    pub(super) fn parse(content: &[u8]) -> Result<Self, Unreadable> {
        let mut signed = BASE64
            .decode(content.trim_ascii())
            .map_err(|error| match error {
                base64::DecodeError::InvalidByte(..) => {
                    Unreadable::Malformed("a Fernet token holds base64 alone")
                }
                _ => Unreadable::Truncated,
            })?;
        let body = signed.len().saturating_sub(MAC_BYTES);
        let text = body.checked_sub(HEAD_BYTES + BLOCK_BYTES);
        if !text.is_some_and(|text| text > 0 && text % BLOCK_BYTES == 0) {
            return Err(Unreadable::Truncated);
        }
        let mac = signed
            .split_off(body)
            .try_into()
            .map_err(|_| Unreadable::Truncated)?;
        Ok(Self { signed, mac })
    }

    pub(super) fn open(&self, password: &Password) -> Result<Zeroizing<Vec<u8>>, Closed> {
        self.open_with(&Key::derive(password))
    }

    pub(super) fn open_with(&self, key: &Key) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let (signing, encryption) = key.0.split_at(16);
        let mut mac =
            Hmac::<Sha256>::new_from_slice(signing).expect("HMAC takes a key of any length");
        mac.update(&self.signed);
        mac.verify_slice(&self.mac)
            .map_err(|_| Closed::WrongPassword)?;
        let (vector, text) = self.signed[HEAD_BYTES..].split_at(BLOCK_BYTES);
        Decryptor::<Aes128>::new(encryption.into(), vector.into())
            .decrypt_padded_vec_mut::<Pkcs7>(text)
            .map(Zeroizing::new)
            .map_err(|_| Closed::WrongPassword)
    }
}
