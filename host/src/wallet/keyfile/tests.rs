//! Keyfiles that real tools wrote (`vectors`), and damaged ones.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::wallet::phrase::Words;

const COLDKEY: &str = include_str!("../vectors/wallets/plain/coldkey");
const SEED_BUG: &str = include_str!("../vectors/wallets/plain/hotkeys/hk_seed");
const ED25519: &str = include_str!("../vectors/wallets_v11/ed/hotkeys/hk_ed");
const PUBLIC: &str = include_str!("../vectors/wallets/watch/coldkeypub.txt");
const ANSIBLE: &[u8] = include_bytes!("../vectors/coldkey_ansible_vault");
const NACL: &[u8] = include_bytes!("../vectors/wallets/tester/coldkey");
const PASSWORD: &str = "correct horse battery staple 1!";
const PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

/// Coldkey, hotkey, hotkey of ed25519 and hotkey of a seed alone.
const ADDRESSES: [&str; 4] = [
    "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe",
    "5EtaiguVmKZ9Vewv7HkS86hWTS8Lf4twTSADg29PH5rM5Wng",
    "5EiUxpwtkzUyQhRkw5qpoEajpQwUUjGnp25Z3fCt36JyqDUr",
    "5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi",
];

fn key(content: &str) -> Result<AccountId, WalletError> {
    parse(Path::new("k"), content.as_bytes()).map(|pair| pair.account())
}

fn public(content: &str) -> Result<(AccountId, Scheme), WalletError> {
    read_public(Path::new("k"), content.as_bytes())
}

fn without(content: &str, field: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(content).unwrap();
    json.as_object_mut().unwrap().remove(field).unwrap();
    json.to_string()
}

fn with(content: &str, field: &str, value: serde_json::Value) -> String {
    let mut json: serde_json::Value = serde_json::from_str(content).unwrap();
    json[field] = value;
    json.to_string()
}

fn coldkey() -> AccountId {
    AccountId::from_ss58(ADDRESSES[0]).unwrap()
}

#[test]
fn every_keyfile_of_both_generations_is_the_key_it_says() {
    let files = [
        (COLDKEY, 0),
        (include_str!("../vectors/wallets_v11/plain/coldkey"), 0),
        (include_str!("../vectors/wallets/tester/hotkeys/hk1"), 1),
        (include_str!("../vectors/wallets_v11/tester/hotkeys/hk1"), 1),
        (ED25519, 2),
        (SEED_BUG, 3),
        (
            include_str!("../vectors/wallets_v11/plain/hotkeys/hk_seed"),
            3,
        ),
    ];
    for (content, which) in files {
        assert_eq!(key(content).unwrap().to_string(), ADDRESSES[which]);
        let (account, scheme) = public(content).unwrap();
        assert_eq!(account.to_string(), ADDRESSES[which]);
        assert_eq!(scheme == Scheme::Ed25519, which == 2);
    }
}

