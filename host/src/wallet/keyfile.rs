//! One keyfile: JSON on one line, plain or encrypted.
//!
//! A file may name its secret in three ways. They are tried in Bittensor's own
//! order, phrase, seed, private key; one that cannot be read gives way to the
//! next (`btwallet` writes some seeds as raw control characters), and one that
//! contradicts the file's public half ends it.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::key::KeyPair;
use super::phrase;
use crate::subnet::key::AccountId;
use crate::wallet::WalletError;

/// In which of Bittensor's ways a keyfile is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Argon2i and secretbox: the way since 2022.
    Nacl,
    /// Ansible Vault 1.1.
    AnsibleVault,
    /// Fernet under PBKDF2.
    Fernet,
}

impl Encryption {
    fn of(content: &[u8]) -> Option<Self> {
        [
            (b"$NACL".as_slice(), Self::Nacl),
            (b"$ANSIBLE_VAULT", Self::AnsibleVault),
            (b"gAAAAA", Self::Fernet),
        ]
        .into_iter()
        .find_map(|(prefix, encryption)| content.starts_with(prefix).then_some(encryption))
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nacl => "NaCl",
            Self::AnsibleVault => "Ansible Vault",
            Self::Fernet => "Fernet",
        })
    }
}

/// The key in a keyfile's `content`; `path` is for messages.
pub(super) fn read(path: &Path, content: &[u8]) -> Result<KeyPair, WalletError> {
    if let Some(encryption) = Encryption::of(content) {
        return Err(WalletError::Encrypted {
            path: path.to_owned(),
            encryption,
        });
    }
    let fields = Fields::parse(path, content)?;
    fields.refuse_other_schemes(path)?;
    let (pair, secret) = fields.pair().ok_or_else(|| {
        malformed(
            path,
            "it has no secretPhrase, secretSeed or privateKey that can be read",
        )
    })?;
    fields.fits(path, &pair.account(), secret)?;
    Ok(pair)
}

/// The account a file names, whether it holds the secret or only the public half.
pub(super) fn read_account(path: &Path, content: &[u8]) -> Result<AccountId, WalletError> {
    if let Some(encryption) = Encryption::of(content) {
        return Err(WalletError::Encrypted {
            path: path.to_owned(),
            encryption,
        });
    }
    Fields::parse(path, content)?
        .accounts()
        .into_iter()
        .find_map(|(_, account)| account)
        .ok_or_else(|| malformed(path, "it names no account"))
}

/// A keyfile's content: secret and public half.
pub(super) fn write(pair: &KeyPair, phrase: &str) -> Zeroizing<Vec<u8>> {
    let public = Public::of(&pair.account());
    let seed = phrase::seed(phrase).map(|seed| prefixed(seed.as_ref()));
    let private = prefixed(pair.private().as_ref());
    let secret = Secret {
        public,
        private_key: &private,
        secret_phrase: phrase,
        secret_seed: seed.as_ref().map(|seed| seed.as_str()),
    };
    Zeroizing::new(serde_json::to_vec(&secret).expect("strings and numbers become JSON"))
}

/// The content of a `pub.txt` file.
pub(super) fn write_public(account: &AccountId) -> Vec<u8> {
    serde_json::to_vec(&Public::of(account)).expect("strings and numbers become JSON")
}

fn prefixed(bytes: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex::encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(digits.len() + 2));
    text.push_str("0x");
    text.push_str(&digits);
    text
}

