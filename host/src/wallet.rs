//! Keys on disk, and signing with them.
//!
//! Reads everything the ecosystem has written and writes what it reads, in
//! Bittensor's own layout, so that a wallet made here works with `btcli` and the
//! other way round:
//!
//! ```text
//! ~/.bittensor/wallets/<wallet>/coldkey            secret, encrypted as a rule
//!                              /coldkeypub.txt     public half
//!                              /hotkeys/<hotkey>        secret, 0600, plain as a rule
//!                              /hotkeys/<hotkey>pub.txt public half
//! ```
//!
//! | part | what it knows |
//! |---|---|
//! | [`Wallet`] | folders, names, permissions, atomic writes |
//! | `keyfile` | the JSON, or the bare words, of one key |
//! | `sealed` | the three ways of encryption |
//! | [`Passwords`] | where a password comes from |
//! | [`NewKey`] | words, seeds and private keys that become a keyfile |
//! | [`sign`], [`verify`] | texts for people, never a protocol's |
//!
//! Promises: a secret or a password is never printed, never part of an error, has
//! no `Debug`, and is wiped when dropped; a file that others can read is refused,
//! as ssh does; nothing that exists is ever overwritten; a key whose parts
//! contradict each other is not used; nothing waits for a password where nobody
//! can type one. sr25519 and ed25519 keys sign.
//!
//! Does not: import exports of polkadot.js (they are named), reach hardware
//! wallets or keychains, or keep a password or an opened key any longer than
//! whoever holds the [`Hotkey`] or [`Coldkey`].

mod development;
mod error;
mod folder;
mod key;
mod keyfile;
mod message;
mod password;
mod phrase;
mod sealed;
mod secret;

pub use error::WalletError;
pub use folder::{KeyEntry, Storage, Unwritten, Wallet, WalletEntry, Which, default_root, list};
pub use key::{Coldkey, Hotkey};
pub use keyfile::examine;
pub use message::{RESERVED_PREFIXES, sign, verify};
pub use password::{Origin, Password, Passwords, decode_variable};
pub use phrase::Words;
pub use sealed::{Encryption, TooLittleMemory};
pub use secret::NewKey;

#[cfg(test)]
mod secrecy;
