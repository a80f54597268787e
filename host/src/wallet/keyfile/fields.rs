//! The JSON of a plain keyfile, and the key its fields agree on.
//!
//! Fields of another kind than text count as absent, as they do for Bittensor's
//! own reader, and all that is text is wiped when dropped.

use std::path::Path;

use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use super::malformed;
use crate::subnet::key::{AccountId, Scheme};
use crate::wallet::WalletError;
use crate::wallet::key::KeyPair;
use crate::wallet::secret::Secret;

/// A keyfile's fields.
pub(super) struct Fields(Map<String, Value>);

/// Why a content is not a JSON object.
pub(super) enum NotFields {
    Truncated,
    Malformed(String),
}

impl Drop for Fields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Fields {
    pub(super) fn parse(content: &[u8]) -> Result<Self, NotFields> {
        match serde_json::from_slice(content) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(mut other) => {
                wipe(&mut other);
                Err(NotFields::Malformed("it is not the JSON of a key".into()))
            }
            Err(error) if error.is_eof() => Err(NotFields::Truncated),
            // The parser's own message could quote a secret.
            Err(error) => Err(NotFields::Malformed(format!(
                "it is neither the JSON of a key (line {}, column {}) nor words or a seed alone",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The key of the first secret that can be read, if the public half agrees.
    pub(super) fn pair(&self, path: &Path) -> Result<KeyPair, WalletError> {
        self.refuse_exports(path)?;
        let declared = self.scheme(path)?;
        for (field, secret) in self.secrets() {
            if let Some(pair) = self.fitting(&secret, declared) {
                return Ok(pair);
            }
            if let Some(pair) = secret.pair(declared) {
                return Err(WalletError::Contradiction {
                    path: path.to_owned(),
                    secret: field,
                    public: self.other_than(&pair.account()).unwrap_or("address"),
                });
            }
        }
        let public = self.named().next().is_some();
        Err(if public && !self.has_secret_field() {
            WalletError::WatchOnly {
                path: path.to_owned(),
            }
        } else {
            malformed(
                path,
                "it has no secretPhrase, secretSeed or privateKey that can be read",
            )
        })
    }

    /// The account and scheme of the public half.
    pub(super) fn public(&self, path: &Path) -> Result<(AccountId, Scheme), WalletError> {
        self.refuse_exports(path)?;
        let scheme = self.scheme(path)?;
        let (_, account) = self
            .named()
            .next()
            .ok_or_else(|| malformed(path, "it names no account"))?;
        match self.other_than(&account) {
            None => Ok((account, scheme)),
            Some(field) => Err(malformed(
                path,
                &format!("its {field} is another account's than its other fields"),
            )),
        }
    }

    fn refuse_exports(&self, path: &Path) -> Result<(), WalletError> {
        if !self.0.contains_key("encoding") {
            return Ok(());
        }
        Err(malformed(
            path,
            "it is an export of polkadot.js or a mobile wallet; import it with `btcli wallet \
             regen-coldkey --json-path FILE`, or make the key anew from its words with `host \
             wallet regen`",
        ))
    }

    /// The key in the declared scheme, unless the public half says otherwise; in
    /// the other scheme, if the public half says so.
    fn fitting(&self, secret: &Secret, declared: Scheme) -> Option<KeyPair> {
        let other = match declared {
            Scheme::Ed25519 => Scheme::Sr25519,
            Scheme::Sr25519 => Scheme::Ed25519,
        };
        let fits = |pair: &KeyPair| self.other_than(&pair.account()).is_none();
        let named = self.named().next().is_some();
        secret
            .pair(declared)
            .filter(fits)
            .or_else(|| secret.pair(other).filter(|pair| named && fits(pair)))
    }

    fn secrets(&self) -> impl Iterator<Item = (&'static str, Secret)> {
        let read = |field, reader: fn(&str) -> Option<Secret>| {
            let secret = reader(self.text(field)?)?;
            Some((field, secret))
        };
        [
            read("secretPhrase", Secret::phrase),
            read("secretSeed", Secret::seed),
            read("privateKey", Secret::private),
        ]
        .into_iter()
        .flatten()
    }

    fn has_secret_field(&self) -> bool {
        ["secretPhrase", "secretSeed", "privateKey"]
            .iter()
            .any(|field| self.text(field).is_some())
    }

    /// Absent means sr25519; some write the number as text.
    fn scheme(&self, path: &Path) -> Result<Scheme, WalletError> {
        let name = match self.0.get("cryptoType") {
            None | Some(Value::Null) => return Ok(Scheme::Sr25519),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.trim().to_ascii_lowercase(),
            Some(_) => String::new(),
        };
        match name.as_str() {
            "0" | "0.0" | "ed25519" => Ok(Scheme::Ed25519),
            "1" | "1.0" | "sr25519" => Ok(Scheme::Sr25519),
            _ => Err(malformed(
                path,
                "its cryptoType is neither 0 (ed25519) nor 1 (sr25519)",
            )),
        }
    }

    /// The fields that name an account, and whose.
    fn named(&self) -> impl Iterator<Item = (&'static str, AccountId)> {
        let address = |field| {
            let account = AccountId::from_ss58(self.text(field)?.trim()).ok()?;
            Some(("ss58Address", account))
        };
        let plain = |field| {
            let digits = self.text(field)?.trim();
            let mut account = AccountId([0; 32]);
            hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut account.0)
                .ok()?;
            Some((field, account))
        };
        [
            // Old files have the name with a space before it.
            address("ss58Address").or_else(|| address(" ss58Address")),
            plain("publicKey"),
            plain("accountId"),
        ]
        .into_iter()
        .flatten()
    }

    /// A field that names another account.
    fn other_than(&self, account: &AccountId) -> Option<&'static str> {
        self.named()
            .find_map(|(field, named)| (named != *account).then_some(field))
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }
}
