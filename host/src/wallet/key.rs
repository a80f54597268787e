//! An sr25519 key pair that signs and never tells.

use schnorrkel::keys::{ExpansionMode, Keypair, MiniSecretKey, SecretKey};
use zeroize::Zeroizing;

use crate::subnet::key::{AccountId, Signature, Signer};
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

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

impl Signer for Coldkey {
    fn account(&self) -> AccountId {
        self.0.account()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

/// Boxed, so that moving it leaves no copy behind; `Keypair` wipes itself.
pub(super) struct KeyPair(Box<Keypair>);

impl KeyPair {
    /// From the 32 bytes that Bittensor calls `secretSeed`.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let mini = MiniSecretKey::from_bytes(seed).expect("a mini secret is any 32 bytes");
        Self(Box::new(mini.expand_to_keypair(ExpansionMode::Ed25519)))
    }

    /// From the 64 bytes that Bittensor calls `privateKey`: a canonical scalar
    /// and a nonce seed. `None` if the scalar is not canonical.
    pub(super) fn from_private(private: &[u8; 64]) -> Option<Self> {
        SecretKey::from_bytes(private).ok().map(Self::from_secret)
    }

    pub(super) fn from_secret(secret: SecretKey) -> Self {
        Self(Box::new(secret.to_keypair()))
    }

    pub(super) fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }

    pub(super) fn secret(&self) -> &SecretKey {
        &self.0.secret
    }

    /// As [`Self::from_private`] takes it.
    pub(super) fn private(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.0.secret.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(SIGNING_CONTEXT, message).to_bytes())
    }
}
