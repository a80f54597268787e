//! Files that btwallet, Ansible Vault and the first wallets encrypted.
//!
//! Argon2 takes seconds and its salt is everybody's: it is derived once here, and
//! the other tests use the key it is known to give.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const PASSWORD: &str = "correct horse battery staple 1!";
/// What Argon2 makes of it, as libsodium computed it.
const KEY: &str = "4f5624f2017a051b7b20bf568fd933de07b5bd81cae0e7f441905bf5004e47b7";
const PLAIN: &str = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";
const HOTKEY: &str = "5EtaiguVmKZ9Vewv7HkS86hWTS8Lf4twTSADg29PH5rM5Wng";

const NACL: &[u8] = include_bytes!("../vectors/wallets/tester/coldkey");
const NACL_HOTKEY: &[u8] = include_bytes!("../vectors/wallets/tester/hotkeys/hk_enc");
const NACL_V11: &[u8] = include_bytes!("../vectors/wallets_v11/tester/coldkey");
const ANSIBLE: &[u8] = include_bytes!("../vectors/coldkey_ansible_vault");
const FERNET: &[u8] = include_bytes!("../vectors/coldkey_fernet_legacy");

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.to_owned())).unwrap()
}

fn known() -> nacl::Key {
    let mut key = [0; 32];
    hex::decode_to_slice(KEY, &mut key).unwrap();
    nacl::Key::known(key)
}

fn text(plain: Result<Zeroizing<Vec<u8>>, Closed>) -> String {
    String::from_utf8(plain.unwrap().to_vec()).unwrap()
}

#[test]
fn a_password_becomes_the_key_that_libsodium_makes_of_it() {
    let key = nacl::Key::derive(&password(PASSWORD)).unwrap();
    assert_eq!(hex::encode(key.bytes()), KEY);
}

#[test]
fn secretboxes_of_both_generations_are_opened() {
    for (content, address) in [(NACL, PLAIN), (NACL_V11, PLAIN), (NACL_HOTKEY, HOTKEY)] {
        assert_eq!(Encryption::of(content), Some(Encryption::Nacl));
        let sealed = nacl::Sealed::parse(content).unwrap();
        assert!(text(sealed.open_with(&known())).contains(address));
        let other = nacl::Key::known([1; 32]);
        assert!(matches!(
            sealed.open_with(&other),
            Err(Closed::WrongPassword)
        ));
    }
}

#[test]
fn what_is_sealed_can_be_opened_and_begins_as_everywhere() {
    let content = nacl::seal(b"secret", &known(), [7; nacl::NONCE_BYTES]);
    assert_eq!(Encryption::of(&content), Some(Encryption::Nacl));
    let sealed = nacl::Sealed::parse(&content).unwrap();
    assert_eq!(text(sealed.open_with(&known())), "secret");
}

#[test]
fn an_ansible_vault_is_opened() {
    assert_eq!(Encryption::of(ANSIBLE), Some(Encryption::AnsibleVault));
    let sealed = Sealed::parse(Encryption::AnsibleVault, ANSIBLE).unwrap();
    assert!(text(sealed.open(&password(PASSWORD))).contains(PLAIN));
    assert!(matches!(
        sealed.open(&password("another")),
        Err(Closed::WrongPassword)
    ));
}

#[test]
fn the_oldest_wallets_are_opened() {
    assert_eq!(Encryption::of(FERNET), Some(Encryption::Fernet));
    let sealed = fernet::Sealed::parse(FERNET).unwrap();
    let key = fernet::Key::derive(&password(PASSWORD));
    assert!(text(sealed.open_with(&key)).contains(PLAIN));
    let mut damaged = FERNET.to_vec();
    damaged[100] ^= 1;
    let damaged = fernet::Sealed::parse(&damaged).unwrap();
    assert!(matches!(
        damaged.open_with(&key),
        Err(Closed::WrongPassword)
    ));
}

#[test]
fn a_file_cut_short_is_told_from_a_wrong_password_where_that_is_possible() {
    let ansible = |count: usize| Sealed::parse(Encryption::AnsibleVault, &ANSIBLE[..count]).err();
    assert_eq!(ansible(30), Some(Unreadable::Truncated));
    assert_eq!(ansible(ANSIBLE.len() - 4), Some(Unreadable::Truncated));
    let fernet = |count: usize| Sealed::parse(Encryption::Fernet, &FERNET[..count]).err();
    assert_eq!(fernet(30), Some(Unreadable::Truncated));
    assert_eq!(fernet(FERNET.len() - 5), Some(Unreadable::Truncated));
    let nacl = |count: usize| Sealed::parse(Encryption::Nacl, &NACL[..count]).err();
    assert_eq!(nacl(5), Some(Unreadable::Truncated));
    assert_eq!(nacl(44), Some(Unreadable::Truncated));
    let cut = nacl::Sealed::parse(&NACL[..NACL.len() - 1]).unwrap();
    assert!(matches!(
        cut.open_with(&known()),
        Err(Closed::WrongPassword)
    ));
}

#[test]
fn other_versions_are_named() {
    let vault = b"$ANSIBLE_VAULT;9;AES256\n3030";
    assert!(matches!(
        Sealed::parse(Encryption::AnsibleVault, vault),
        Err(Unreadable::Malformed(_))
    ));
    assert!(Sealed::parse(Encryption::Fernet, b"gAAAAA!").is_err());
}

proptest::proptest! {
    #[test]
    fn no_content_makes_a_reader_panic(rest: Vec<u8>, digits in "[0-9a-f\n ]{0,300}", base64 in "[A-Za-z0-9_=-]{0,200}") {
        let _ = Sealed::parse(Encryption::Nacl, &[nacl::MAGIC, &rest].concat());
        for body in [rest.as_slice(), digits.as_bytes()] {
            let vault = [b"$ANSIBLE_VAULT;1.1;AES256\n", body].concat();
            if let Ok(sealed) = Sealed::parse(Encryption::AnsibleVault, &vault) {
                let _ = sealed.open(&password("x"));
            }
        }
        for body in [rest.as_slice(), base64.as_bytes()] {
            let _ = Sealed::parse(Encryption::Fernet, &[fernet::MAGIC, body].concat());
        }
    }

    #[test]
    fn no_place_to_cut_makes_a_reader_panic(at in 0_usize..1024) {
        for content in [NACL, ANSIBLE, FERNET] {
            let cut = &content[..at.min(content.len())];
            if let Some(encryption) = Encryption::of(cut) {
                let _ = Sealed::parse(encryption, cut);
            }
        }
    }
}
