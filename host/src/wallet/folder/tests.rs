//! Wallets in temporary folders.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use std::fs;

use super::*;
use crate::subnet::key::Signer as _;
use crate::wallet::phrase::Words;

const COLDKEY: &str = include_str!("../vectors/wallets/plain/coldkey");
const COLDKEYPUB: &str = include_str!("../vectors/wallets/plain/coldkeypub.txt");
const ENCRYPTED: &[u8] = include_bytes!("../vectors/wallets/tester/coldkey");

struct Made {
    account: AccountId,
    path: PathBuf,
}

fn make(wallet: &Wallet, name: &str, scheme: Scheme) -> Result<Made, WalletError> {
    let key = NewKey::generate(scheme, Words::Twelve)?;
    let which = Which::Hotkey(name);
    wallet.prepare(which, &key, None)?.write()?;
    Ok(Made {
        account: key.account(),
        path: wallet.path(which)?,
    })
}

/// Nobody to ask and nothing set.
fn no_passwords() -> Passwords {
    Passwords::of_variables(|_| None)
}

fn load(wallet: &Wallet, name: &str) -> Result<Hotkey, WalletError> {
    wallet.load_hotkey(name, &no_passwords())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_hotkey_signs_and_only_its_owner_can_read_it() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = make(&wallet, "h", Scheme::Sr25519).unwrap();
    let hotkey = load(&wallet, "h").ok().unwrap();
    assert_eq!(hotkey.account(), made.account);
    assert_eq!(hotkey.scheme(), Scheme::Sr25519);
    assert_eq!(mode(&made.path), 0o600);
    assert_eq!(mode(made.path.parent().unwrap()), 0o700);
    assert_eq!(mode(&root.path().join("w")), 0o700);
    let signature = hotkey.sign(b"x");
    assert!(crate::subnet::key::verify(&made.account, b"x", &signature));
}

#[test]
fn an_existing_key_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let first = make(&wallet, "h", Scheme::Sr25519).unwrap();
    assert!(matches!(
        make(&wallet, "h", Scheme::Sr25519),
        Err(WalletError::Exists { .. })
    ));
    assert_eq!(load(&wallet, "h").ok().unwrap().account(), first.account);
    let left: Vec<_> = files::names(&root.path().join("w/hotkeys")).unwrap();
    assert_eq!(left, ["h", "hpub.txt"]);
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_line_to_type() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = make(&wallet, "h", Scheme::Sr25519).unwrap();
    for open in [0o644, 0o640, 0o604, 0o602] {
        chmod(&made.path, open);
        let error = load(&wallet, "h").err().unwrap();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    chmod(&made.path, 0o400);
    assert!(load(&wallet, "h").is_ok());
}

#[test]
fn names_cannot_leave_the_folder() {
    let root = tempfile::tempdir().unwrap();
    for name in ["", "..", ".", "a/b", "/etc", "a\\b", "a\u{1b}[2J", "a\0"] {
        assert!(Wallet::new(root.path(), name).is_err(), "{}", escape(name));
    }
    let wallet = Wallet::new(root.path(), "w").unwrap();
    assert!(make(&wallet, "../h", Scheme::Sr25519).is_err());
    assert!(make(&wallet, "hpub.txt", Scheme::Sr25519).is_err());
}

#[test]
fn a_missing_key_says_what_to_type() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let missing = |name| load(&wallet, name).err().unwrap().to_string();
    assert!(missing("h").contains("host wallet new-hotkey"));
    make(&wallet, "other", Scheme::Sr25519).unwrap();
    assert!(missing("h").contains("host wallet new-hotkey"));
    let coldkey = wallet.load_coldkey(&no_passwords()).err().unwrap();
    assert!(coldkey.to_string().contains("btcli"), "{coldkey}");
}

