//! The wallets of bittensor 10 and 11 and of btcli, and ours, each read by the other.

use serde_json::{Value, json};

use super::*;
use crate::python::{V10, V11, program, script};

const TEXT: &str = "this machine is mine";

/// What the script says on its last line: bittensor 10 talks before it.
fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

fn peer(environment: &str, home: &Home, arguments: &[&str]) -> Option<Command> {
    let mut command = script(environment, "wallet_peer.py")?;
    command.args(arguments).env("HOME", home.0.path());
    Some(command)
}

/// Asks the script whether these `(address, crypto type, signature)` of TEXT are good.
fn verified(environment: &str, home: &Home, signed: &[Value]) -> Value {
    let lines: String = signed.iter().map(|line| format!("{line}\n")).collect();
    let mut command = peer(environment, home, &["verify", TEXT]).unwrap();
    answer(&fed(&mut command, &lines))
}

fn signature(told: &Value) -> &str {
    told["signature"].as_str().unwrap().trim_start_matches("0x")
}

fn crypto_type(told: &Value) -> u8 {
    u8::from(told["scheme"] == "sr25519")
}

/// The value of a `BT_PW_` variable.
fn hidden(variable: &str, password: &str) -> String {
    use base64::Engine as _;
    let bytes = password.bytes().zip(variable.bytes().cycle());
    let bytes: Vec<u8> = bytes.map(|(byte, mask)| byte ^ mask).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn we_read_and_sign(environment: &str) {
    let home = Home::new();
    let root = home.root();
    let Some(mut make) = peer(environment, &home, &["make", root.to_str().unwrap()]) else {
        return;
    };
    let made = answer(&make.output().unwrap());
    let mut signed = Vec::new();
    for (name, expected) in made["plain"].as_object().unwrap() {
        let (which, hotkey) = match name.as_str() {
            "coldkey" => ("--coldkey", "default"),
            hotkey => ("--json", hotkey),
        };
        let mut arguments = vec![
            "sign",
            TEXT,
            "--wallet.name",
            "plain",
            "--wallet.hotkey",
            hotkey,
        ];
        if which == "--coldkey" {
            arguments.push(which);
        }
        let told = home.told(&arguments);
        assert_eq!(told["address"], expected["address"], "{name}");
        assert_eq!(json!(crypto_type(&told)), expected["crypto_type"], "{name}");
        signed.push(json!([
            told["address"],
            crypto_type(&told),
            signature(&told)
        ]));
    }
    let path = root.join("locked/coldkey");
    let variable = path
        .to_str()
        .unwrap()
        .replace(['/', '.'], "_")
        .to_uppercase();
    let variable = format!("BT_PW_{variable}");
    let mut sign = home.wallet([
        "sign",
        TEXT,
        "--coldkey",
        "--json",
        "--wallet.name",
        "locked",
    ]);
    let told = super::json(sign.env(&variable, hidden(&variable, PASSWORD)));
    assert_eq!(told["address"], made["locked"]["coldkey"]["address"]);
    signed.push(json!([
        told["address"],
        crypto_type(&told),
        signature(&told)
    ]));
    let good = verified(environment, &home, &signed);
    assert_eq!(good, json!(vec![true; signed.len()]));
    let other = json!([told["address"], 1, "00".repeat(64)]);
    assert_eq!(verified(environment, &home, &[other]), json!([false]));
}

#[test]
fn we_read_what_bittensor_11_wrote_and_it_verifies_what_we_sign() {
    we_read_and_sign(V11);
}

#[test]
fn we_read_what_bittensor_10_wrote_and_it_verifies_what_we_sign() {
    we_read_and_sign(V10);
}

/// A wallet of ours with everything in it; how each key should be known.
fn write_ours(home: &Home) -> Value {
    let ours = |name| ["--wallet.name", "ours", "--wallet.hotkey", name];
    let new = |name, scheme| {
        let arguments = ["new-hotkey", "--scheme", scheme];
        home.told(&[&arguments[..], &ours(name)].concat())["address"].clone()
    };
    let mut regen = home.wallet(["regen", "--json"]);
    let words = fed(regen.args(ours("words")), PHRASE);
    let mut coldkey = home.wallet(["new-coldkey", "--json", "--wallet.name", "ours"]);
    let coldkey = super::json(coldkey.env("BT_WALLET_PASSWORD", PASSWORD));
    json!({
        "sr25519": new("sr25519", "sr25519"),
        "ed25519": new("ed25519", "ed25519"),
        "words": answer_of(&words)["address"],
        "coldkey": coldkey["address"],
        "coldkeypub": coldkey["address"],
    })
}

fn answer_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn python_reads_what_we_write_and_we_verify_what_it_signs() {
    let home = Home::new();
    let root = home.root();
    let mut ours = None;
    for environment in [V11, V10] {
        let Some(mut read) = peer(environment, &home, &["read", root.to_str().unwrap(), TEXT])
        else {
            continue;
        };
        let ours = ours.get_or_insert_with(|| write_ours(&home));
        let told = answer(&read.output().unwrap());
        for (name, key) in told.as_object().unwrap() {
            assert_eq!(key["address"], ours[name], "{environment} {name}");
            let Some(signature) = key["signature"].as_str() else {
                continue;
            };
            let address = key["address"].as_str().unwrap();
            let verify = home.wallet(["verify", TEXT, signature, address]).output();
            let scheme = if name == "ed25519" {
                "(ed25519)"
            } else {
                "(sr25519)"
            };
            assert!(
                text(&verify.unwrap().stdout).contains(scheme),
                "{environment} {name}"
            );
        }
    }
}

#[test]
fn btcli_makes_a_wallet_that_we_use_and_lists_one_that_we_made() {
    let home = Home::new();
    let root = home.root();
    let btcli = |arguments: &[&str]| {
        let mut command = program(V11, "btcli")?;
        command
            .args(["--json", "--wallet-path", root.to_str().unwrap()])
            .args(arguments)
            .env("HOME", home.0.path())
            .stdin(Stdio::null());
        Some(super::json(&mut command))
    };
    let create = [
        "-w",
        "theirs",
        "-H",
        "hot",
        "wallet",
        "create",
        "--no-password",
    ];
    let Some(made) = btcli(&create) else {
        return;
    };
    let shown = home.told(&["show", "--wallet.name", "theirs"]);
    assert_eq!(shown["coldkey"]["address"], made["coldkey_ss58"]);
    let signing = [
        "sign",
        TEXT,
        "--wallet.name",
        "theirs",
        "--wallet.hotkey",
        "hot",
    ];
    let told = home.told(&signing);
    assert_eq!(told["address"], shown["hotkeys"][0]["address"]);
    let good = verified(V11, &home, &[json!([told["address"], 1, signature(&told)])]);
    assert_eq!(good, json!([true]));
    let mut regen = home.wallet([
        "regen",
        "--json",
        "--wallet.name",
        "again",
        "--wallet.hotkey",
        "hot",
    ]);
    let words = made["hotkey_mnemonic"].as_str().unwrap();
    assert_eq!(
        answer_of(&fed(&mut regen, words))["address"],
        told["address"]
    );

    home.told(&["new-coldkey", "--no-password", "--wallet.name", "ours"]);
    home.told(&[
        "new-hotkey",
        "--wallet.name",
        "ours",
        "--wallet.hotkey",
        "cold",
        "--scheme",
        "ed25519",
    ]);
    let listed = btcli(&["wallet", "list"]).unwrap();
    let listed = listed["coldkeys"].as_array().unwrap();
    let ours = listed
        .iter()
        .find(|wallet| wallet["coldkey"] == "ours")
        .unwrap();
    let shown = home.told(&["show", "--wallet.name", "ours"]);
    assert_eq!(ours["ss58"], shown["coldkey"]["address"]);
    assert_eq!(ours["hotkeys"][0]["ss58"], shown["hotkeys"][0]["address"]);
    assert_eq!(ours["hotkeys"][0]["crypto_type"], "ed25519");
}

/// Keyfiles as tools and people have left them, beside one of btwallet's.
fn odd_keyfiles() -> Vec<String> {
    let base: Value = serde_json::from_str(include_str!(
        "../../../src/wallet/vectors/wallets/plain/coldkey"
    ))
    .unwrap();
    let ed: Value = serde_json::from_str(include_str!(
        "../../../src/wallet/vectors/wallets_v11/ed/hotkeys/hk_ed"
    ))
    .unwrap();
    let change = |of: &Value, changes: &[(&str, Value)]| {
        let mut changed = of.clone();
        for (field, value) in changes {
            changed[*field] = value.clone();
        }
        changed.to_string()
    };
    let absent = Value::Null;
    let text = |of: &Value, field: &str| of[field].as_str().unwrap().to_owned();
    vec![
        change(&base, &[]),
        change(&ed, &[]),
        change(&base, &[("cryptoType", json!("1"))]),
        change(&base, &[("cryptoType", json!("sr25519"))]),
        change(&base, &[("cryptoType", json!(1.0))]),
        change(&base, &[("cryptoType", json!(0))]),
        change(&base, &[("cryptoType", json!(7))]),
        change(&ed, &[("cryptoType", absent.clone())]),
        change(&ed, &[("cryptoType", json!(1))]),
        change(&base, &[("secretPhrase", absent.clone())]),
        change(
            &base,
            &[
                ("secretPhrase", absent.clone()),
                ("secretSeed", absent.clone()),
            ],
        ),
        change(
            &ed,
            &[
                ("secretPhrase", absent.clone()),
                ("secretSeed", absent.clone()),
            ],
        ),
        change(&base, &[("secretPhrase", json!(5))]),
        change(&base, &[("secretPhrase", ed["secretPhrase"].clone())]),
        change(&base, &[("ss58Address", ed["ss58Address"].clone())]),
        change(&base, &[(" ss58Address", base["ss58Address"].clone())]),
        json!({"secretSeed": base["secretSeed"]}).to_string(),
        json!({"privateKey": base["privateKey"]}).to_string(),
        json!({"publicKey": base["publicKey"]}).to_string(),
        text(&base, "secretPhrase"),
        format!("{}\n", text(&base, "secretPhrase")),
        text(&base, "secretSeed"),
        text(&base, "secretSeed")[2..].to_owned(),
        text(&base, "privateKey"),
        text(&base, "ss58Address"),
        "{}".to_owned(),
        String::new(),
    ]
}

#[test]
fn we_accept_and_refuse_the_keyfiles_that_bittensor_11_does() {
    let home = Home::new();
    let Some(mut judge) = peer(V11, &home, &["judge"]) else {
        return;
    };
    let files = odd_keyfiles();
    let lines: String = files
        .iter()
        .map(|file| format!("{}\n", json!(file)))
        .collect();
    let judged = answer(&fed(&mut judge, &lines));
    let folder = home.root().join("w/hotkeys");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("h");
    for (file, theirs) in files.iter().zip(judged.as_array().unwrap()) {
        std::fs::write(&path, file).unwrap();
        chmod(&path, 0o600);
        let arguments = [
            "sign",
            TEXT,
            "--json",
            "--wallet.name",
            "w",
            "--wallet.hotkey",
            "h",
        ];
        let output = home.wallet(arguments).output().unwrap();
        let ours: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(&ours["address"], theirs, "{file}");
    }
}
