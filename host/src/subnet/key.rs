//! Who somebody is: a 32-byte account, its SS58 address, and a signature.
//!
//! Only public halves live here. Secrets are `wallet`'s and reach the rest of
//! the node as a [`Signer`], which signs and never tells.
//!
//! An account is 32 bytes whatever the [`Scheme`] of its key; which scheme signed
//! is said beside the signature by every protocol that allows for two. Nearly
//! every key is sr25519.

use std::fmt;
use std::str::FromStr;

use blake2::{Blake2b512, Digest as _};
use serde::{Deserialize, Serialize};

/// The SS58 prefix of Bittensor addresses.
pub const SS58_PREFIX: u8 = 42;
/// The sr25519 signing context that Substrate uses.
const SIGNING_CONTEXT: &[u8] = b"substrate";

/// A public key as the chain knows it; sr25519 unless a [`Scheme`] says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub [u8; 32]);

/// Why a text is no SS58 address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not base58 at all.
    #[error("an SS58 address has letters and digits of base58 only")]
    NotBase58,
    /// Neither a one-byte nor a two-byte prefix with 32 bytes and a checksum.
    #[error("an SS58 address holds 32 bytes, this one {0}")]
    Length(usize),
    /// Mistyped: the checksum differs.
    #[error("the checksum of the address does not match: a letter is wrong or missing")]
    Checksum,
}

impl AccountId {
    /// The address with Bittensor's prefix, 42.
    pub fn to_ss58(&self) -> String {
        let mut bytes = Vec::with_capacity(35);
        bytes.push(SS58_PREFIX);
        bytes.extend_from_slice(&self.0);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        base58(&bytes)
    }

    /// Reads an address of any prefix: the account is what counts.
    pub fn from_ss58(text: &str) -> Result<Self, AddressError> {
        // 37 bytes of base58 never need more than 52 letters.
        if text.len() > 64 {
            return Err(AddressError::Length(text.len()));
        }
        let bytes = bs58::decode(text)
            .into_vec()
            .map_err(|_| AddressError::NotBase58)?;
        let prefix = match bytes.first() {
            Some(0..=63) => 1,
            _ => 2,
        };
        if bytes.len() != prefix + 34 {
            return Err(AddressError::Length(bytes.len().saturating_sub(prefix + 2)));
        }
        let (body, sum) = bytes.split_at(prefix + 32);
        if checksum(body) != sum {
            return Err(AddressError::Checksum);
        }
        let mut account = [0; 32];
        account.copy_from_slice(&body[prefix..]);
        Ok(Self(account))
    }
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Five digits at a time, the most that leave room in 64 bits.
const FIVE_DIGITS: u64 = 58 * 58 * 58 * 58 * 58;

/// An address's 35 bytes in base58, a dozen times as fast as a byte at a time:
/// a policy is told two addresses for each of 256 miners. The first byte is the
/// prefix, which is not zero, so there are no leading ones to think of.
fn base58(bytes: &[u8]) -> String {
    let mut limbs: Vec<u32> = bytes
        .rchunks(4)
        .rev()
        .map(|chunk| {
            chunk
                .iter()
                .fold(0, |limb, byte| limb << 8 | u32::from(*byte))
        })
        .collect();
    let mut digits = Vec::with_capacity(50);
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in &mut limbs {
            let value = rest << 32 | u64::from(*limb);
            *limb = u32::try_from(value / FIVE_DIGITS).expect("rest is less than the divisor");
            rest = value % FIVE_DIGITS;
        }
        for _ in 0..5 {
            let digit = usize::try_from(rest % 58).expect("less than 58");
            digits.push(char::from(BASE58[digit]));
            rest /= 58;
        }
    }
    let text: String = digits.into_iter().rev().collect();
    text.trim_start_matches('1').to_owned()
}

fn checksum(body: &[u8]) -> [u8; 2] {
    let digest = Blake2b512::new()
        .chain_update(b"SS58PRE")
        .chain_update(body)
        .finalize();
    [digest[0], digest[1]]
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_ss58())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_ss58())
    }
}

impl FromStr for AccountId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::from_ss58(text)
    }
}

impl Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_ss58(&text).map_err(serde::de::Error::custom)
    }
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// RFC 8032, over the message itself.
    Ed25519,
    /// Schnorr over Ristretto, in Substrate's signing context.
    #[default]
    Sr25519,
}

