//! What can go wrong with a wallet, each with what to type next.

use std::path::PathBuf;

use super::password::Origin;
use super::sealed::{Encryption, TooLittleMemory};

/// Why a wallet could not be used: what happened and what to type next.
///
/// Carries paths, names and reasons, never the content of a file or a password.
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
    /// There is no such wallet.
    #[error("no wallet {name} in {root}; {remedy}")]
    Unknown {
        /// As given, escaped.
        name: String,
        /// Where wallets are kept.
        root: PathBuf,
        /// The nearest name, or the line to type.
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
    /// Only another user may read it.
    #[error(
        "{path} is another user's ({owner}) and this process runs as user {user}; run it as that \
         user, or type: sudo chown {user} '{path}'"
    )]
    Owner {
        /// The keyfile.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who we are.
        user: u32,
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
    /// It needs a password and there is none.
    #[error(
        "{path} needs a password, none is set and there is no terminal to ask at; put it into a \
         file that only you can read and set BT_WALLET_PASSWORD_FILE to that file, or set \
         BT_WALLET_PASSWORD to the password itself, or {variable} to the hidden form that btcli \
         makes of it"
    )]
    NoPassword {
        /// The keyfile.
        path: PathBuf,
        /// The variable for this file alone.
        variable: String,
    },
    /// A password was named that cannot be used.
    #[error("no password from {origin}: {reason}")]
    PasswordSource {
        /// Variable, file or terminal.
        origin: Origin,
        /// What is wrong there.
        reason: String,
    },
    /// It is another password, or the file is damaged.
    #[error(
        "the password from {origin} does not open {path}: it is another one, or the file is \
         damaged; {}",
        after_wrong(origin)
    )]
    WrongPassword {
        /// The keyfile.
        path: PathBuf,
        /// Where the password came from.
        origin: Origin,
    },
    /// Two passwords were typed that should be one.
    #[error("the two passwords differ, and nothing was written; type the command again")]
    PasswordsDiffer,
    /// There is no room for what the password's key needs.
    #[error(
        "the password cannot be used here: {0}; give this process more, or keep this key plain \
         (`host wallet regen` where there is room, without --password) and its file private"
    )]
    Memory(TooLittleMemory),
    /// It ends too early.
    #[error(
        "{path} is cut short ({kind}); restore it from a backup, or move it away and make it anew \
         from its words with `host wallet regen`"
    )]
    Truncated {
        /// The keyfile.
        path: PathBuf,
        /// Of which kind it is.
        kind: String,
    },
    /// It is no keyfile.
    #[error("{path} is no Bittensor keyfile: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without what is in it.
        reason: String,
    },
    /// It has a public half alone.
    #[error(
        "{path} holds the public half of a key and nothing to sign with; restore the secret with \
         `host wallet regen`"
    )]
    WatchOnly {
        /// The file.
        path: PathBuf,
    },
    /// Secret and public half are of different keys.
    #[error(
        "{path}: its {secret} is not the secret of its {public}; restore the file from a backup, \
         or move it away and make it anew with `host wallet regen`"
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
    /// A public half of another key has the name.
    #[error("{path} is the public half of another key; choose another name or move it away")]
    OtherPublic {
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
    /// Nothing a key can be made from.
    #[error(
        "that is no secret of a key: expected 12 to 24 words with a valid checksum, a seed of 64 \
         hexadecimal digits, or a private key of 128"
    )]
    NoSecret,
    /// No development key.
    #[error("{0:?} is no development key; write //Alice, //Bob or //Alice//stash")]
    Development(String),
    /// A text that a protocol could take for its own.
    #[error("not signed: {0}; a signature over it could be replayed as this key's own action")]
    Reserved(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random numbers, so nothing was made")]
    NoRandomness,
}

impl From<TooLittleMemory> for WalletError {
    fn from(reason: TooLittleMemory) -> Self {
        Self::Memory(reason)
    }
}

fn after_wrong(origin: &Origin) -> String {
    match origin {
        Origin::Hidden(variable) => format!(
            "{variable} holds base64 of the password XOR that name, not the password itself: unset \
             it and set BT_WALLET_PASSWORD_FILE or BT_WALLET_PASSWORD"
        ),
        Origin::Plain => "set BT_WALLET_PASSWORD to the one it was encrypted with".to_owned(),
        Origin::File(path) => format!("put the right one into {}", path.display()),
        Origin::Terminal => "type the command again".to_owned(),
    }
}

impl WalletError {
    /// For a file of `encryption`, or of none.
    pub(super) fn truncated(path: &std::path::Path, encryption: Option<Encryption>) -> Self {
        Self::Truncated {
            path: path.to_owned(),
            kind: encryption.map_or_else(|| "plain".to_owned(), |kind| kind.to_string()),
        }
    }
}