#[test]
fn a_wallet_of_bittensor_is_listed_and_its_coldkey_read() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("owner");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("coldkeypub.txt"), COLDKEYPUB).unwrap();
    fs::write(folder.join("coldkey"), COLDKEY).unwrap();
    chmod(&folder.join("coldkey"), 0o600);
    let wallet = Wallet::new(root.path(), "owner").unwrap();
    let made = make(&wallet, "h", Scheme::Sr25519).unwrap();
    // As old versions left it: no public file.
    fs::remove_file(folder.join("hotkeys/hpub.txt")).unwrap();
    fs::create_dir(root.path().join("watched")).unwrap();
    fs::write(root.path().join("watched/coldkeypub.txt"), COLDKEYPUB).unwrap();
    let coldkey = wallet.load_coldkey(&no_passwords()).ok().unwrap().account();
    let entry = |name: &str, account, storage| KeyEntry {
        name: name.to_owned(),
        public: Some((account, Scheme::Sr25519)),
        storage,
    };
    assert_eq!(
        list(root.path()).unwrap(),
        [
            WalletEntry {
                name: "owner".to_owned(),
                coldkey: Some(entry("coldkey", coldkey, Storage::Plain)),
                hotkeys: vec![entry("h", made.account, Storage::Plain)],
            },
            WalletEntry {
                name: "watched".to_owned(),
                coldkey: Some(entry("coldkey", coldkey, Storage::WatchOnly)),
                hotkeys: Vec::new(),
            }
        ]
    );
    assert_eq!(list(&root.path().join("nowhere")).unwrap(), []);
}

#[test]
fn a_file_that_is_no_keyfile_is_refused_by_size_and_kind() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = make(&wallet, "h", Scheme::Sr25519).unwrap();
    fs::write(&made.path, vec![b' '; 65 * 1024]).unwrap();
    assert!(matches!(
        load(&wallet, "h"),
        Err(WalletError::Malformed { .. })
    ));
    fs::remove_file(&made.path).unwrap();
    fs::create_dir(&made.path).unwrap();
    chmod(&made.path, 0o700);
    assert!(matches!(
        load(&wallet, "h"),
        Err(WalletError::Malformed { .. })
    ));
}

#[test]
fn an_encrypted_key_is_shown_as_such_without_its_password() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("w");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("coldkey"), ENCRYPTED).unwrap();
    fs::write(folder.join("coldkeypub.txt"), COLDKEYPUB).unwrap();
    let entry = Wallet::new(root.path(), "w").unwrap().show().unwrap();
    let storage = entry.coldkey.unwrap().storage;
    assert_eq!(storage, Storage::Encrypted(Encryption::Nacl));
}

#[test]
fn a_mistyped_name_is_told_with_the_nearest() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "validator").unwrap();
    make(&wallet, "primary", Scheme::Sr25519).unwrap();
    let told = |name: &str| {
        let wallet = Wallet::new(root.path(), name).unwrap();
        wallet.show().unwrap_err().to_string()
    };
    assert!(told("validtor").contains("--wallet.name validator?"));
    assert!(told("xyz").contains("host wallet list"));
    let error = load(&wallet, "primray").err().unwrap().to_string();
    assert!(error.contains("--wallet.hotkey primary?"), "{error}");
    let other = Wallet::new(root.path(), "valdator").unwrap();
    let error = load(&other, "primary").err().unwrap().to_string();
    assert!(error.contains("--wallet.name validator?"), "{error}");
}

#[test]
fn the_secret_of_a_watched_key_can_be_added_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let folder = root.path().join("w");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("coldkeypub.txt"), COLDKEYPUB).unwrap();
    let error = wallet.load_coldkey(&no_passwords()).err().unwrap();
    assert!(matches!(error, WalletError::Missing { .. }), "{error}");
    let made = make(&wallet, "h", Scheme::Sr25519).unwrap();
    fs::remove_file(made.path).unwrap();
    let error = load(&wallet, "h").err().unwrap();
    assert!(matches!(error, WalletError::WatchOnly { .. }), "{error}");
    let other = NewKey::generate(Scheme::Sr25519, Words::Twelve)
        .ok()
        .unwrap();
    assert!(matches!(
        wallet.prepare(Which::Coldkey, &other, None),
        Err(WalletError::OtherPublic { .. })
    ));
    let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let right = NewKey::restore(words, Scheme::Sr25519).ok().unwrap();
    let unwritten = wallet.prepare(Which::Coldkey, &right, None).ok().unwrap();
    unwritten.write().unwrap();
    assert!(wallet.load_coldkey(&no_passwords()).is_ok());
}

#[test]
fn an_ed25519_hotkey_signs_as_one() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = make(&wallet, "h", Scheme::Ed25519).unwrap();
    let hotkey = load(&wallet, "h").ok().unwrap();
    assert_eq!(hotkey.scheme(), Scheme::Ed25519);
    let signature = hotkey.sign(b"x");
    assert!(Scheme::Ed25519.verify(&made.account, b"x", &signature));
    let shown = wallet.show().unwrap().hotkeys.remove(0);
    assert_eq!(shown.public, Some((made.account, Scheme::Ed25519)));
}
