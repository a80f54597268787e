//! Where keyfiles lie, and how new ones come to be.

mod files;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::{Coldkey, Hotkey, KeyPair};
use super::keyfile;
use super::password::{Password, Passwords};
use super::sealed::{self, Encryption};
use super::secret::NewKey;
use crate::subnet::key::{AccountId, Scheme};
use crate::subnet::text::escape;
use crate::wallet::WalletError;

/// The longest name of a wallet or hotkey.
const NAME_BYTES_MAX: usize = 100;
/// Ends the name of a file with a public half.
const PUBLIC_SUFFIX: &str = "pub.txt";
/// How alike a name and a typo must be for the name to be suggested (1 is equal).
const ALIKE: f64 = 0.5;

/// `~/.bittensor/wallets`; `None` without a home folder.
pub fn default_root() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".bittensor").join("wallets"))
}

/// One wallet: a folder with a coldkey and hotkeys.
#[derive(Debug, Clone)]
pub struct Wallet {
    root: PathBuf,
    name: String,
}

/// Which of a wallet's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// The one that owns and pays.
    Coldkey,
    /// One that acts, by name.
    Hotkey(&'a str),
}

impl Which<'_> {
    fn what(self) -> &'static str {
        match self {
            Self::Coldkey => "coldkey",
            Self::Hotkey(_) => "hotkey",
        }
    }
}

/// A wallet, as far as it can be seen without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletEntry {
    /// Its folder's name.
    pub name: String,
    /// The coldkey, if there is a file of it.
    pub coldkey: Option<KeyEntry>,
    /// Its hotkeys, by name.
    pub hotkeys: Vec<KeyEntry>,
}

/// A key, as far as it can be seen without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// `coldkey`, or the hotkey's name.
    pub name: String,
    /// Its public half, if it can be read.
    pub public: Option<(AccountId, Scheme)>,
    /// How its secret lies there.
    pub storage: Storage,
}

/// How a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Not at all: the public half is there alone.
    WatchOnly,
    /// Readable by whoever can read the file.
    Plain,
    /// Under a password.
    Encrypted(Encryption),
    /// There is a file that we cannot read.
    Unreadable,
}

/// A key that is ready to be written. Not `Debug`, wiped when dropped.
pub struct Unwritten {
    folder: PathBuf,
    path: PathBuf,
    content: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

impl Unwritten {
    /// Writes it, never over another.
    pub fn write(self) -> Result<(), WalletError> {
        files::write_new(&self.folder, &self.path, &self.content)?;
        let public = public_path(&self.path);
        // It was the same account's when this was made ready.
        if public.symlink_metadata().is_ok() {
            return Ok(());
        }
        files::write_new(&self.folder, &public, &self.public)
    }
}

/// The wallets below `root`, by name; empty if there is no such folder.
pub fn list(root: &Path) -> Result<Vec<WalletEntry>, WalletError> {
    names(root)?
        .iter()
        .map(|name| Wallet::new(root, name)?.show())
        .collect()
}

fn names(root: &Path) -> Result<Vec<String>, WalletError> {
    let mut names = files::names(root)?;
    names.retain(|name| check_name("wallet", name).is_ok() && root.join(name).is_dir());
    Ok(names)
}

impl Wallet {
    /// The wallet `name` below `root`. Touches no file.
    pub fn new(root: &Path, name: &str) -> Result<Self, WalletError> {
        check_name("wallet", name)?;
        Ok(Self {
            root: root.to_owned(),
            name: name.to_owned(),
        })
    }

    /// What is in it, without reading a secret.
    pub fn show(&self) -> Result<WalletEntry, WalletError> {
        if !self.folder().is_dir() {
            return Err(self.unknown());
        }
        let coldkey = self.entry(Which::Coldkey)?;
        let is_there = coldkey.public.is_some() || coldkey.storage != Storage::WatchOnly;
        let hotkeys = self.hotkeys()?;
        let hotkeys = hotkeys.iter().map(|name| self.entry(Which::Hotkey(name)));
        Ok(WalletEntry {
            name: self.name.clone(),
            coldkey: is_there.then_some(coldkey),
            hotkeys: hotkeys.collect::<Result<_, _>>()?,
        })
    }

    /// The hotkey `name`, ready to sign. Waits for a password where it needs one
    /// and for the key that is made of it.
    pub fn load_hotkey(&self, name: &str, passwords: &Passwords) -> Result<Hotkey, WalletError> {
        self.load(Which::Hotkey(name), passwords).map(Hotkey::new)
    }

    /// The coldkey, for registration; waits as [`Self::load_hotkey`] does.
    pub fn load_coldkey(&self, passwords: &Passwords) -> Result<Coldkey, WalletError> {
        self.load(Which::Coldkey, passwords).map(Coldkey::new)
    }

    /// Where `which` would be written; an error if something is in its way.
    pub fn vacant(&self, which: Which<'_>, account: &AccountId) -> Result<PathBuf, WalletError> {
        let path = self.path(which)?;
        // A link to nowhere is in the way as well.
        if path.symlink_metadata().is_ok() {
            return Err(WalletError::Exists { path });
        }
        let public = public_path(&path);
        match files::read(&public) {
            // The public half alone, as a watch-only wallet has it, may stay.
            Ok(content) => match keyfile::read_public(&public, &content)?.0 == *account {
                true => Ok(path),
                false => Err(WalletError::OtherPublic { path: public }),
            },
            Err(_) if public.symlink_metadata().is_err() => Ok(path),
            Err(error) => Err(error),
        }
    }

