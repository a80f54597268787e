//! Wallets in temporary folders.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::subnet::key::Signer as _;

const COLDKEY: &str = include_str!("../../../tests/data/wallet/plain/coldkey");
const COLDKEYPUB: &str = include_str!("../../../tests/data/wallet/plain/coldkeypub.txt");

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
    let made = wallet.new_hotkey("h").unwrap();
    let hotkey = wallet.load_hotkey("h").ok().unwrap();
    assert_eq!(hotkey.account(), made.account);
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
    let first = wallet.new_hotkey("h").unwrap();
    assert!(matches!(
        wallet.new_hotkey("h"),
        Err(WalletError::Exists { .. })
    ));
    assert_eq!(
        wallet.load_hotkey("h").ok().unwrap().account(),
        first.account
    );
    let left: Vec<_> = names(&root.path().join("w/hotkeys")).unwrap();
    assert_eq!(left, ["h", "hpub.txt"]);
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_line_to_type() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = wallet.new_hotkey("h").unwrap();
    for open in [0o644, 0o640, 0o604, 0o602] {
        chmod(&made.path, open);
        let error = wallet.load_hotkey("h").err().unwrap();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    chmod(&made.path, 0o400);
    assert!(wallet.load_hotkey("h").is_ok());
}

#[test]
fn names_cannot_leave_the_folder() {
    let root = tempfile::tempdir().unwrap();
    for name in ["", "..", ".", "a/b", "/etc", "a\\b", "a\u{1b}[2J", "a\0"] {
        assert!(Wallet::new(root.path(), name).is_err(), "{}", escape(name));
    }
    let wallet = Wallet::new(root.path(), "w").unwrap();
    assert!(wallet.new_hotkey("../h").is_err());
    assert!(wallet.new_hotkey("hpub.txt").is_err());
}

#[test]
fn a_missing_key_says_what_to_type() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let error = wallet.load_hotkey("h").err().unwrap().to_string();
    assert!(error.contains("host wallet new-hotkey"), "{error}");
    let error = wallet.load_coldkey().err().unwrap().to_string();
    assert!(error.contains("btcli"), "{error}");
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
    let made = wallet.new_hotkey("h").unwrap();
    // As old versions left it: no public file.
    fs::remove_file(folder.join("hotkeys/hpub.txt")).unwrap();
    let listed = list(root.path()).unwrap();
    assert_eq!(
        listed,
        [WalletEntry {
            name: "owner".to_owned(),
            coldkey: Some(wallet.load_coldkey().ok().unwrap().account()),
            hotkeys: vec![HotkeyEntry {
                name: "h".to_owned(),
                account: Some(made.account)
            }],
        }]
    );
    assert_eq!(list(&root.path().join("nowhere")).unwrap(), []);
}

#[test]
fn a_file_that_is_no_keyfile_is_refused_by_size_and_kind() {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::new(root.path(), "w").unwrap();
    let made = wallet.new_hotkey("h").unwrap();
    fs::write(&made.path, vec![b' '; 65 * 1024]).unwrap();
    assert!(matches!(
        wallet.load_hotkey("h"),
        Err(WalletError::Malformed { .. })
    ));
    fs::remove_file(&made.path).unwrap();
    fs::create_dir(&made.path).unwrap();
    chmod(&made.path, 0o700);
    assert!(matches!(
        wallet.load_hotkey("h"),
        Err(WalletError::Malformed { .. })
    ));
}
