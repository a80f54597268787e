//! A whole session of an operator with strangers' policies: refused, signed,
//! on trial, promoted, held, rolled back, repeated, and proved to others.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use host::subnet::key::Signer as _;
use host::wallet::Hotkey;
use serde_json::Value;

/// A slow machine under load needs this long for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(240);
const KEYS: [&str; 2] = ["//Dave", "//Eve"];

struct Demo {
    process: Child,
    home: tempfile::TempDir,
    state: PathBuf,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    /// `host demo --keep`, whose validator trusts two keys together.
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let keys = KEYS.map(|uri| Hotkey::development(uri).unwrap().account().to_ss58());
        let log = home.path().join("demo.log");
        let process = Command::new(env!("CARGO_BIN_EXE_host"))
            .args(["demo", "--keep", "--set"])
            .arg(format!(
                "trust.worlds.scoring-policy.keys={}",
                keys.join(",")
            ))
            .args(["--set", "trust.worlds.scoring-policy.threshold=2"])
            .env_clear()
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdout(Stdio::from(std::fs::File::create(&log).unwrap()))
            .stderr(Stdio::from(
                std::fs::File::create(home.path().join("err")).unwrap(),
            ))
            .spawn()
            .unwrap();
        let mut demo = Self {
            process,
            home,
            state: PathBuf::new(),
        };
        demo.state = demo.until("the demo is over", |demo| {
            let said = std::fs::read_to_string(&log).unwrap();
            assert!(demo.is_running(), "{said}{}", demo.errors());
            let line = said.lines().find(|line| line.contains("host status"))?;
            Some(PathBuf::from(line.split("--state-folder ").nth(1)?.trim()))
        });
        demo
    }

    fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.home.path().join("err")).unwrap_or_default()
    }

    /// Asks until there is an answer.
    fn until<T>(&mut self, what: &str, ask: impl Fn(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "never: {what}\n{}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// A command of the operator against the running validator.
    fn host(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let state = self.state.to_str().unwrap();
        let all = [arguments, &["--state-folder", state]].concat();
        run(self.home.path(), &all)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.host(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str(&said).unwrap()
    }

    /// Signs a policy as both of its publishers do, or one of them.
    fn sign(&self, wasm: &str, uri: &str) {
        let arguments = ["plugin", "sign", wasm, "--wallet.name", uri];
        let first = ["--sequence", "1"];
        let all = match uri == KEYS[0] {
            true => [&arguments[..], &first].concat(),
            false => arguments.to_vec(),
        };
        let (code, said) = run(self.home.path(), &all);
        assert_eq!(code, Some(0), "{said}");
    }

    /// Builds a policy from a new crate, its points by `rule`.
    fn policy(&self, name: &str, rule: &str) -> PathBuf {
        let new = ["plugin", "new", name, "--world", "scoring-policy"];
        let (code, said) = run(self.home.path(), &new);
        assert_eq!(code, Some(0), "{said}");
        let folder = self.home.path().join(name);
        let source = folder.join("src/lib.rs");
        let text = std::fs::read_to_string(&source).unwrap();
        let changed = text.replace("passed.count() as u64", rule);
        assert_ne!(text, changed);
        std::fs::write(source, changed).unwrap();
        let target = self.home.path().join("target");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target", "wasm32-wasip2"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let file = format!("{}.wasm", name.replace('-', "_"));
        target.join("wasm32-wasip2/release").join(file)
    }
}

fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn strangers_policies_are_let_in_tried_held_and_answered_for() {
    let mut demo = Demo::start();
    let fair = demo.policy("fair-policy", "passed.count() as u64 + 1");
    let bob = Hotkey::development("//Bob").unwrap().account();
    let rule = format!("u64::from(miner.hotkey == \"{bob}\")");
    let greedy = demo.policy("greedy-policy", &rule);
    let (fair, greedy) = (fair.to_str().unwrap(), greedy.to_str().unwrap());
    let_in_by_both_keys_alone(&demo, fair);
    tried_and_promoted_at_an_epoch(&mut demo, fair);
    held_and_rolled_back(&mut demo, greedy);
    repeated_and_proved_elsewhere(&demo, [fair, greedy]);
}

fn let_in_by_both_keys_alone(demo: &Demo, file: &str) {
    let (code, said) = demo.host(&["plugin", "shadow", file]);
    assert_eq!(code, Some(4), "unsigned: {said}");
    assert!(said.contains("--pin") || said.contains("sign"), "{said}");
    demo.sign(file, KEYS[0]);
    let (code, said) = demo.host(&["plugin", "shadow", file]);
    assert_eq!(code, Some(4), "one of two: {said}");
    demo.sign(file, KEYS[1]);
    let (code, said) = demo.host(&["plugin", "shadow", file]);
    assert_eq!(code, Some(0), "both: {said}");
}

fn tried_and_promoted_at_an_epoch(demo: &mut Demo, file: &str) {
    demo.until("the shadow scores", |demo| {
        let tried = demo.json(&["plugin", "shadow"]);
        (tried.as_array()?.len() > 1).then_some(())
    });
    let report = demo.json(&["backtest", "--policy", file]);
    assert!(report["epochs"].as_array().unwrap().len() > 3);
    let epoch = demo.json(&["status"])["chain"]["epoch"].as_u64().unwrap();
    let soon = (epoch + 1).to_string();
    let (code, said) = demo.host(&["plugin", "promote", "--at-epoch", &soon]);
    assert_eq!(code, Some(0), "{said}");
    demo.until("the fair policy is active", |demo| {
        let history = demo.json(&["plugin", "history"]);
        let by = history[0]["by"].as_str()?;
        by.contains("at epoch").then_some(())
    });
}

fn held_and_rolled_back(demo: &mut Demo, file: &str) {
    demo.sign(file, KEYS[0]);
    demo.sign(file, KEYS[1]);
    let (code, said) = demo.host(&["plugin", "swap", "policy", file]);
    assert_eq!(code, Some(0), "{said}");
    let held = demo.until("the guard holds", |demo| {
        Some(demo.json(&["guard"])).filter(|held| !held.is_null())
    });
    let why = held["objections"].to_string();
    assert!(why.contains("of all weight"), "{why}");
    let (code, said) = demo.host(&["plugin", "rollback", "policy"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("fair-policy"), "{said}");
}

fn repeated_and_proved_elsewhere(demo: &Demo, policies: [&str; 2]) {
    let (code, said) = demo.host(&["replay", "--epochs", ".."]);
    assert_eq!(code, Some(0), "{said}");
    let bundle = demo.home.path().join("evidence.jsonl");
    let bundle = bundle.to_str().unwrap();
    let whose = ["--wallet.name", "//Alice"];
    let export = [&["evidence", "export", "--out", bundle][..], &whose].concat();
    let (code, said) = demo.host(&export);
    assert_eq!(code, Some(0), "{said}");
    let elsewhere = tempfile::tempdir().unwrap();
    let alice = Hotkey::development("//Alice").unwrap().account().to_ss58();
    let [fair, greedy] = policies;
    let wasm = ["--wasm", fair, "--wasm", greedy, "--signer", &alice];
    let verify = [&["evidence", "verify", bundle][..], &wasm].concat();
    let (code, said) = run(elsewhere.path(), &verify);
    assert_eq!(code, Some(0), "{said}");
}
