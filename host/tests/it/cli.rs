//! The command line from outside: help, exit codes, what to type next.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

fn host(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_host"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        // Help is wrapped to the terminal; a test has none.
        .env("COLUMNS", "100")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is UTF-8")
}

/// Compares with a file of tests/data/help; `BLESS=1` writes it anew.
fn compare(name: &str, arguments: &[&str]) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = host(home.path(), arguments);
    assert_eq!(output.status.code(), Some(0));
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/help")
        .join(name);
    let shown = text(&output.stdout);
    if std::env::var_os("BLESS") == Some(OsString::from("1")) {
        std::fs::write(&file, &shown).expect("the help can be written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        shown, expected,
        "the help changed; if it should have: BLESS=1 cargo test --test it cli::"
    );
}

#[test]
fn the_help_is_what_we_agreed_on() {
    compare("host.txt", &["--help"]);
    compare("run.txt", &["run", "--help"]);
}

#[test]
fn every_subcommand_explains_itself() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for command in [
        "run",
        "demo",
        "devchain",
        "subnet",
        "plugin",
        "provider",
        "rental",
        "rent",
        "wallet",
        "status",
        "completions",
        "guard",
        "replay",
        "evidence",
        "backtest",
    ] {
        let output = host(home.path(), &[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text(&output.stdout).contains("Usage: host"), "{command}");
    }
}

#[test]
fn every_question_to_the_chain_explains_itself() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for action in [
        "list",
        "metagraph",
        "hyperparameters",
        "weights",
        "watch",
        "register",
        "serve",
        "commitment",
    ] {
        let output = host(home.path(), &["subnet", action, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{action}");
        assert!(text(&output.stdout).contains("--json"), "{action}");
    }
}

#[test]
fn a_bare_run_says_everything_it_needs_and_exits_with_2() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = host(home.path(), &["run", "--role", "miner"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("--netuid 12 --subtensor.network finney --wallet.name default"),
        "{error}"
    );
}

#[test]
fn flags_of_bittensor_are_understood_and_their_values_checked() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = host(
        home.path(),
        &[
            "run",
            "--role=miner",
            "--netuid=1",
            "--subtensor.network=local",
            "--subtensor.chain_endpoint=ws://127.0.0.1:1",
            "--wallet.name=w",
            "--wallet.hotkey=h",
            "--wallet.path=/nowhere",
            "--axon.port=70000",
            "--axon.ip=127.0.0.1",
            "--axon.external_ip=127.0.0.1",
            "--logging.debug",
            "--logging.trace",
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: --axon.port: `axon.port` must be a whole number from 0 to 65535, not `70000`\n"
    );
}

#[test]
fn asking_where_no_node_runs_exits_with_5_and_says_so() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for arguments in [
        vec!["status"],
        vec!["plugin", "list"],
        vec!["plugin", "swap", "score", "x.wasm", "--pin"],
    ] {
        let output = host(home.path(), &arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{error}");
        assert!(error.contains("no node runs in"), "{error}");
    }
}

#[test]
fn completions_know_the_subcommands() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for shell in ["bash", "zsh", "fish"] {
        let output = host(home.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("devchain"), "{shell}");
    }
}

#[test]
fn a_hotkey_is_made_shown_and_proved() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let wallet = ["--wallet.name", "w", "--wallet.hotkey", "h"];
    let made = host(
        home.path(),
        &[&["wallet", "new-hotkey", "--json"][..], &wallet].concat(),
    );
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let key: serde_json::Value = serde_json::from_slice(&made.stdout).expect("it is JSON");
    let address = key["address"].as_str().expect("an address is text");
    let listed = text(&host(home.path(), &["wallet", "list"]).stdout);
    assert!(listed.contains(address), "{listed}");
    let signed = host(
        home.path(),
        &[&["wallet", "sign", "it is me", "--json"][..], &wallet].concat(),
    );
    let proof: serde_json::Value = serde_json::from_slice(&signed.stdout).expect("it is JSON");
    let signature = proof["signature"].as_str().expect("a signature is text");
    let verify = |words: &str| {
        let output = host(
            home.path(),
            &["wallet", "verify", words, signature, address],
        );
        output.status.code()
    };
    assert_eq!(verify("it is me"), Some(0));
    assert_eq!(verify("it is you"), Some(1));
    let again = host(
        home.path(),
        &[&["wallet", "new-hotkey"][..], &wallet].concat(),
    );
    assert_eq!(again.status.code(), Some(1));
}

/// Two publishers sign in turn, and an operator looks before letting it in.
#[test]
fn a_component_is_signed_by_two_and_verified_by_whoever_names_them() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let policy = host::plugin::builtin::score_level();
    std::fs::write(path("p.wasm"), &policy.bytes).expect("a file");
    let sign = |key: &str, more: &[&str]| {
        let file = path("p.wasm");
        let base = ["plugin", "sign", &file, "--wallet.name", key];
        host(home.path(), &[&base[..], more].concat())
    };
    let numberless = sign("//Alice", &[]);
    assert_eq!(numberless.status.code(), Some(2));
    assert!(text(&numberless.stderr).contains("--sequence 1"));
    let first = sign("//Alice", &["--sequence", "1", "--note", "Level pay."]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(text(&first.stdout).starts_with("compute-subnet/manifest/1\nname: score-level\n"));
    assert_eq!(sign("//Bob", &["--sequence", "2"]).status.code(), Some(2));

    let rule = format!(
        "[trust.plugins.score-level]\nthreshold = 2\nkeys = [{:?}, {:?}]\n",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
    );
    std::fs::write(path("validator.toml"), rule).expect("a file");
    let verify = || {
        let (file, config) = (path("p.wasm"), path("validator.toml"));
        host(
            home.path(),
            &["plugin", "verify", &file, "--config", &config],
        )
    };
    let half = verify();
    assert_eq!(half.status.code(), Some(4));
    let error = text(&half.stderr);
    assert!(error.contains("1 of the 2 signatures"), "{error}");
    assert!(
        error.contains("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
        "{error}"
    );
    let second = sign("//Bob", &["--embed"]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    let both = verify();
    assert_eq!(both.status.code(), Some(0), "{}", text(&both.stderr));
    assert!(text(&both.stdout).contains("2 signatures count here"));
    let config = path("validator.toml");
    let keys = host(home.path(), &["plugin", "keys", "--config", &config]);
    assert!(
        text(&keys.stdout).contains("2 of 2"),
        "{}",
        text(&keys.stdout)
    );
}
