//! Where the password of an encrypted keyfile comes from.
//!
//! In this order, the first that is set counting:
//!
//! 1. `BT_PW_<PATH>`: `/` and `.` of the keyfile's path become `_`, all in upper
//!    case. Its value is base64 of the password XOR the variable's own name,
//!    which hides it from a glance and from nobody else. It names one file, so it
//!    comes before what holds for all of them.
//! 2. `BT_WALLET_PASSWORD`: the password as it is.
//! 3. `BT_WALLET_PASSWORD_FILE`: a file that holds it; white space around it is
//!    not part of it. To be preferred: variables are seen by every child process.
//! 4. The terminal, where there is one and somebody sits before it.
//!
//! Without any of them the answer is an error that names the variables to set,
//! and never a wait: nodes are started by systemd, pm2 and containers.

mod terminal;
mod variable;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::wallet::WalletError;

pub use variable::decode as decode_variable;

/// Holds the password as it is.
const PLAIN: &str = "BT_WALLET_PASSWORD";
/// Names a file that holds it.
const FILE: &str = "BT_WALLET_PASSWORD_FILE";
/// The longest password, in bytes.
const PASSWORD_BYTES_MAX: usize = 4096;

/// A password. Not `Debug`, not `Clone`, wiped when dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// `None` if it is empty or unreasonably long.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (1..=PASSWORD_BYTES_MAX)
            .contains(&text.len())
            .then_some(Self(text))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Where a password came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A variable in Bittensor's hidden form.
    Hidden(String),
    /// `BT_WALLET_PASSWORD`.
    Plain,
    /// The file that `BT_WALLET_PASSWORD_FILE` names.
    File(PathBuf),
    /// Somebody typed it.
    Terminal,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden(variable) => f.write_str(variable),
            Self::Plain => f.write_str(PLAIN),
            Self::File(path) => write!(f, "{} ({FILE})", path.display()),
            Self::Terminal => f.write_str("the terminal"),
        }
    }
}

/// A password and where it came from.
pub(super) struct Found {
    pub(super) password: Password,
    pub(super) origin: Origin,
}

type Variables = Arc<dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync>;
type Ask = Arc<dyn Fn(&str) -> io::Result<Zeroizing<String>> + Send + Sync>;

/// The sources of this process, or those of a test.
#[derive(Clone)]
pub struct Passwords {
    variables: Variables,
    ask: Option<Ask>,
}

impl Passwords {
    /// The process's environment, and its terminal if it has one.
    pub fn of_process() -> Self {
        Self {
            variables: Arc::new(|name| std::env::var(name).ok().map(Zeroizing::new)),
            ask: terminal::is_attended().then(|| Arc::new(terminal::ask) as Ask),
        }
    }

    /// `variables` alone: nobody to ask.
    pub fn of_variables(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            variables: Arc::new(move |name| variables(name).map(Zeroizing::new)),
            ask: None,
        }
    }

    /// The same with somebody who answers.
    #[must_use]
    pub fn with_answers(
        self,
        ask: impl Fn(&str) -> io::Result<Zeroizing<String>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ask: Some(Arc::new(ask)),
            ..self
        }
    }

    /// The password that opens the keyfile at `path`.
    pub(super) fn to_open(&self, path: &Path) -> Result<Found, WalletError> {
        match self.told(path)? {
            Some(found) => Ok(found),
            None => self.ask(path, &format!("Password of {}: ", path.display())),
        }
    }

    /// A password to encrypt the keyfile at `path` with: typed twice if typed.
    pub fn to_seal(&self, path: &Path) -> Result<Password, WalletError> {
        if let Some(found) = self.told(path)? {
            return Ok(found.password);
        }
        let first = self.ask(path, &format!("New password for {}: ", path.display()))?;
        let second = self.ask(path, "The same again: ")?;
        if first.password.bytes() != second.password.bytes() {
            return Err(WalletError::PasswordsDiffer);
        }
        Ok(first.password)
    }

    /// What variables and files say.
    fn told(&self, path: &Path) -> Result<Option<Found>, WalletError> {
        for name in variable::names(path, self.variable("HOME").as_deref().map(Path::new)) {
            if let Some(value) = self.variable(&name) {
                let text = decode_variable(&name, &value);
                let password = text.and_then(Password::new);
                let origin = Origin::Hidden(name);
                return match password {
                    Some(password) => Ok(Some(Found { password, origin })),
                    None => Err(WalletError::PasswordSource {
                        origin,
                        reason: "it is not base64 of a password XOR the variable's name; to give \
                                 the password as it is, unset it and set BT_WALLET_PASSWORD"
                            .to_owned(),
                    }),
                };
            }
        }
        if let Some(text) = self.variable(PLAIN) {
            return found(text, Origin::Plain).map(Some);
        }
        match self.variable(FILE) {
            Some(file) => self.in_file(&file).map(Some),
            None => Ok(None),
        }
    }

    /// A variable that is set to nothing counts as unset.
    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    fn in_file(&self, file: &str) -> Result<Found, WalletError> {
        let home = self.variable("HOME");
        let path = match (file.strip_prefix("~/"), home) {
            (Some(below), Some(home)) => Path::new(&*home).join(below),
            _ => PathBuf::from(file),
        };
        let origin = Origin::File(path.clone());
        let text = read(&path).map_err(|error| WalletError::PasswordSource {
            origin: origin.clone(),
            reason: error.to_string(),
        })?;
        found(Zeroizing::new(text.trim().to_owned()), origin)
    }

    fn ask(&self, path: &Path, question: &str) -> Result<Found, WalletError> {
        let Some(ask) = &self.ask else {
            return Err(WalletError::NoPassword {
                path: path.to_owned(),
                variable: variable::name(path),
            });
        };
        let text = ask(question).map_err(|error| WalletError::PasswordSource {
            origin: Origin::Terminal,
            reason: error.to_string(),
        })?;
        found(text, Origin::Terminal)
    }
}

fn found(text: Zeroizing<String>, origin: Origin) -> Result<Found, WalletError> {
    match Password::new(text) {
        Some(password) => Ok(Found { password, origin }),
        None => Err(WalletError::PasswordSource {
            origin,
            reason: format!("a password has 1 to {PASSWORD_BYTES_MAX} bytes"),
        }),
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    // Before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let limit = PASSWORD_BYTES_MAX + 2;
    let mut text = Zeroizing::new(String::with_capacity(limit));
    let bytes = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(path)?.take(bytes).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