    /// Makes everything ready to write `key`, under a password if there is one,
    /// so that little is left that can fail. As costly as opening an encrypted key.
    pub fn prepare(
        &self,
        which: Which<'_>,
        key: &NewKey,
        password: Option<&Password>,
    ) -> Result<Unwritten, WalletError> {
        let path = self.vacant(which, &key.account())?;
        let plain = keyfile::write(key);
        let content = match password {
            None => plain,
            Some(password) => Zeroizing::new(sealed::seal(&plain, password)?),
        };
        let folder = path.parent().expect("a keyfile lies in a wallet's folder");
        files::make_folder(folder)?;
        Ok(Unwritten {
            folder: folder.to_owned(),
            public: keyfile::write_public(key.account(), key.scheme()),
            path,
            content,
        })
    }

    /// The public half of a key, if it can be read without a password.
    pub fn public(&self, which: Which<'_>) -> Result<Option<(AccountId, Scheme)>, WalletError> {
        let path = self.path(which)?;
        // From the public file, or, in wallets of old versions, from the keyfile.
        Ok([public_path(&path), path]
            .iter()
            .find_map(|path| keyfile::read_public(path, &files::read(path).ok()?).ok()))
    }

    /// The file of a key.
    pub fn path(&self, which: Which<'_>) -> Result<PathBuf, WalletError> {
        match which {
            Which::Coldkey => Ok(self.folder().join("coldkey")),
            Which::Hotkey(name) => {
                check_name("hotkey", name)?;
                Ok(self.folder().join("hotkeys").join(name))
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    fn load(&self, which: Which<'_>, passwords: &Passwords) -> Result<KeyPair, WalletError> {
        let path = self.path(which)?;
        match files::read_secret(&path)? {
            Some(content) => keyfile::read(&path, &content, passwords),
            // A node's wallet has the coldkey's public half alone, and should.
            None if which != Which::Coldkey && public_path(&path).is_file() => {
                Err(WalletError::WatchOnly {
                    path: public_path(&path),
                })
            }
            None if !self.folder().is_dir() => Err(self.unknown()),
            None => Err(WalletError::Missing {
                what: which.what(),
                remedy: self.remedy(which),
                path,
            }),
        }
    }

    fn remedy(&self, which: Which<'_>) -> String {
        let Which::Hotkey(name) = which else {
            return "only registration needs it: copy it here for that one step, or register \
                    elsewhere with `btcli subnets register` and start without --register"
                .to_owned();
        };
        match nearest(name, &self.hotkeys().unwrap_or_default()) {
            Some(near) => format!("did you mean --wallet.hotkey {}?", escape(near)),
            None => format!(
                "make it with `host wallet new-hotkey --wallet.name {} --wallet.hotkey {name}`",
                self.name
            ),
        }
    }

    fn unknown(&self) -> WalletError {
        let names = names(&self.root).unwrap_or_default();
        let remedy = match nearest(&self.name, &names) {
            Some(near) => format!("did you mean --wallet.name {}?", escape(near)),
            None if names.is_empty() => format!(
                "make one with `host wallet new-hotkey --wallet.name {}`, or name another folder \
                 with --wallet.path",
                self.name
            ),
            None => "`host wallet list` shows those that are there".to_owned(),
        };
        WalletError::Unknown {
            name: escape(&self.name),
            root: self.root.clone(),
            remedy,
        }
    }

    /// The hotkeys' names, those with a public half alone included.
    fn hotkeys(&self) -> Result<Vec<String>, WalletError> {
        let mut names = files::names(&self.folder().join("hotkeys"))?;
        for name in &mut names {
            if let Some(stem) = name.strip_suffix(PUBLIC_SUFFIX) {
                *name = stem.to_owned();
            }
        }
        names.retain(|name| check_name("hotkey", name).is_ok());
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn entry(&self, which: Which<'_>) -> Result<KeyEntry, WalletError> {
        let storage = match files::begin(&self.path(which)?) {
            Ok(None) => Storage::WatchOnly,
            Ok(Some(start)) => Encryption::of(&start).map_or(Storage::Plain, Storage::Encrypted),
            Err(_) => Storage::Unreadable,
        };
        Ok(KeyEntry {
            name: match which {
                Which::Coldkey => "coldkey".to_owned(),
                Which::Hotkey(name) => name.to_owned(),
            },
            public: self.public(which)?,
            storage,
        })
    }
}

/// The file of the public half, beside that of the secret.
fn public_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PUBLIC_SUFFIX);
    path.with_file_name(name)
}

fn nearest<'a>(typo: &str, names: &'a [String]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(typo, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name.as_str())
}

fn check_name(what: &'static str, name: &str) -> Result<(), WalletError> {
    let reason = if name.is_empty() || name.len() > NAME_BYTES_MAX {
        "it needs 1 to 100 bytes"
    } else if name.starts_with('.') {
        "it may not begin with a dot"
    } else if name.contains(['/', '\\', '\0']) || name.contains(char::is_control) {
        "it may not hold a slash or a control character"
    } else if what == "hotkey" && name.ends_with(PUBLIC_SUFFIX) {
        "that ending is for public halves"
    } else {
        return Ok(());
    };
    Err(WalletError::Name {
        what,
        name: escape(name),
        reason,
    })
}

#[cfg(test)]
mod tests;
