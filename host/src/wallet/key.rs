//! A key pair that signs and never tells.

use ed25519_dalek::{Signer as _, SigningKey};
use schnorrkel::keys::{ExpansionMode, Keypair, MiniSecretKey, SecretKey};
use zeroize::Zeroizing;

use crate::subnet::key::{AccountId, Scheme, Signature, Signer};
use crate::wallet::WalletError;

/// The signing context that Substrate uses.
const SIGNING_CONTEXT: &[u8] = b"substrate";

/// The key that acts in subnets. Lives on the machine.
///
/// Not `Debug`, not `Clone`, wiped when dropped.
pub struct Hotkey(KeyPair);

/// The key that owns and pays. Needed for registration alone.
///
/// Not `Debug`, not `Clone`, wiped when dropped.
pub struct Coldkey(KeyPair);

impl Hotkey {
    /// A well-known key such as `//Alice`. Anyone can sign with it: the caller
    /// allows it on a development chain only.
    pub fn development(uri: &str) -> Result<Self, WalletError> {
        super::development::derive(uri).map(Self)
    }

    pub(super) fn new(pair: KeyPair) -> Self {
        Self(pair)
    }
}

impl Coldkey {
    /// A well-known key such as `//Alice`; see [`Hotkey::development`].
    pub fn development(uri: &str) -> Result<Self, WalletError> {
        super::development::derive(uri).map(Self)
    }

    pub(super) fn new(pair: KeyPair) -> Self {
        Self(pair)
    }
}

impl Signer for Hotkey {
    fn account(&self) -> AccountId {
        self.0.account()
    }

    fn scheme(&self) -> Scheme {
        self.0.scheme()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

impl Signer for Coldkey {
    fn account(&self) -> AccountId {
        self.0.account()
    }

    fn scheme(&self) -> Scheme {
        self.0.scheme()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

/// Boxed, so that moving it leaves no copy behind; both kinds wipe themselves.
pub(super) enum KeyPair {
    Ed25519(Box<SigningKey>),
    Sr25519(Box<Keypair>),
}

impl KeyPair {
    /// From the 32 bytes that Bittensor calls `secretSeed`.
    pub(super) fn from_seed(scheme: Scheme, seed: &[u8; 32]) -> Self {
        match scheme {
            Scheme::Ed25519 => Self::Ed25519(Box::new(SigningKey::from_bytes(seed))),
            Scheme::Sr25519 => {
                let mini = MiniSecretKey::from_bytes(seed).expect("a mini secret is any 32 bytes");
                Self::Sr25519(Box::new(mini.expand_to_keypair(ExpansionMode::Ed25519)))
            }
        }
    }

    /// From what Bittensor calls `privateKey`. sr25519: a canonical scalar and a
    /// nonce seed, 32 bytes each. ed25519: the seed, alone or before its public
    /// half. `None` if it is neither.
    pub(super) fn from_private(scheme: Scheme, private: &[u8]) -> Option<Self> {
        match scheme {
            Scheme::Ed25519 => {
                if let Ok(seed) = private.try_into() {
                    return Some(Self::from_seed(scheme, seed));
                }
                let pair = SigningKey::from_keypair_bytes(private.try_into().ok()?).ok()?;
                Some(Self::Ed25519(Box::new(pair)))
            }
            Scheme::Sr25519 => SecretKey::from_bytes(private).ok().map(Self::from_secret),
        }
    }

    pub(super) fn from_secret(secret: SecretKey) -> Self {
        Self::Sr25519(Box::new(secret.to_keypair()))
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Ed25519(_) => Scheme::Ed25519,
            Self::Sr25519(_) => Scheme::Sr25519,
        }
    }

    pub(super) fn account(&self) -> AccountId {
        AccountId(match self {
            Self::Ed25519(pair) => pair.verifying_key().to_bytes(),
            Self::Sr25519(pair) => pair.public.to_bytes(),
        })
    }

    /// As [`Self::from_private`] takes it and as the ecosystem writes it.
    pub(super) fn private(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Ed25519(pair) => Zeroizing::new(pair.as_bytes().to_vec()),
            Self::Sr25519(pair) => {
                let bytes = Zeroizing::new(pair.secret.to_bytes());
                Zeroizing::new(bytes.to_vec())
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(match self {
            Self::Ed25519(pair) => pair.sign(message).to_bytes(),
            Self::Sr25519(pair) => pair.sign_simple(SIGNING_CONTEXT, message).to_bytes(),
        })
    }
}