#[test]
fn every_public_file_of_both_generations_is_read() {
    let files = [
        (PUBLIC, 0),
        (include_str!("../vectors/wallets/plain/coldkeypub.txt"), 0),
        (
            include_str!("../vectors/wallets/plain/hotkeys/hk_seedpub.txt"),
            3,
        ),
        (include_str!("../vectors/wallets/tester/coldkeypub.txt"), 0),
        (
            include_str!("../vectors/wallets/tester/hotkeys/hk1pub.txt"),
            1,
        ),
        (
            include_str!("../vectors/wallets/tester/hotkeys/hk_encpub.txt"),
            1,
        ),
        (
            include_str!("../vectors/wallets_v11/ed/hotkeys/hk_edpub.txt"),
            2,
        ),
        (
            include_str!("../vectors/wallets_v11/plain/coldkeypub.txt"),
            0,
        ),
        (
            include_str!("../vectors/wallets_v11/plain/hotkeys/hk_seedpub.txt"),
            3,
        ),
        (
            include_str!("../vectors/wallets_v11/tester/coldkeypub.txt"),
            0,
        ),
        (
            include_str!("../vectors/wallets_v11/tester/hotkeys/hk1pub.txt"),
            1,
        ),
    ];
    for (content, which) in files {
        assert_eq!(public(content).unwrap().0.to_string(), ADDRESSES[which]);
        let error = key(content).unwrap_err();
        assert!(matches!(error, WalletError::WatchOnly { .. }), "{error}");
    }
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
fn phrase_seed_and_private_key_are_the_same_key() {
    let no_phrase = without(COLDKEY, "secretPhrase");
    assert_eq!(key(&no_phrase).unwrap(), coldkey());
    let private_only = without(&no_phrase, "secretSeed");
    assert_eq!(key(&private_only).unwrap(), coldkey());
    assert!(key(&without(&private_only, "privateKey")).is_err());
}

#[test]
fn the_address_decides_where_scheme_and_key_do_not_fit() {
    let ed25519 = key(ED25519).unwrap();
    let one = serde_json::json!(1);
    assert_eq!(key(&without(ED25519, "cryptoType")).unwrap(), ed25519);
    assert_eq!(key(&with(ED25519, "cryptoType", one)).unwrap(), ed25519);
    let private_only = without(&without(ED25519, "secretPhrase"), "secretSeed");
    assert_eq!(key(&private_only).unwrap(), ed25519);
    let untold = without(&private_only, "cryptoType");
    assert_eq!(key(&untold).unwrap(), ed25519);
}

#[test]
fn a_private_key_of_32_bytes_alone_could_be_anything() {
    let private: serde_json::Value = serde_json::from_str(ED25519).unwrap();
    let alone = serde_json::json!({"privateKey": private["privateKey"]}).to_string();
    assert!(key(&alone).is_err());
    assert!(key(&with(&alone, "cryptoType", serde_json::json!(0))).is_ok());
}

#[test]
fn the_scheme_is_a_number_a_text_or_absent() {
    use serde_json::json;
    for value in [
        json!(1),
        json!(1.0),
        json!("1"),
        json!("Sr25519"),
        json!(null),
    ] {
        let content = with(COLDKEY, "cryptoType", value);
        assert_eq!(key(&content).unwrap(), coldkey());
    }
    assert!(key(&without(COLDKEY, "cryptoType")).is_ok());
    for value in [json!(7), json!("x"), json!([1]), json!(-1)] {
        let error = key(&with(COLDKEY, "cryptoType", value)).unwrap_err();
        assert!(error.to_string().contains("cryptoType"), "{error}");
    }
}

#[test]
fn fields_of_old_and_of_odd_writers_are_read() {
    use serde_json::json;
    let spaced = with(
        &without(COLDKEY, "ss58Address"),
        " ss58Address",
        json!(ADDRESSES[0]),
    );
    assert_eq!(key(&spaced).unwrap(), coldkey());
    let both = with(COLDKEY, " ss58Address", json!(ADDRESSES[0]));
    assert_eq!(key(&both).unwrap(), coldkey());
    let other = with(&spaced, " ss58Address", json!(ADDRESSES[1]));
    assert!(matches!(
        key(&other),
        Err(WalletError::Contradiction { .. })
    ));
    for odd in [json!(null), json!(5), json!({})] {
        assert_eq!(key(&with(COLDKEY, "secretPhrase", odd)).unwrap(), coldkey());
    }
}

#[test]
fn a_file_may_hold_words_or_a_seed_alone() {
    let fields: serde_json::Value = serde_json::from_str(COLDKEY).unwrap();
    let seed = fields["secretSeed"].as_str().unwrap();
    let private = fields["privateKey"].as_str().unwrap();
    for content in [
        PHRASE.to_owned(),
        format!(" {PHRASE}\n"),
        seed.to_owned(),
        format!("{}\n", &seed[2..]),
        private.to_owned(),
    ] {
        assert_eq!(key(&content).unwrap(), coldkey());
        assert_eq!(public(&content).unwrap(), (coldkey(), Scheme::Sr25519));
    }
    assert!(key(ADDRESSES[0]).is_err());
}

#[test]
fn an_export_of_polkadot_js_is_named_as_such() {
    let export = serde_json::json!({
        "encoded": "abc", "encoding": {"content": ["pkcs8", "sr25519"], "version": "3"},
        "address": ADDRESSES[0], "meta": {}
    });
    let error = key(&export.to_string()).unwrap_err().to_string();
    assert!(
        error.contains("polkadot.js") && error.contains("--json-path"),
        "{error}"
    );
}

#[test]
fn a_file_cut_short_is_told_from_one_that_is_something_else() {
    for cut in [&COLDKEY[..COLDKEY.len() - 1], &COLDKEY[..200], "{", ""] {
        let error = key(cut).unwrap_err();
        assert!(matches!(error, WalletError::Truncated { .. }), "{error}");
        assert!(error.to_string().contains("host wallet regen"), "{error}");
    }
    for other in ["[]", "7", "hello", "\u{feff}{}"] {
        let error = key(other).unwrap_err();
        assert!(matches!(error, WalletError::Malformed { .. }), "{error}");
    }
}

#[test]
fn an_encrypted_file_is_opened_with_its_password_alone() {
    let path = Path::new("/w/coldkey");
    let told = |text: &'static str| {
        Passwords::of_variables(move |name| (name == "BT_WALLET_PASSWORD").then(|| text.to_owned()))
    };
    let pair = read(path, ANSIBLE, &told(PASSWORD)).ok().unwrap();
    assert_eq!(pair.account(), coldkey());
    let error = read(path, ANSIBLE, &told("another")).err().unwrap();
    assert!(matches!(error, WalletError::WrongPassword { .. }));
    let error = error.to_string();
    assert!(
        error.contains("BT_WALLET_PASSWORD") && !error.contains("another "),
        "{error}"
    );
    let error = read(path, NACL, &told("")).err().unwrap();
    assert!(matches!(error, WalletError::NoPassword { .. }), "{error}");
    let error = read(path, &NACL[..20], &told("")).err().unwrap();
    assert!(matches!(error, WalletError::Truncated { .. }), "{error}");
}

