//! A keyfile under a password, in any of the three ways Bittensor has used.
//!
//! | begins with | since | key from the password |
//! |---|---|---|
//! | `$NACL` | 2022 | Argon2i: 512 MiB and some seconds |
//! | `$ANSIBLE_VAULT` | 2021 | PBKDF2, 10,000 rounds: at once |
//! | `gAAAAA` | the beginning | PBKDF2, 10,000,000 rounds: many seconds |
//!
//! Written is `$NACL` alone. What a key costs is the formats' choice, not ours:
//! it is paid once for each file that is opened, on a thread that may block.
//! A password, a key and a plain text are wiped when dropped, and so is what
//! Argon2 worked in.

mod ansible;
mod fernet;
mod memory;
mod nacl;

use std::fmt;

use zeroize::Zeroizing;

use crate::wallet::WalletError;
use crate::wallet::password::Password;

pub use memory::TooLittleMemory;

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
    /// By how a file begins; `None` if it is not encrypted.
    pub fn of(content: &[u8]) -> Option<Self> {
        [
            (nacl::MAGIC, Self::Nacl),
            (ansible::MAGIC, Self::AnsibleVault),
            (fernet::MAGIC, Self::Fernet),
        ]
        .into_iter()
        .find_map(|(magic, encryption)| content.starts_with(magic).then_some(encryption))
    }

    /// What opening such a file takes, in words.
    pub fn cost(self) -> &'static str {
        match self {
            Self::Nacl => "512 MiB of memory and some seconds",
            Self::AnsibleVault => "no time to speak of",
            Self::Fernet => "up to half a minute",
        }
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

/// The parts of an encrypted file, checked for size and form and not yet opened.
pub(super) enum Sealed {
    Nacl(nacl::Sealed),
    AnsibleVault(ansible::Sealed),
    Fernet(fernet::Sealed),
}

/// Why an encrypted file could not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends before it should.
    Truncated,
    /// It is not what its beginning says.
    Malformed(&'static str),
}

/// Why a file stayed closed.
#[derive(Debug)]
pub(super) enum Closed {
    /// Another password, or a file that is damaged: no tool can tell which.
    WrongPassword,
    /// The key cannot be derived here.
    Memory(TooLittleMemory),
}

impl Sealed {
    /// Takes the content of an encrypted file apart; cheap whatever it holds.
    pub(super) fn parse(encryption: Encryption, content: &[u8]) -> Result<Self, Unreadable> {
        match encryption {
            Encryption::Nacl => nacl::Sealed::parse(content).map(Self::Nacl),
            Encryption::AnsibleVault => ansible::Sealed::parse(content).map(Self::AnsibleVault),
            Encryption::Fernet => fernet::Sealed::parse(content).map(Self::Fernet),
        }
    }

    /// What is inside. Takes what [`Encryption::cost`] says.
    pub(super) fn open(&self, password: &Password) -> Result<Zeroizing<Vec<u8>>, Closed> {
        match self {
            Self::Nacl(sealed) => sealed.open(password),
            Self::AnsibleVault(sealed) => sealed.open(password),
            Self::Fernet(sealed) => sealed.open(password),
        }
    }
}

/// `plain` under `password`, as today's tools write it. As costly as opening it.
pub(super) fn seal(plain: &[u8], password: &Password) -> Result<Vec<u8>, WalletError> {
    let key = nacl::Key::derive(password)?;
    let mut nonce = [0; nacl::NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| WalletError::NoRandomness)?;
    Ok(nacl::seal(plain, &key, nonce))
}

#[cfg(test)]
mod tests;
