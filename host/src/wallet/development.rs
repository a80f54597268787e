//! The keys everybody knows: `//Alice` and her friends.
//!
//! Substrate's derivation: a path of junctions below the well-known phrase,
//! `//hard` or `/soft`. A junction that is a number counts as a u64.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use schnorrkel::derive::{ChainCode, Derivation as _};
use schnorrkel::keys::{ExpansionMode, MiniSecretKey, SecretKey};

use super::key::KeyPair;
use super::phrase;
use crate::wallet::WalletError;

/// Known to everybody who ever ran a Substrate node; guards nothing.
const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
/// The most junctions of a path.
const JUNCTIONS_MAX: usize = 8;
/// The longest path, in bytes.
const URI_BYTES_MAX: usize = 128;

enum Junction<'a> {
    Hard(&'a str),
    Soft(&'a str),
}

/// The key at `uri` below the well-known phrase.
pub(super) fn derive(uri: &str) -> Result<KeyPair, WalletError> {
    let refused = || WalletError::Development(crate::subnet::text::escape(uri));
    let path = junctions(uri).ok_or_else(refused)?;
    let seed = phrase::seed(PHRASE).ok_or_else(refused)?;
    let root = MiniSecretKey::from_bytes(seed.as_ref())
        .expect("a mini secret is any 32 bytes")
        .expand(ExpansionMode::Ed25519);
    let secret = path
        .into_iter()
        .fold(root, |secret, junction| step(&secret, &junction));
    Ok(KeyPair::from_secret(secret))
}

fn junctions(uri: &str) -> Option<Vec<Junction<'_>>> {
    if uri.len() > URI_BYTES_MAX {
        return None;
    }
    let mut path = Vec::new();
    let mut rest = uri;
    while !rest.is_empty() {
        let (hard, after) = match rest.strip_prefix("//") {
            Some(after) => (true, after),
            None => (false, rest.strip_prefix('/')?),
        };
        let end = after.find('/').unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        if name.is_empty() || path.len() == JUNCTIONS_MAX {
            return None;
        }
        path.push(if hard {
            Junction::Hard(name)
        } else {
            Junction::Soft(name)
        });
        rest = tail;
    }
    (!path.is_empty()).then_some(path)
}

fn step(secret: &SecretKey, junction: &Junction<'_>) -> SecretKey {
    match junction {
        Junction::Hard(name) => secret
            .hard_derive_mini_secret_key(Some(chain_code(name)), b"")
            .0
            .expand(ExpansionMode::Ed25519),
        Junction::Soft(name) => secret.derived_key_simple(chain_code(name), b"").0,
    }
}

fn chain_code(name: &str) -> ChainCode {
    let encoded = match name.parse::<u64>() {
        Ok(number) => number.to_le_bytes().to_vec(),
        Err(_) => with_length(name),
    };
    let mut code = [0; 32];
    match code.get_mut(..encoded.len()) {
        Some(start) => start.copy_from_slice(&encoded),
        None => code.copy_from_slice(&Blake2b::<U32>::digest(&encoded)),
    }
    ChainCode(code)
}

/// The name behind its length, as SCALE writes both.
fn with_length(name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len()).expect("a path has at most URI_BYTES_MAX bytes") << 2;
    let mut encoded = match u8::try_from(length) {
        Ok(short) => vec![short],
        Err(_) => (length | 1).to_le_bytes().to_vec(),
    };
    encoded.extend_from_slice(name.as_bytes());
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(uri: &str) -> String {
        derive(uri)
            .map(|pair| pair.account().to_string())
            .ok()
            .unwrap()
    }

    #[test]
    fn the_development_keys_are_those_of_every_substrate_node() {
        assert_eq!(
            address("//Alice"),
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        );
        assert_eq!(
            address("//Bob"),
            "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
        );
        assert_eq!(
            address("//Alice//stash"),
            "5GNJqTPyNqANBkUVMN1LPPrxXnFouWXoe2wNSmmEoLctxiZY"
        );
    }

    #[test]
    fn a_soft_junction_is_not_a_hard_one_and_a_number_is_not_its_text() {
        assert_ne!(address("/Alice"), address("//Alice"));
        assert_ne!(address("//1"), address("//01x"));
        assert_eq!(address("//1"), address("//01"));
    }

    #[test]
    fn a_name_goes_behind_its_length_as_scale_writes_it() {
        assert_eq!(with_length("Alice")[..2], [5 << 2, b'A']);
        assert_eq!(with_length(&"x".repeat(63))[..2], [252, b'x']);
        assert_eq!(with_length(&"x".repeat(64))[..3], [0x01, 0x01, b'x']);
        assert_eq!(with_length(&"x".repeat(100))[..3], [0x91, 0x01, b'x']);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for uri in [
            "",
            "/",
            "//",
            "///",
            "Alice",
            "//Alice/",
            "bottom drive//Alice",
        ] {
            assert!(derive(uri).is_err(), "{uri}");
        }
        assert!(derive(&"//x".repeat(9)).is_err());
    }
}
