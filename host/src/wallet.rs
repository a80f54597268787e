//! Keys on disk, and signing with them.
//!
//! Reads and writes Bittensor's own layout, so that a wallet made here works
//! with `btcli` and the other way round:
//!
//! ```text
//! ~/.bittensor/wallets/<wallet>/coldkey            secret, may be encrypted
//!                              /coldkeypub.txt     public half
//!                              /hotkeys/<hotkey>        secret, 0600
//!                              /hotkeys/<hotkey>pub.txt public half
//! ```
//!
//! Promises: a secret is never printed, never part of an error, has no `Debug`,
//! and is wiped when dropped; a file that others can read is refused, as ssh
//! does; nothing that exists is ever overwritten; a key whose parts contradict
//! each other is not used.
//!
//! Does not: decrypt. An encrypted keyfile is recognised and refused with its
//! name; [`keyfile::read`] is where decryption enters. Only sr25519 keys sign.

mod development;
mod folder;
mod key;
mod keyfile;
mod message;
mod phrase;

use std::path::PathBuf;

pub use folder::{HotkeyEntry, NewHotkey, Wallet, WalletEntry, default_root, list};
pub use key::{Coldkey, Hotkey};
pub use keyfile::Encryption;
pub use message::{RESERVED_PREFIXES, sign, verify};

/// Why a wallet could not be used: what happened and what to type next.
///
/// Carries paths and reasons, never the content of a file.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// There is no such file.
    #[error("no {what} at {path}; {remedy}")]
    Missing {
        /// Hotkey or coldkey.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// The line to type.
        remedy: String,
    },
    /// The system did not let us.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Other users can read the secret.
    #[error(
        "{path} holds a secret and others can read it (mode {mode:04o}); type: chmod 600 '{path}'"
    )]
    Exposed {
        /// The keyfile.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It needs a password, which this version cannot use.
    #[error(
        "{path} is encrypted ({encryption}) and this version reads plain keyfiles only; \
         make a plain hotkey with `host wallet new-hotkey`, or register with btcli"
    )]
    Encrypted {
        /// The keyfile.
        path: PathBuf,
        /// In which of Bittensor's ways.
        encryption: Encryption,
    },
    /// It is no keyfile.
    #[error("{path} is no Bittensor keyfile: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without what is in it.
        reason: String,
    },
    /// Only sr25519 keys act on the chain.
    #[error(
        "{path} holds an {scheme} key, and neurons sign with sr25519; make one with `host wallet new-hotkey`"
    )]
    Scheme {
        /// The keyfile.
        path: PathBuf,
        /// What it is instead.
        scheme: &'static str,
    },
    /// Secret and public half are of different keys.
    #[error(
        "{path}: its {secret} is not the secret of its {public}; restore the file from a backup or regenerate it from its phrase"
    )]
    Contradiction {
        /// The keyfile.
        path: PathBuf,
        /// The field that was used.
        secret: &'static str,
        /// The field it does not fit.
        public: &'static str,
    },
    /// It is there already.
    #[error("{path} exists and is never overwritten; choose another name or move it away")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A name that would lead out of the wallet's folder, or confuse a terminal.
    #[error("{name:?} cannot be the name of a {what}: {reason}")]
    Name {
        /// Wallet or hotkey.
        what: &'static str,
        /// As given, escaped.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No development key.
    #[error("{0:?} is no development key; write //Alice, //Bob or //Alice//stash")]
    Development(String),
    /// A text that a protocol could take for its own.
    #[error("not signed: {0}; a signature over it could be replayed as this key's own action")]
    Reserved(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random numbers, so no key was made")]
    NoRandomness,
}
