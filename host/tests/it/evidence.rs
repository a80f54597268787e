//! What was decided can be repeated, handed out, checked and tried otherwise.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use host::plugin::lone::{self, With};
use host::plugin::{Engine, Limits, Settings, builtin};
use host::store::{Retention, SqliteStore};
use host::subnet::challenge::{Answer, Exchange, Session, Step};
use host::subnet::evidence::{Ending, EpochRecord, EvidenceStore as _, SessionRecord, StoreOwner};
use host::subnet::key::{AccountId, Signer as _};
use host::subnet::plugin::{KeptPlugin, ScoringPolicy};
use host::subnet::scoring::{Epoch, Evidence, Finding, Miner};
use host::wallet::Hotkey;
use tempfile::TempDir;

use crate::plugin::support::POLICY;

/// A validator's state folder, and a home that knows nothing else.
struct Field {
    home: TempDir,
    runtime: tokio::runtime::Runtime,
    store: SqliteStore,
}

fn finding(block: u64) -> Finding {
    Finding {
        challenge: "challenge-matmul".into(),
        machine: String::new(),
        block,
        passed: true,
        grade_permille: 1000,
        proven: None,
        metrics: vec![host::subnet::hardware::Metric {
            name: "ops-per-second".into(),
            value: i64::try_from(block).unwrap() * 1_000_000,
        }],
    }
}

fn miner(uid: u16) -> Miner {
    Miner {
        uid,
        hotkey: AccountId([u8::try_from(uid).unwrap(); 32]),
        coldkey: AccountId([7; 32]),
        registered_at: 1,
        address: None,
        machines: vec![],
        findings: vec![finding(90 + u64::from(uid))],
        availability_permille: 1000,
        previous_points: 0,
        metrics: vec![],
    }
}

fn evidence(number: u64) -> Evidence {
    Evidence {
        epoch: Epoch {
            netuid: 2,
            mechanism: 0,
            number,
            block: 100 + number,
            previous_block: None,
            burn_uid: Some(0),
            metrics: vec![],
        },
        miners: (1..5).map(miner).collect(),
        memory: vec![],
    }
}

impl Field {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let owner = StoreOwner {
            genesis: [1; 32],
            netuid: 2,
            hotkey: Hotkey::development("//Alice").unwrap().account(),
        };
        let folder = home.path().join("state");
        Self {
            store: SqliteStore::open(&folder, &owner, Retention::default()).unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            home,
        }
    }

    fn engine() -> Engine {
        Engine::new(Limits::default()).unwrap()
    }

    /// Records an epoch as a validator with that policy would.
    fn epoch(&self, number: u64, bytes: &[u8], settings: &Settings) {
        let with = With::Table(settings.clone());
        let policy = lone::policy(&Self::engine(), bytes, with).unwrap();
        self.store
            .keep_plugin(&KeptPlugin {
                id: policy.id().clone(),
                component: bytes.to_vec(),
                settings: settings.clone(),
            })
            .unwrap();
        self.store
            .record_epoch(&self.scored(&*policy, number))
            .unwrap();
    }

    fn scored(&self, policy: &dyn ScoringPolicy, number: u64) -> EpochRecord {
        let evidence = evidence(number);
        let called = self.runtime.block_on(policy.evaluate(&evidence)).unwrap();
        EpochRecord {
            policy: policy.id().clone(),
            evidence,
            outcome: Ok(called.value),
            fuel: called.fuel,
        }
    }

    /// A session whose miner said nothing.
    fn session(&self, id: &str) {
        let built_in = builtin::challenge_matmul();
        let with = With::Table(Settings::new());
        let generator = lone::generator(&Self::engine(), &built_in.bytes, with).unwrap();
        self.store
            .keep_plugin(&KeptPlugin {
                id: generator.id().clone(),
                component: built_in.bytes.to_vec(),
                settings: Settings::new(),
            })
            .unwrap();
        let record = SessionRecord {
            session: Session {
                id: id.to_owned(),
                netuid: 2,
                validator: AccountId([9; 32]),
                uid: 1,
                hotkey: AccountId([1; 32]),
                machine: String::new(),
                block: 50,
                claimed: None,
                seed: [42; 32],
                memory: vec![],
            },
            generator: generator.id().clone(),
        };
        self.store.begin_session(&record).unwrap();
        let mut transcript = Vec::new();
        let verdict = loop {
            let advance = generator.advance(&record.session, &transcript);
            match self.runtime.block_on(advance).unwrap().value {
                Step::Conclude(verdict) => break verdict,
                Step::Ask(task) => {
                    let step = u16::try_from(transcript.len()).unwrap();
                    let exchange = Exchange {
                        task,
                        answer: Answer::TimedOut,
                        elapsed_us: 9,
                    };
                    self.store.intend_task(id, step).unwrap();
                    self.store.record_exchange(id, step, &exchange).unwrap();
                    transcript.push(exchange);
                }
            }
        };
        self.store
            .end_session(id, &Ending::Judged(verdict))
            .unwrap();
    }

    /// Changes what is recorded of an epoch, as nobody should.
    fn falsify(&self, number: u64) {
        let mut record = self.store.epoch(number).unwrap().unwrap();
        record.outcome.as_mut().unwrap().scores[1].points += 1;
        self.store.record_epoch(&record).unwrap();
    }

    fn host(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let folder = self.home.path().join("state");
        let mut all = arguments.to_vec();
        if arguments[0] != "evidence" || arguments[1] == "export" {
            all.extend(["--state-folder", folder.to_str().unwrap()]);
        }
        run(self.home.path(), &all)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code(), text)
}

