//! One keyfile: JSON on one line, plain or under a password.
//!
//! The JSON may name its secret in three ways. They are tried in Bittensor's own
//! order, phrase, seed, private key; one that cannot be read gives way to the
//! next (`btwallet` writes some seeds as raw control characters), and one that
//! contradicts the file's public half ends it. A `cryptoType` that is absent
//! means sr25519; where the address says that the other scheme is meant, the
//! address is believed. A file may also hold nothing but words or a seed.

mod fields;

use std::path::Path;

use serde::Serialize;
use tracing::info;
use zeroize::Zeroizing;

use super::key::KeyPair;
use super::password::{Origin, Passwords};
use super::sealed::{Closed, Encryption, Sealed, Unreadable};
use super::secret::{NewKey, Secret};
use crate::subnet::key::{AccountId, Scheme};
use crate::wallet::WalletError;

use fields::{Fields, NotFields};

/// How often somebody may mistype a password.
const ATTEMPTS: usize = 3;

/// The key in a keyfile's `content`; `path` is for messages and for finding its
/// password. Takes what [`Encryption::cost`] says: call it where waiting is fine.
pub(super) fn read(
    path: &Path,
    content: &[u8],
    passwords: &Passwords,
) -> Result<KeyPair, WalletError> {
    match Encryption::of(content) {
        None => parse(path, content),
        Some(encryption) => {
            let sealed = unseal(path, encryption, content)?;
            parse(path, &unlock(path, encryption, &sealed, passwords)?)
        }
    }
}

/// The key in a plain keyfile.
pub(super) fn parse(path: &Path, content: &[u8]) -> Result<KeyPair, WalletError> {
    match Fields::parse(content) {
        Ok(fields) => fields.pair(path),
        Err(reason) => bare(content).ok_or_else(|| refused(path, &reason)),
    }
}

/// The account a plain file names, whether it holds the secret or only the public half.
pub(super) fn read_public(path: &Path, content: &[u8]) -> Result<(AccountId, Scheme), WalletError> {
    match Fields::parse(content) {
        Ok(fields) => fields.public(path),
        Err(reason) => bare(content)
            .map(|pair| (pair.account(), pair.scheme()))
            .ok_or_else(|| refused(path, &reason)),
    }
}

/// Takes apart whatever a stranger may have put into a keyfile, as far as that
/// is possible without a password. For fuzzing: cheap, and it must never panic.
pub fn examine(content: &[u8]) -> Result<(), WalletError> {
    let path = Path::new("keyfile");
    match Encryption::of(content) {
        None => {
            let public = read_public(path, content).map(|_| ());
            parse(path, content).map(|_| ()).or(public)
        }
        Some(encryption) => unseal(path, encryption, content).map(|_| ()),
    }
}

/// A keyfile's content: secret and public half.
pub(super) fn write(key: &NewKey) -> Zeroizing<Vec<u8>> {
    let private = prefixed(&key.pair.private());
    let seed = match &key.secret {
        Secret::Phrase(_, seed) | Secret::Seed(seed) => Some(prefixed(seed.as_ref())),
        Secret::Private(_) => None,
    };
    let content = Written {
        public: Public::of(key.account(), key.scheme()),
        private_key: &private,
        secret_phrase: key.phrase(),
        secret_seed: seed.as_ref().map(|seed| seed.as_str()),
    };
    // Enough room that no half of it is left behind by growing.
    let mut json = Zeroizing::new(Vec::with_capacity(2048));
    serde_json::to_writer(&mut *json, &content).expect("strings and numbers become JSON");
    json
}

/// The content of a `pub.txt` file.
pub(super) fn write_public(account: AccountId, scheme: Scheme) -> Vec<u8> {
    serde_json::to_vec(&Public::of(account, scheme)).expect("strings and numbers become JSON")
}

fn unseal(path: &Path, encryption: Encryption, content: &[u8]) -> Result<Sealed, WalletError> {
    Sealed::parse(encryption, content).map_err(|reason| match reason {
        Unreadable::Truncated => WalletError::truncated(path, Some(encryption)),
        Unreadable::Malformed(reason) => malformed(path, reason),
    })
}

fn unlock(
    path: &Path,
    encryption: Encryption,
    sealed: &Sealed,
    passwords: &Passwords,
) -> Result<Zeroizing<Vec<u8>>, WalletError> {
    let mut attempt = 1;
    loop {
        let found = passwords.to_open(path)?;
        info!(
            "opening {}, which takes {}",
            path.display(),
            encryption.cost()
        );
        match sealed.open(&found.password) {
            Ok(plain) => return Ok(plain),
            Err(Closed::Memory(reason)) => return Err(reason.into()),
            Err(Closed::WrongPassword)
                if found.origin == Origin::Terminal && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(Closed::WrongPassword) => {
                return Err(WalletError::WrongPassword {
                    path: path.to_owned(),
                    origin: found.origin,
                });
            }
        }
    }
}

/// A file of nothing but words, a seed or a private key. sr25519: it cannot say
/// otherwise.
fn bare(content: &[u8]) -> Option<KeyPair> {
    let text = std::str::from_utf8(content).ok()?;
    Secret::of_text(text)?.pair(Scheme::Sr25519)
}

fn refused(path: &Path, reason: &NotFields) -> WalletError {
    match reason {
        NotFields::Truncated => WalletError::truncated(path, None),
        NotFields::Malformed(reason) => malformed(path, reason),
    }
}

fn malformed(path: &Path, reason: &str) -> WalletError {
    WalletError::Malformed {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn prefixed(bytes: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex::encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(digits.len() + 2));
    text.push_str("0x");
    text.push_str(&digits);
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Public {
    account_id: String,
    public_key: String,
    ss58_address: AccountId,
    crypto_type: u8,
}

impl Public {
    fn of(account: AccountId, scheme: Scheme) -> Self {
        let hex = format!("0x{}", hex::encode(account.0));
        Self {
            account_id: hex.clone(),
            public_key: hex,
            ss58_address: account,
            crypto_type: scheme.crypto_type(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(flatten)]
    public: Public,
    private_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_phrase: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_seed: Option<&'a str>,
}

#[cfg(test)]
mod tests;