#[test]
fn a_mistyped_password_may_be_typed_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let answers = move |right_at| {
        let counted = counted.clone();
        counted.store(0, Ordering::Relaxed);
        Passwords::of_variables(|_| None).with_answers(move |_| {
            let time = counted.fetch_add(1, Ordering::Relaxed) + 1;
            let text = if time == right_at {
                PASSWORD
            } else {
                "mistyped"
            };
            Ok(Zeroizing::new(text.to_owned()))
        })
    };
    let path = Path::new("/w/coldkey");
    assert!(read(path, ANSIBLE, &answers(ATTEMPTS)).is_ok());
    assert!(read(path, ANSIBLE, &answers(99)).is_err());
    assert_eq!(asked.load(Ordering::Relaxed), ATTEMPTS);
}

#[test]
fn no_error_quotes_a_secret() {
    for broken in [
        with(COLDKEY, "cryptoType", serde_json::json!(PHRASE)),
        with(COLDKEY, "ss58Address", serde_json::json!(ADDRESSES[1])),
        format!("{{\"publicKey\":{{\"a\":\"{PHRASE}\"}}}}"),
        format!("{PHRASE} winner"),
        format!("\"{PHRASE}\""),
    ] {
        let error = key(&broken).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("winner"), "{shown}");
    }
}

#[test]
fn what_is_written_can_be_read_whichever_secret_is_left() {
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let new = NewKey::generate(scheme, Words::Twelve).ok().unwrap();
        let content = write(&new);
        let text = std::str::from_utf8(&content).unwrap();
        assert_eq!(key(text).unwrap(), new.account());
        for field in ["secretPhrase", "secretSeed", "privateKey"] {
            assert_eq!(key(&without(text, field)).unwrap(), new.account());
        }
        let half = write_public(new.account(), scheme);
        let half = std::str::from_utf8(&half).unwrap();
        assert_eq!(public(half).unwrap(), (new.account(), scheme));
    }
}

#[test]
fn a_key_of_a_seed_or_a_private_key_claims_no_words() {
    for field in ["secretSeed", "privateKey"] {
        let fields: serde_json::Value = serde_json::from_str(COLDKEY).unwrap();
        let new = NewKey::restore(fields[field].as_str().unwrap(), Scheme::Sr25519)
            .ok()
            .unwrap();
        let written: serde_json::Value = serde_json::from_slice(&write(&new)).unwrap();
        assert_eq!(written["privateKey"], fields["privateKey"]);
        assert_eq!(written.get("secretPhrase"), None);
        assert_eq!(written.get("secretSeed").is_some(), field == "secretSeed");
    }
}

proptest::proptest! {
    #[test]
    fn no_content_makes_the_reader_panic(content: Vec<u8>) {
        let _ = examine(&content);
    }

    #[test]
    fn no_place_to_cut_or_to_flip_makes_the_reader_panic(at in 0_usize..2000, flip: u8) {
        for content in [COLDKEY.as_bytes(), ED25519.as_bytes(), SEED_BUG.as_bytes(), NACL, ANSIBLE] {
            let at = at % content.len();
            let _ = examine(&content[..at]);
            let mut damaged = content.to_vec();
            damaged[at] ^= flip;
            let _ = examine(&damaged);
        }
    }

    #[test]
    fn no_fields_make_the_reader_panic(phrase in ".{0,99}", seed in ".{0,70}", private in "(0x)?[0-9a-f]{0,130}", scheme: i64) {
        let json = serde_json::json!({"secretPhrase": phrase, "secretSeed": seed, "privateKey": private, "cryptoType": scheme % 3});
        let _ = examine(json.to_string().as_bytes());
    }
}
