//! Where secrets are kept: variables, files, the operating system's keyring.
//!
//! Read each time one is used and kept nowhere, so that a key is rotated by
//! writing another; a request costs a read of a small file at most. What cannot
//! be read is told with what to type, to the operator and not to the plugin.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyring_core::CredentialStore;
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::subnet::grant::Source;

/// The longest secret: session tokens have a few KiB.
const SECRET_BYTES_MAX: usize = 16 << 10;

/// Reads what its name stands for; `None` if there is none.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads secrets.
#[derive(Clone)]
pub struct Vault {
    environment: Environment,
    keyring: Option<Arc<CredentialStore>>,
}

/// Why a secret could not be read. Nothing of it is in the texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the variable {0} is not set; type: export {0}=...")]
    NotSet(String),
    #[error("cannot read {path}: {why}", path = path.display())]
    File { path: PathBuf, why: String },
    #[error("others can read {path} (its mode is {mode:03o}); type: chmod 600 {path}", path = .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the operating system's keyring: {0}")]
    Keyring(String),
    #[error("it has more than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not text")]
    NotText,
    #[error("{0}")]
    Unfit(&'static str),
}

impl Vault {
    /// This process's variables and this user's keyring.
    pub fn of_this_system() -> Self {
        Self::new(Arc::new(|name| std::env::var(name).ok()), keyring())
    }

    /// Other variables and another keyring, or none.
    pub fn new(environment: Environment, keyring: Option<Arc<CredentialStore>>) -> Self {
        Self {
            environment,
            keyring,
        }
    }

    /// The text at `source`, without white space at its ends. Blocks: files and
    /// keyrings are asked.
    pub(super) fn read(&self, source: &Source) -> Result<Secret, Unreadable> {
        let text = match source {
            Source::Environment(names) => self.variables(names)?,
            Source::File(path) => file(path)?,
            Source::Keyring { service, account } => self.entry(service, account)?,
        };
        if text.len() > SECRET_BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        Ok(Secret::new(text.trim().to_owned()))
    }

    /// Several are lines of one secret.
    fn variables(&self, names: &[String]) -> Result<Zeroizing<String>, Unreadable> {
        let mut text = Zeroizing::new(String::new());
        for name in names {
            let value = (self.environment)(name).map(Zeroizing::new);
            let value = value.filter(|value| !value.trim().is_empty());
            let value = value.ok_or_else(|| Unreadable::NotSet(name.clone()))?;
            text.push_str(value.trim());
            text.push('\n');
        }
        Ok(text)
    }

    fn entry(&self, service: &str, account: &str) -> Result<Zeroizing<String>, Unreadable> {
        // Its errors' `Debug` may hold what was read, their `Display` does not.
        let failed = |error: keyring_core::Error| Unreadable::Keyring(error.to_string());
        let none = || Unreadable::Keyring("there is none on this system".to_owned());
        let store = self.keyring.as_ref().ok_or_else(none)?;
        let entry = store.build(service, account, None).map_err(failed)?;
        entry.get_password().map(Zeroizing::new).map_err(failed)
    }
}

#[cfg(target_os = "linux")]
fn keyring() -> Option<Arc<CredentialStore>> {
    let store = linux_keyutils_keyring_store::Store::new().ok()?;
    Some(store)
}

#[cfg(target_os = "macos")]
fn keyring() -> Option<Arc<CredentialStore>> {
    let store = apple_native_keyring_store::keychain::Store::new().ok()?;
    Some(store)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn keyring() -> Option<Arc<CredentialStore>> {
    None
}

fn file(path: &Path) -> Result<Zeroizing<String>, Unreadable> {
    let failed = |error: std::io::Error| Unreadable::File {
        path: path.to_owned(),
        why: error.to_string(),
    };
    // Looked at before it is opened, since opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Unreadable::File {
            path: path.to_owned(),
            why: "it is no file".to_owned(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    check_access(path, &file.metadata().map_err(failed)?)?;
    // Enough room that no half of it is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    let limit = u64::try_from(SECRET_BYTES_MAX + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Unreadable::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(unix)]
fn check_access(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Unreadable> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Unreadable::Exposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &std::fs::Metadata) -> Result<(), Unreadable> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use keyring_core::api::CredentialStoreApi as _;

    use super::*;

    fn vault() -> Vault {
        let environment: Environment = Arc::new(|name| match name {
            "KEY" => Some(" the-key-itself-0123 \n".to_owned()),
            "ID" => Some("AKIDEXAMPLE".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        });
        Vault::new(environment, None)
    }

    fn read(vault: &Vault, source: &str) -> Result<String, String> {
        let secret = vault.read(&source.parse().unwrap());
        secret
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_is_read_and_one_that_is_not_there_is_named() {
        assert_eq!(read(&vault(), "env:KEY").unwrap(), "the-key-itself-0123");
        let both = read(&vault(), "env:ID,KEY").unwrap();
        assert_eq!(both, "AKIDEXAMPLE\nthe-key-itself-0123");
        for absent in ["env:NOT_THERE", "env:ID,NOT_THERE"] {
            assert_eq!(
                read(&vault(), absent).unwrap_err(),
                "the variable NOT_THERE is not set; type: export NOT_THERE=..."
            );
        }
        assert!(read(&vault(), "env:EMPTY").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_what_to_type() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "the-key-itself-0123\n").unwrap();
        let source = format!("file:{}", path.display());
        for mode in [0o640, 0o604, 0o644, 0o620] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = read(&vault(), &source).unwrap_err();
            assert!(
                error.ends_with(&format!("type: chmod 600 {}", path.display())),
                "{error}"
            );
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert_eq!(read(&vault(), &source).unwrap(), "the-key-itself-0123");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_small_file_of_text_is_refused() {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            let mut options = File::options();
            let mut file = options
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)
                .unwrap();
            file.write_all(content).unwrap();
            format!("file:{}", path.display())
        };
        let long = make("long", &vec![b'x'; SECRET_BYTES_MAX + 1]);
        assert!(read(&vault(), &long).unwrap_err().contains("more than"));
        let bytes = make("bytes", &[0xff; 20]);
        assert!(read(&vault(), &bytes).unwrap_err().contains("not text"));
        let within = folder.path().display();
        assert!(
            read(&vault(), &format!("file:{within}"))
                .unwrap_err()
                .contains("no file")
        );
        assert!(read(&vault(), &format!("file:{within}/absent")).is_err());
    }

    #[test]
    fn the_keyring_is_asked_and_a_system_without_one_says_so() {
        let store = keyring_core::mock::Store::new().unwrap();
        let entry = store.build("host", "runpod", None).unwrap();
        entry.set_password("the-key-itself-0123").unwrap();
        let vault = Vault::new(Arc::new(|_| None), Some(store));
        assert_eq!(
            read(&vault, "keyring:host/runpod").unwrap(),
            "the-key-itself-0123"
        );
        let absent = read(&vault, "keyring:host/lambda").unwrap_err();
        assert!(absent.contains("No matching"), "{absent}");
        let none = read(&self::vault(), "keyring:host/runpod").unwrap_err();
        assert!(none.contains("there is none"), "{none}");
    }
}