#[test]
fn epochs_and_sessions_on_record_come_to_the_same_once_more() {
    let field = Field::new();
    field.epoch(1, &builtin::score_compute().bytes, &Settings::new());
    field.epoch(2, &builtin::score_level().bytes, &Settings::new());
    field.session("aa");
    let (code, said) = field.host(&["replay"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 of 3 came to the same"), "{said}");
    assert!(said.contains("fuel the same in 2 of 2"), "{said}");
}

/// Its own fuel and outcome of each thing that is repeated, by another build.
fn replayed_by(binary: &Path, field: &Field) -> serde_json::Value {
    let output = Command::new(binary)
        .args(["replay", "--json", "--state-folder"])
        .arg(field.home.path().join("state"))
        .env_clear()
        .env("HOME", field.home.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", binary.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs a release build: HOST_RELEASE_BINARY=$PWD/target/release/host cargo test --test it -- --ignored a_release_build"]
fn a_debug_and_a_release_build_come_to_the_same_and_burn_the_same() {
    let release = std::env::var_os("HOST_RELEASE_BINARY").unwrap();
    let field = Field::new();
    field.epoch(1, &builtin::score_compute().bytes, &Settings::new());
    field.epoch(2, &builtin::score_level().bytes, &Settings::new());
    field.session("aa");
    let debug = replayed_by(Path::new(env!("CARGO_BIN_EXE_host")), &field);
    let release = replayed_by(Path::new(&release), &field);
    assert_eq!(debug.as_array().unwrap().len(), 3);
    for one in debug.as_array().unwrap() {
        assert!(one["replayed"]["fuel_now"].as_u64().unwrap() > 0, "{one}");
    }
    assert_eq!(debug, release);
}

#[test]
fn a_falsified_epoch_is_named_with_its_first_difference() {
    let field = Field::new();
    field.epoch(1, &builtin::score_compute().bytes, &Settings::new());
    field.epoch(2, &builtin::score_compute().bytes, &Settings::new());
    field.falsify(2);
    let (code, said) = field.host(&["replay", "--epochs", "1..2"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("epoch 2"), "{said}");
    assert!(said.contains("Ok.scores[1].points"), "{said}");
    let (code, said) = field.host(&["replay", "--epochs", "1"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_session_that_nobody_had_is_not_the_same() {
    let field = Field::new();
    let (code, said) = field.host(&["replay", "--session", "bb"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no session of that id"), "{said}");
}

#[test]
fn evidence_is_checked_elsewhere_with_the_wasm_and_the_key_alone() {
    let field = Field::new();
    let settings = Settings::from([("mode".into(), "ok".into())]);
    field.epoch(1, POLICY, &settings);
    field.session("cc");
    let bundle = field.home.path().join("evidence.jsonl");
    let bundle = bundle.to_str().unwrap();
    let (code, said) = field.host(&[
        "evidence",
        "export",
        "--out",
        bundle,
        "--wallet.name",
        "//Alice",
    ]);
    assert_eq!(code, Some(0), "{said}");

    let elsewhere = tempfile::tempdir().unwrap();
    let (code, said) = run(elsewhere.path(), &["evidence", "verify", bundle]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--wasm FILE"), "{said}");

    let wasm = field.file("policy.wasm", POLICY);
    let alice = Hotkey::development("//Alice").unwrap().account().to_ss58();
    let checked = [
        "evidence",
        "verify",
        bundle,
        "--wasm",
        wasm.to_str().unwrap(),
        "--signer",
    ];
    let (code, said) = run(elsewhere.path(), &[&checked[..], &[&alice]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 of 2 came to the same"), "{said}");
    let bob = Hotkey::development("//Bob").unwrap().account().to_ss58();
    let (code, said) = run(elsewhere.path(), &[&checked[..], &[&bob]].concat());
    assert_eq!(code, Some(1), "{said}");

    let changed = std::fs::read_to_string(bundle)
        .unwrap()
        .replace("\"uid\":2", "\"uid\":3");
    let changed = field.file("changed.jsonl", changed.as_bytes());
    let (code, said) = run(
        elsewhere.path(),
        &["evidence", "verify", changed.to_str().unwrap()],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was changed"), "{said}");
}

#[test]
fn another_hotkey_cannot_hand_out_this_evidence() {
    let field = Field::new();
    field.epoch(1, &builtin::score_level().bytes, &Settings::new());
    let out = field.home.path().join("x");
    let (code, said) = field.host(&[
        "evidence",
        "export",
        "--out",
        out.to_str().unwrap(),
        "--wallet.name",
        "//Bob",
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--wallet.name") && !out.exists(), "{said}");
}

#[test]
fn a_backtest_says_who_would_have_gained() {
    let field = Field::new();
    for number in 1..4 {
        field.epoch(number, &builtin::score_compute().bytes, &Settings::new());
    }
    let level = field.file("level.wasm", &builtin::score_level().bytes);
    let (code, said) = field.host(&[
        "backtest",
        "--policy",
        level.to_str().unwrap(),
        "--epochs",
        "2..3",
        "--json",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let epochs = report["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 2);
    assert!(
        epochs[0]["change"]["moved_ppm"].as_u64().unwrap() > 0,
        "{said}"
    );
    assert_eq!(report["miners"]["1"]["new_ppm"], 250_000);

    let (_, table) = field.host(&["backtest", "--policy", level.to_str().unwrap()]);
    assert!(
        table.contains("25.00 %") && table.contains("moved"),
        "{table}"
    );
}

#[test]
fn settings_that_are_not_those_on_record_prove_nothing() {
    let field = Field::new();
    let settings = Settings::from([("mode".into(), "ok".into())]);
    field.epoch(1, POLICY, &settings);
    let mut record = field.store.epoch(1).unwrap().unwrap();
    let claimed = host::subnet::plugin::Digest([7; 32]);
    record.policy.settings = claimed;
    field.store.record_epoch(&record).unwrap();
    field
        .store
        .keep_plugin(&KeptPlugin {
            id: record.policy,
            component: POLICY.to_vec(),
            settings,
        })
        .unwrap();
    let (code, said) = field.host(&["replay"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not those it is on record with"), "{said}");
}
