//! Where keyfiles lie, who may read them, and how new ones come to be.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::{Coldkey, Hotkey, KeyPair};
use super::{keyfile, phrase};
use crate::subnet::key::AccountId;
use crate::subnet::text::escape;
use crate::wallet::WalletError;

/// The largest keyfile read; real ones have about 600 bytes.
const KEYFILE_BYTES_MAX: u64 = 64 * 1024;
/// The longest name of a wallet or hotkey.
const NAME_BYTES_MAX: usize = 100;
/// The most entries of a folder that are listed.
const ENTRIES_MAX: usize = 1000;
/// Ends the name of a file with a public half.
const PUBLIC_SUFFIX: &str = "pub.txt";

/// `~/.bittensor/wallets`; `None` without a home folder.
pub fn default_root() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".bittensor").join("wallets"))
}

/// One wallet: a folder with a coldkey and hotkeys.
#[derive(Debug, Clone)]
pub struct Wallet {
    folder: PathBuf,
    name: String,
}

/// A hotkey that was just made.
pub struct NewHotkey {
    /// Its public half.
    pub account: AccountId,
    /// Its keyfile.
    pub path: PathBuf,
    /// The only words it can be restored from: shown once, stored in the keyfile.
    pub phrase: Zeroizing<String>,
}

/// A wallet, as far as it can be seen without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletEntry {
    /// Its folder's name.
    pub name: String,
    /// The coldkey's public half, if it is there.
    pub coldkey: Option<AccountId>,
    /// Its hotkeys, by name.
    pub hotkeys: Vec<HotkeyEntry>,
}

/// A hotkey, as far as it can be seen without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotkeyEntry {
    /// Its file's name.
    pub name: String,
    /// Its public half, if it can be read.
    pub account: Option<AccountId>,
}

/// The wallets below `root`, by name; empty if there is no such folder.
pub fn list(root: &Path) -> Result<Vec<WalletEntry>, WalletError> {
    names(root)?
        .into_iter()
        .filter(|name| root.join(name).is_dir())
        .filter_map(|name| Wallet::new(root, &name).ok())
        .map(|wallet| wallet.show())
        .collect()
}

impl Wallet {
    /// The wallet `name` below `root`. Touches no file.
    pub fn new(root: &Path, name: &str) -> Result<Self, WalletError> {
        check_name("wallet", name)?;
        Ok(Self {
            folder: root.join(name),
            name: name.to_owned(),
        })
    }

    /// What is in it, without reading a secret.
    pub fn show(&self) -> Result<WalletEntry, WalletError> {
        let hotkeys = names(&self.folder.join("hotkeys"))?
            .into_iter()
            .filter(|name| !name.ends_with(PUBLIC_SUFFIX) && !name.starts_with('.'))
            .map(|name| HotkeyEntry {
                account: self.hotkey_account(&name),
                name,
            })
            .collect();
        let path = self.folder.join("coldkeypub.txt");
        Ok(WalletEntry {
            name: self.name.clone(),
            coldkey: read_capped(&path)
                .ok()
                .and_then(|content| keyfile::read_account(&path, &content).ok()),
            hotkeys,
        })
    }

    /// The hotkey `name`, ready to sign.
    pub fn load_hotkey(&self, name: &str) -> Result<Hotkey, WalletError> {
        let path = self.hotkey_path(name)?;
        let remedy = format!(
            "make it with `host wallet new-hotkey --wallet.name {} --wallet.hotkey {name}`",
            self.name
        );
        load("hotkey", &path, remedy).map(Hotkey::new)
    }

    /// The coldkey, for registration.
    pub fn load_coldkey(&self) -> Result<Coldkey, WalletError> {
        let path = self.folder.join("coldkey");
        let remedy = "registration needs the coldkey: copy it here for that one step, or register \
                      elsewhere with `btcli subnets register` and start without --register";
        load("coldkey", &path, remedy.to_owned()).map(Coldkey::new)
    }

    /// Makes a hotkey of twelve new words and writes it, never over another.
    pub fn new_hotkey(&self, name: &str) -> Result<NewHotkey, WalletError> {
        let path = self.hotkey_path(name)?;
        let phrase = phrase::generate()?;
        let seed = phrase::seed(&phrase).expect("generated words have a valid checksum");
        let pair = KeyPair::from_seed(&seed);
        let folder = self.folder.join("hotkeys");
        make_folder(&folder)?;
        write_new(&folder, &path, &keyfile::write(&pair, &phrase))?;
        let public = folder.join(format!("{name}{PUBLIC_SUFFIX}"));
        write_new(&folder, &public, &keyfile::write_public(&pair.account()))?;
        Ok(NewHotkey {
            account: pair.account(),
            path,
            phrase,
        })
    }

    fn hotkey_path(&self, name: &str) -> Result<PathBuf, WalletError> {
        check_name("hotkey", name)?;
        Ok(self.folder.join("hotkeys").join(name))
    }

    /// From the public file, or, in wallets of old versions, from the keyfile.
    fn hotkey_account(&self, name: &str) -> Option<AccountId> {
        let folder = self.folder.join("hotkeys");
        [format!("{name}{PUBLIC_SUFFIX}"), name.to_owned()]
            .iter()
            .map(|file| folder.join(file))
            .find_map(|path| keyfile::read_account(&path, &read_capped(&path).ok()?).ok())
    }
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

/// The names in `folder`, sorted; none if it is not there.
fn names(folder: &Path) -> Result<Vec<String>, WalletError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder)(error)),
    };
    let mut names: Vec<String> = entries
        .take(ENTRIES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

fn load(what: &'static str, path: &Path, remedy: String) -> Result<KeyPair, WalletError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(WalletError::Missing {
                what,
                path: path.to_owned(),
                remedy,
            });
        }
        Err(error) => return Err(failed("read", path)(error)),
    };
    refuse_exposed(path, &metadata)?;
    keyfile::read(path, &read_capped(path)?)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), WalletError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(WalletError::Exposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _metadata: &fs::Metadata) -> Result<(), WalletError> {
    Ok(())
}

fn read_capped(path: &Path) -> Result<Zeroizing<Vec<u8>>, WalletError> {
    let malformed = |reason: &str| WalletError::Malformed {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    // Before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed("read", path))?.is_file() {
        return Err(malformed("it is no regular file"));
    }
    let file = File::open(path).map_err(failed("open", path))?;
    let mut content = Zeroizing::new(Vec::with_capacity(4096));
    file.take(KEYFILE_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(failed("read", path))?;
    if content.len() as u64 > KEYFILE_BYTES_MAX {
        return Err(malformed("it is larger than 64 KiB"));
    }
    Ok(content)
}

fn make_folder(folder: &Path) -> Result<(), WalletError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("create", folder))
}

/// Whole or not at all: a temporary file (0600) is synced, then named `path`
/// unless something has that name.
fn write_new(folder: &Path, path: &Path, content: &[u8]) -> Result<(), WalletError> {
    let mut file = tempfile::Builder::new()
        .prefix(OsStr::new(".new-"))
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    file.write_all(content).map_err(failed("write", path))?;
    file.as_file().sync_all().map_err(failed("write", path))?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WalletError::Exists {
                path: path.to_owned(),
            },
            _ => failed("write", path)(error.error),
        })?;
    // So that the new name survives a power cut; not every file system can.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalletError {
    let path = path.to_owned();
    move |source| WalletError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
