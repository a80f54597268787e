//! What a key is made from: words, a seed, or the private key itself.

use zeroize::Zeroizing;

use super::key::KeyPair;
use super::phrase::{self, Words};
use crate::subnet::key::{AccountId, Scheme};
use crate::wallet::WalletError;

/// A private key has 64 bytes; one of ed25519 may have 32.
const PRIVATE_BYTES: [usize; 2] = [32, 64];

/// Not `Debug`, wiped when dropped.
pub(super) enum Secret {
    /// The words, and the seed they stand for.
    Phrase(Zeroizing<String>, Zeroizing<[u8; 32]>),
    Seed(Zeroizing<[u8; 32]>),
    Private(Zeroizing<Vec<u8>>),
}

impl Secret {
    /// Words with a valid checksum.
    pub(super) fn phrase(text: &str) -> Option<Self> {
        let seed = phrase::seed(text)?;
        Some(Self::Phrase(phrase::normalized(text)?, seed))
    }

    /// 32 bytes in hexadecimal, with or without `0x`.
    pub(super) fn seed(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        let seed = bytes.as_slice().try_into().ok()?;
        Some(Self::Seed(Zeroizing::new(seed)))
    }

    /// 32 or 64 bytes in hexadecimal, with or without `0x`.
    pub(super) fn private(text: &str) -> Option<Self> {
        unhex(text)
            .filter(|bytes| PRIVATE_BYTES.contains(&bytes.len()))
            .map(Self::Private)
    }

    /// Whichever of the three it looks like.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        Self::seed(text)
            .or_else(|| Self::private(text))
            .or_else(|| Self::phrase(text))
    }

    /// The key; `None` if this is no private key of that scheme.
    pub(super) fn pair(&self, scheme: Scheme) -> Option<KeyPair> {
        match self {
            Self::Phrase(_, seed) | Self::Seed(seed) => Some(KeyPair::from_seed(scheme, seed)),
            Self::Private(bytes) => KeyPair::from_private(scheme, bytes),
        }
    }
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    hex::decode(digits).ok().map(Zeroizing::new)
}

/// A key that is to be written. Not `Debug`, wiped when dropped.
pub struct NewKey {
    pub(super) pair: KeyPair,
    pub(super) secret: Secret,
}

impl NewKey {
    /// A key of new words.
    pub fn generate(scheme: Scheme, words: Words) -> Result<Self, WalletError> {
        Self::of(Secret::phrase(&phrase::generate(words)?), scheme)
    }

    /// The key of words, of a seed of 64 hexadecimal digits, or of a private key
    /// of 128, as keyfiles have it.
    pub fn restore(text: &str, scheme: Scheme) -> Result<Self, WalletError> {
        Self::of(Secret::of_text(text), scheme)
    }

    fn of(secret: Option<Secret>, scheme: Scheme) -> Result<Self, WalletError> {
        let secret = secret.ok_or(WalletError::NoSecret)?;
        let pair = secret.pair(scheme).ok_or(WalletError::NoSecret)?;
        Ok(Self { pair, secret })
    }

    /// Its public half.
    pub fn account(&self) -> AccountId {
        self.pair.account()
    }

    /// How it signs.
    pub fn scheme(&self) -> Scheme {
        self.pair.scheme()
    }

    /// The words it can be restored from, if it was made of words.
    pub fn phrase(&self) -> Option<&str> {
        match &self.secret {
            Secret::Phrase(words, _) => Some(words),
            Secret::Seed(_) | Secret::Private(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PHRASE: &str =
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage above";
    const SEED: &str = "0x3ce8b706e4a1ba7c4e81ee4b8b86a865e075e0b01ef9493c8472b5704fc39e46";

    fn address(text: &str, scheme: Scheme) -> String {
        let key = NewKey::restore(text, scheme).ok().unwrap();
        assert_eq!(key.scheme(), scheme);
        key.account().to_string()
    }

    #[test]
    fn words_and_their_seed_are_one_key_in_either_scheme() {
        for (scheme, expected) in [
            (
                Scheme::Sr25519,
                "5EtaiguVmKZ9Vewv7HkS86hWTS8Lf4twTSADg29PH5rM5Wng",
            ),
            (
                Scheme::Ed25519,
                "5EiUxpwtkzUyQhRkw5qpoEajpQwUUjGnp25Z3fCt36JyqDUr",
            ),
        ] {
            assert_eq!(address(PHRASE, scheme), expected);
            assert_eq!(address(SEED, scheme), expected);
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for text in [
            "",
            "hello world",
            "0x12",
            &PHRASE.replace("above", "absurd"),
        ] {
            let error = NewKey::restore(text, Scheme::Sr25519).err().unwrap();
            assert!(!format!("{error:?} {error}").contains("absurd"));
        }
    }
}