impl Scheme {
    /// The name protocols use: `sr25519` or `ed25519`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Sr25519 => "sr25519",
        }
    }

    /// Exactly what [`Self::name`] gives.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sr25519, Self::Ed25519]
            .into_iter()
            .find(|scheme| scheme.name() == name)
    }

    /// Bittensor's number for it.
    pub const fn crypto_type(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Sr25519 => 1,
        }
    }

    /// Whether `account`, being a key of this scheme, signed exactly `message`.
    pub fn verify(self, account: &AccountId, message: &[u8], signature: &Signature) -> bool {
        match self {
            Self::Ed25519 => verify_ed25519(account, message, signature),
            Self::Sr25519 => verify(account, message, signature),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signature of either scheme.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Signs with a hotkey without showing it.
pub trait Signer: Send + Sync {
    /// Whose signature it will be.
    fn account(&self) -> AccountId;
    /// How it signs.
    fn scheme(&self) -> Scheme {
        Scheme::Sr25519
    }
    /// Signs `message` as it is; sr25519 does so in Substrate's context.
    fn sign(&self, message: &[u8]) -> Signature;
}

/// Whether `account` signed exactly `message` with an sr25519 key; for protocols
/// that know no other, and [`Scheme::verify`] for those that do.
pub fn verify(account: &AccountId, message: &[u8], signature: &Signature) -> bool {
    let Ok(key) = schnorrkel::PublicKey::from_bytes(&account.0) else {
        return false;
    };
    let Ok(signature) = schnorrkel::Signature::from_bytes(&signature.0) else {
        return false;
    };
    key.verify_simple(SIGNING_CONTEXT, message, &signature)
        .is_ok()
}

/// Strict: keys of small order, with which a signature fits any message, and
/// second encodings of one signature are refused.
fn verify_ed25519(account: &AccountId, message: &[u8], signature: &Signature) -> bool {
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&account.0) else {
        return false;
    };
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn alice_reads_and_writes_as_everywhere_else() {
        let alice: AccountId = ALICE.parse().unwrap();
        assert_eq!(
            hex::encode(alice.0),
            "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
        );
        assert_eq!(alice.to_string(), ALICE);
    }

    #[test]
    fn a_mistyped_address_is_refused_by_its_checksum() {
        let mistyped = ALICE.replace("Grw", "Grx");
        assert_eq!(AccountId::from_ss58(&mistyped), Err(AddressError::Checksum));
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn an_ed25519_signature_counts_for_its_scheme_alone() {
        let bytes = |digits: &str| hex::decode(digits).unwrap();
        let account = AccountId(
            bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
                .try_into()
                .unwrap(),
        );
        let mut signature = Signature(
            bytes(concat!(
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ))
            .try_into()
            .unwrap(),
        );
        assert!(Scheme::Ed25519.verify(&account, &[0x72], &signature));
        assert!(!Scheme::Sr25519.verify(&account, &[0x72], &signature));
        assert!(!Scheme::Ed25519.verify(&account, &[0x73], &signature));
        signature.0[0] ^= 1;
        assert!(!Scheme::Ed25519.verify(&account, &[0x72], &signature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut neutral = AccountId([0; 32]);
        neutral.0[0] = 1;
        let mut signature = Signature([0; 64]);
        signature.0[0] = 1;
        assert!(!Scheme::Ed25519.verify(&neutral, b"anything", &signature));
    }

    #[test]
    fn a_scheme_is_known_by_its_exact_name() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
        }
        assert_eq!(Scheme::from_name("SR25519"), None);
        assert_eq!(Scheme::default(), Scheme::Sr25519);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,80}") {
            let _ = AccountId::from_ss58(&text);
        }

        #[test]
        fn an_address_is_written_as_the_library_writes_it(bytes: [u8; 32]) {
            let address = AccountId(bytes).to_ss58();
            let read = bs58::decode(&address).into_vec().unwrap();
            proptest::prop_assert_eq!(bs58::encode(read).into_string(), address);
        }

        #[test]
        fn every_account_survives_its_address(bytes: [u8; 32]) {
            proptest::prop_assert_eq!(AccountId::from_ss58(&AccountId(bytes).to_ss58()), Ok(AccountId(bytes)));
        }
    }
}
