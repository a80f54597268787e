//! Passwords from everywhere one can come from.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;

use super::*;

const KEYFILE: &str = "/home/operator/.bittensor/wallets/tester/coldkey";
const VARIABLE: &str = "BT_PW__HOME_OPERATOR__BITTENSOR_WALLETS_TESTER_COLDKEY";
const HIDDEN: &str = "ITstIjI8K2gnIjcsKnAnMzUgKiAmfzE9NSQpK3N+cw==";
const PASSWORD: &str = "correct horse battery staple 1!";

fn passwords<const N: usize>(variables: [(&'static str, &str); N]) -> Passwords {
    let variables = variables.map(|(name, value)| (name, value.to_owned()));
    Passwords::of_variables(move |name| {
        let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
        Some(value.clone())
    })
}

fn answering(answers: &'static [&'static str]) -> Passwords {
    let left = Mutex::new(answers.iter());
    passwords([]).with_answers(move |_| {
        let answer = left.lock().unwrap().next().unwrap();
        Ok(Zeroizing::new((*answer).to_owned()))
    })
}

fn found(passwords: &Passwords) -> (String, Origin) {
    let found = passwords.to_open(Path::new(KEYFILE)).ok().unwrap();
    let text = String::from_utf8(found.password.bytes().to_vec()).unwrap();
    (text, found.origin)
}

fn refused(passwords: &Passwords) -> String {
    let error = passwords.to_open(Path::new(KEYFILE)).err().unwrap();
    error.to_string()
}

#[test]
fn bittensor_s_hidden_form_is_read() {
    let (password, origin) = found(&passwords([(VARIABLE, HIDDEN)]));
    assert_eq!(password, PASSWORD);
    assert_eq!(origin.to_string(), VARIABLE);
}

#[test]
fn the_variable_may_be_made_of_a_path_below_the_home_folder() {
    let home = Path::new("/home/operator");
    let names = variable::names(Path::new(KEYFILE), Some(home));
    assert_eq!(
        names,
        [VARIABLE, "BT_PW_~__BITTENSOR_WALLETS_TESTER_COLDKEY"]
    );
}

#[test]
fn a_variable_that_holds_the_plain_password_is_explained() {
    let error = refused(&passwords([(VARIABLE, PASSWORD)]));
    assert!(error.contains(VARIABLE), "{error}");
    assert!(error.contains("BT_WALLET_PASSWORD"), "{error}");
    assert!(!error.contains("horse"), "{error}");
}

#[test]
fn what_names_one_file_comes_before_what_holds_for_all() {
    let both = passwords([(VARIABLE, HIDDEN), (PLAIN, "other"), (FILE, "/nowhere")]);
    assert_eq!(found(&both).0, PASSWORD);
    let general = passwords([(PLAIN, " other "), (FILE, "/nowhere")]);
    assert_eq!(found(&general), (" other ".to_owned(), Origin::Plain));
    let empty = passwords([(VARIABLE, ""), (PLAIN, "other")]);
    assert_eq!(found(&empty).0, "other");
}

#[test]
fn a_password_may_lie_in_a_file_below_the_home_folder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("secret");
    let named = |variables: &Passwords| found(variables).0;
    fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let home = home.path().to_str().unwrap();
    assert_eq!(
        named(&passwords([("HOME", home), (FILE, "~/secret")])),
        PASSWORD
    );
    assert_eq!(
        named(&passwords([(FILE, path.to_str().unwrap())])),
        PASSWORD
    );
    for (content, complaint) in [("", "1 to 4096 bytes"), (" \n", "1 to 4096 bytes")] {
        fs::write(&path, content).unwrap();
        let error = refused(&passwords([(FILE, path.to_str().unwrap())]));
        assert!(error.contains(complaint), "{error}");
    }
    fs::write(&path, "x".repeat(PASSWORD_BYTES_MAX + 1)).unwrap();
    assert!(refused(&passwords([(FILE, path.to_str().unwrap())])).contains("4096"));
}

#[test]
fn a_password_file_that_cannot_be_read_is_named() {
    for path in ["/nowhere/secret", "/"] {
        let error = refused(&passwords([(FILE, path)]));
        assert!(error.contains(path) && error.contains(FILE), "{error}");
    }
}

#[test]
fn without_a_terminal_the_error_names_the_variable_to_set() {
    let error = refused(&passwords([]));
    for name in [VARIABLE, PLAIN, FILE, KEYFILE] {
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn somebody_at_the_terminal_is_asked_and_asked_twice_for_a_new_one() {
    assert_eq!(
        found(&answering(&["typed"])),
        ("typed".to_owned(), Origin::Terminal)
    );
    let path = Path::new(KEYFILE);
    let new = answering(&["one", "one"]).to_seal(path).ok().unwrap();
    assert_eq!(new.bytes(), b"one");
    assert!(matches!(
        answering(&["one", "two"]).to_seal(path),
        Err(WalletError::PasswordsDiffer)
    ));
    assert!(refused(&answering(&[""])).contains("1 to 4096 bytes"));
}

proptest::proptest! {
    #[test]
    fn no_value_makes_the_reader_of_variables_panic(name in ".{0,40}", value in ".{0,80}") {
        let _ = decode_variable(&name, &value);
    }

    #[test]
    fn what_is_hidden_is_found(password in ".{1,60}") {
        use base64::Engine as _;
        let hidden: Vec<u8> = password.bytes().zip(VARIABLE.bytes().cycle()).map(|(a, b)| a ^ b).collect();
        let value = base64::engine::general_purpose::STANDARD.encode(hidden);
        let decoded = decode_variable(VARIABLE, &value).map(|text| text.to_string());
        proptest::prop_assert_eq!(decoded, Some(password));
    }
}
