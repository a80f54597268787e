//! Keyfiles that real tools wrote (`tests/data/wallet`), and damaged ones.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const COLDKEY: &str = include_str!("../../../tests/data/wallet/plain/coldkey");
const SEED_BUG: &str = include_str!("../../../tests/data/wallet/plain/hotkeys/hk_seed");
const ED25519: &str = include_str!("../../../tests/data/wallet/ed/hotkeys/hk_ed");
const PUBLIC: &str = include_str!("../../../tests/data/wallet/plain/coldkeypub.txt");
const NACL: &[u8] = include_bytes!("../../../tests/data/wallet/tester/coldkey");

fn key(content: &str) -> Result<AccountId, WalletError> {
    read(Path::new("k"), content.as_bytes()).map(|pair| pair.account())
}

fn without(content: &str, field: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(content).unwrap();
    json.as_object_mut().unwrap().remove(field).unwrap();
    json.to_string()
}

#[test]
fn phrase_seed_and_private_key_are_the_same_key() {
    let account = AccountId::from_ss58("5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe").unwrap();
    assert_eq!(key(COLDKEY).unwrap(), account);
    let no_phrase = without(COLDKEY, "secretPhrase");
    assert_eq!(key(&no_phrase).unwrap(), account);
    let private_only = without(&no_phrase, "secretSeed");
    assert_eq!(key(&private_only).unwrap(), account);
    assert!(key(&without(&private_only, "privateKey")).is_err());
}

#[test]
fn a_seed_that_btwallet_damaged_gives_way_to_the_private_key() {
    let account = AccountId::from_ss58("5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi").unwrap();
    assert_eq!(key(SEED_BUG).unwrap(), account);
}

#[test]
fn a_secret_of_another_key_is_not_used() {
    let other = COLDKEY.replace(
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    );
    assert!(matches!(
        key(&other),
        Err(WalletError::Contradiction {
            secret: "secretPhrase",
            ..
        })
    ));
}

#[test]
fn encrypted_files_are_named_and_refused() {
    for (content, encryption) in [
        (NACL, Encryption::Nacl),
        (b"$ANSIBLE_VAULT;1.1;AES256\n35", Encryption::AnsibleVault),
        (b"gAAAAABrAvL5", Encryption::Fernet),
    ] {
        match read(Path::new("k"), content) {
            Err(WalletError::Encrypted { encryption: e, .. }) => assert_eq!(e, encryption),
            _ => panic!("{encryption}"),
        }
    }
}

#[test]
fn other_schemes_are_named_and_refused() {
    assert!(matches!(
        key(ED25519),
        Err(WalletError::Scheme {
            scheme: "ed25519",
            ..
        })
    ));
    assert!(key(&COLDKEY.replace("\"cryptoType\":1", "\"cryptoType\":\"1\"")).is_ok());
    assert!(key(&COLDKEY.replace("\"cryptoType\":1", "\"cryptoType\":7")).is_err());
    assert!(key(&without(COLDKEY, "cryptoType")).is_ok());
}

#[test]
fn a_public_file_has_an_account_and_no_key() {
    assert_eq!(
        read_account(Path::new("k"), PUBLIC.as_bytes())
            .unwrap()
            .to_string(),
        "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe"
    );
    assert!(key(PUBLIC).is_err());
}

#[test]
fn no_error_quotes_a_secret() {
    let phrase = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    for broken in [
        COLDKEY.replace("\"cryptoType\":1", &format!("\"cryptoType\":\"{phrase}\"")),
        COLDKEY.replace("\"secretPhrase\":", "\"secretPhrase\":7,\"x\":"),
        format!("{{\"publicKey\":{{\"a\":\"{phrase}\"}}}}"),
        phrase.to_owned(),
    ] {
        let shown = match key(&broken) {
            Ok(_) => continue,
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("winner"), "{shown}");
    }
}

#[test]
fn what_is_written_can_be_read() {
    let phrase = phrase::generate().unwrap();
    let pair = KeyPair::from_seed(&phrase::seed(&phrase).unwrap());
    let content = write(&pair, &phrase);
    assert_eq!(
        read(Path::new("k"), &content).ok().unwrap().account(),
        pair.account()
    );
    let text = std::str::from_utf8(&content).unwrap();
    for field in ["secretPhrase", "secretSeed", "privateKey"] {
        let one_less = without(text, field);
        assert_eq!(key(&one_less).unwrap(), pair.account());
    }
    let public = write_public(&pair.account());
    assert_eq!(
        read_account(Path::new("k"), &public).unwrap(),
        pair.account()
    );
}

proptest::proptest! {
    #[test]
    fn no_content_makes_the_reader_panic(content: Vec<u8>) {
        let _ = read(Path::new("k"), &content);
        let _ = read_account(Path::new("k"), &content);
    }

    #[test]
    fn no_fields_make_the_reader_panic(phrase in ".{0,99}", seed in ".{0,70}", private in "(0x)?[0-9a-f]{128}") {
        let json = serde_json::json!({"secretPhrase": phrase, "secretSeed": seed, "privateKey": private});
        let _ = read(Path::new("k"), json.to_string().as_bytes());
    }
}
