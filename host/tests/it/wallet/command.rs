//! `host wallet` alone.

use std::fs::{self, File};

use super::*;

const VAULT: &[u8] = include_bytes!("../../../src/wallet/vectors/coldkey_ansible_vault");
const COLDKEY: &str = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";
const W: [&str; 2] = ["--wallet.name", "w"];

/// A wallet whose coldkey is cheap to open.
fn vault() -> Home {
    let home = Home::new();
    let folder = home.root().join("w");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("coldkey"), VAULT).unwrap();
    chmod(&folder.join("coldkey"), 0o600);
    home
}

fn sign(home: &Home) -> Command {
    home.wallet(["sign", "hello", "--coldkey", "--wallet.name", "w"])
}

#[test]
fn a_key_whose_words_cannot_be_shown_is_not_made() {
    let home = Home::new();
    let arguments = ["new-hotkey", "--wallet.name", "w", "--wallet.hotkey", "h"];
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = home.wallet(arguments).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("no key was made"), "{error}");
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let output = home.wallet(arguments).stdout(closed).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "a closed pipe is no success");
    assert!(!home.root().join("w/hotkeys/h").exists());
    assert!(home.told(&arguments)["phrase"].is_string());
    assert!(home.root().join("w/hotkeys/h").exists());
}

#[test]
fn a_wallet_that_is_not_there_is_an_error_with_the_nearest_name() {
    let home = vault();
    fs::rename(home.root().join("w"), home.root().join("validator")).unwrap();
    let error = home.refused(&["show", "--wallet.name", "validater"]);
    assert!(
        error.contains("did you mean --wallet.name validator?"),
        "{error}"
    );
}

#[test]
fn a_key_is_restored_from_what_standard_input_says() {
    let home = Home::new();
    for (name, secret, scheme, address) in [
        (
            "words",
            PHRASE,
            "sr25519",
            "5EtaiguVmKZ9Vewv7HkS86hWTS8Lf4twTSADg29PH5rM5Wng",
        ),
        (
            "ed",
            PHRASE,
            "ed25519",
            "5EiUxpwtkzUyQhRkw5qpoEajpQwUUjGnp25Z3fCt36JyqDUr",
        ),
        (
            "seed",
            &"11".repeat(32),
            "sr25519",
            "5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi",
        ),
    ] {
        let arguments = [
            "regen",
            "--wallet.name",
            "w",
            "--wallet.hotkey",
            name,
            "--scheme",
            scheme,
            "--json",
        ];
        let output = home.fed(&format!("{secret}\n"), &arguments);
        let told = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(told.contains(address), "{told}");
        assert!(!told.contains("letter"), "{told}");
        let again = home.fed(secret, &arguments);
        assert!(text(&again.stderr).contains("never overwritten"));
    }
    let shown = home.told(&["show", "--wallet.name", "w"]);
    assert_eq!(shown["hotkeys"][0]["scheme"], "ed25519");
}

#[test]
fn nothing_on_standard_input_is_an_error_and_not_a_wait() {
    let home = Home::new();
    let error = home.refused(&["regen", "--wallet.name", "w"]);
    assert!(error.contains("12 to 24 words"), "{error}");
}

#[test]
fn an_encrypted_key_without_a_password_is_an_error_that_names_the_variable() {
    let home = vault();
    let error = failing(&mut sign(&home));
    let path = home.root().join("w/coldkey");
    let variable = format!(
        "BT_PW_{}",
        path.to_str()
            .unwrap()
            .replace(['/', '.'], "_")
            .to_uppercase()
    );
    for name in ["BT_WALLET_PASSWORD_FILE", "BT_WALLET_PASSWORD ", &variable] {
        assert!(error.contains(name), "{name}: {error}");
    }
}

#[test]
fn an_encrypted_key_is_opened_with_a_password_from_anywhere() {
    let home = vault();
    let plain = json(
        sign(&home)
            .arg("--json")
            .env("BT_WALLET_PASSWORD", PASSWORD),
    );
    assert_eq!(plain["address"], COLDKEY);
    let file = home.0.path().join("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let told = json(
        sign(&home)
            .arg("--json")
            .env("BT_WALLET_PASSWORD_FILE", &file),
    );
    assert_eq!(told["address"], COLDKEY);
}

#[test]
fn each_damage_is_told_from_the_others_with_what_to_type() {
    let home = vault();
    let path = home.root().join("w/coldkey");
    let wrong = failing(sign(&home).env("BT_WALLET_PASSWORD", "mistyped"));
    assert!(
        wrong.contains("set BT_WALLET_PASSWORD to the one"),
        "{wrong}"
    );
    assert!(!wrong.contains("mistyped"), "{wrong}");
    fs::write(&path, &VAULT[..VAULT.len() / 2]).unwrap();
    let cut = failing(sign(&home).env("BT_WALLET_PASSWORD", PASSWORD));
    assert!(cut.contains("host wallet regen"), "{cut}");
    chmod(&path, 0o644);
    let exposed = failing(&mut sign(&home));
    assert!(exposed.contains("chmod 600"), "{exposed}");
}

#[test]
fn a_node_starts_with_an_encrypted_hotkey_only_if_it_is_told_the_password() {
    let home = vault();
    let folder = home.root().join("w/hotkeys");
    fs::create_dir(&folder).unwrap();
    fs::rename(home.root().join("w/coldkey"), folder.join("h")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args([
            "run",
            "--role",
            "miner",
            "--netuid",
            "1",
            "--subtensor.network",
            "local",
        ])
        .args(W)
        .args(["--wallet.hotkey", "h"])
        .env_clear()
        .env("HOME", home.0.path())
        .stdin(Stdio::null());
    let error = failing(&mut command);
    assert!(error.contains("BT_WALLET_PASSWORD_FILE"), "{error}");
}