fn malformed(path: &Path, reason: impl Into<String>) -> WalletError {
    WalletError::Malformed {
        path: path.to_owned(),
        reason: reason.into(),
    }
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
    fn of(account: &AccountId) -> Self {
        let hex = format!("0x{}", hex::encode(account.0));
        Self {
            account_id: hex.clone(),
            public_key: hex,
            ss58_address: *account,
            crypto_type: 1,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    #[serde(flatten)]
    public: Public,
    private_key: &'a str,
    secret_phrase: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_seed: Option<&'a str>,
}

/// What a file may hold. Everything is text or number here and judged later,
/// so that a parser's message never quotes a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default)]
    account_id: Option<Text>,
    #[serde(default)]
    public_key: Option<Text>,
    #[serde(default)]
    private_key: Option<Text>,
    #[serde(default)]
    secret_phrase: Option<Text>,
    #[serde(default)]
    secret_seed: Option<Text>,
    // Old files have the name with a space before it.
    #[serde(default, alias = " ss58Address")]
    ss58_address: Option<Text>,
    #[serde(default)]
    crypto_type: Option<serde_json::Value>,
    /// Only in what polkadot.js exports.
    #[serde(default)]
    encoding: Option<serde::de::IgnoredAny>,
}

/// Wiped when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text(String);

impl Drop for Text {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Fields {
    fn parse(path: &Path, content: &[u8]) -> Result<Self, WalletError> {
        let fields: Self = serde_json::from_slice(content).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(
                path,
                format!("it is not the JSON of a key (line {line}, column {column})"),
            )
        })?;
        if fields.encoding.is_some() {
            return Err(malformed(
                path,
                "it is an export of polkadot.js; regenerate the key from its phrase with btcli",
            ));
        }
        Ok(fields)
    }

    /// Absent means sr25519; some write the number as text.
    fn refuse_other_schemes(&self, path: &Path) -> Result<(), WalletError> {
        let scheme = match &self.crypto_type {
            None => return Ok(()),
            Some(serde_json::Value::Number(number)) => number.as_u64(),
            Some(serde_json::Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "sr25519" => Some(1),
                "ed25519" => Some(0),
                digits => digits.parse().ok(),
            },
            Some(_) => None,
        };
        let scheme = match scheme {
            Some(1) => return Ok(()),
            Some(0) => "ed25519",
            _ => "unknown",
        };
        Err(WalletError::Scheme {
            path: path.to_owned(),
            scheme,
        })
    }

    fn pair(&self) -> Option<(KeyPair, &'static str)> {
        let phrase = self
            .secret_phrase
            .as_ref()
            .and_then(|text| phrase::seed(text.0.trim()))
            .map(|seed| (KeyPair::from_seed(&seed), "secretPhrase"));
        let seed = || {
            let seed = self.secret_seed.as_ref().and_then(bytes::<32>)?;
            Some((KeyPair::from_seed(&seed), "secretSeed"))
        };
        let private = || {
            let private = self.private_key.as_ref().and_then(bytes::<64>)?;
            Some((KeyPair::from_private(&private)?, "privateKey"))
        };
        phrase.or_else(seed).or_else(private)
    }

    fn accounts(&self) -> [(&'static str, Option<AccountId>); 3] {
        let plain = |text: &Option<Text>| {
            text.as_ref()
                .and_then(bytes::<32>)
                .map(|bytes| AccountId(*bytes))
        };
        let address = self
            .ss58_address
            .as_ref()
            .and_then(|text| AccountId::from_ss58(text.0.trim()).ok());
        [
            ("publicKey", plain(&self.public_key)),
            ("ss58Address", address),
            ("accountId", plain(&self.account_id)),
        ]
    }

    fn fits(
        &self,
        path: &Path,
        account: &AccountId,
        secret: &'static str,
    ) -> Result<(), WalletError> {
        let other = self
            .accounts()
            .into_iter()
            .find(|(_, named)| named.is_some_and(|named| named != *account));
        match other {
            None => Ok(()),
            Some((public, _)) => Err(WalletError::Contradiction {
                path: path.to_owned(),
                secret,
                public,
            }),
        }
    }
}

fn bytes<const N: usize>(text: &Text) -> Option<Zeroizing<[u8; N]>> {
    let digits = text.0.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(digits, bytes.as_mut()).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
