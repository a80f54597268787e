//! `host subnet` against the development chain: words, JSON and exit codes.

use std::process::{Command, Output};

use serde_json::Value;

use super::*;

struct Shell {
    home: tempfile::TempDir,
    url: String,
}

impl Shell {
    fn new(chain: &DevChain) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: chain.url(),
        }
    }

    /// `host subnet`, with the chain's address and, but for a list, its subnet.
    async fn subnet(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.env_clear().env("HOME", self.home.path());
        command.arg("subnet").args(arguments);
        command.args(["--network", &self.url]);
        if arguments[0] != "list" {
            command.args(["--netuid", &NETUID.to_string()]);
        }
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap()
    }

    async fn words(&self, arguments: &[&str]) -> String {
        let output = self.subnet(arguments).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let words = self.words(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&words).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const BOB: [&str; 2] = ["--wallet.name", "//Bob"];

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_bought_at_a_price_that_was_said_before() {
    let chain = started(quick()).await;
    let shell = Shell::new(&chain);
    let register = |more: &[&'static str]| [&["register"], &BOB[..], more].concat();

    let unlimited = shell.subnet(&register(&[])).await;
    assert_eq!(unlimited.status.code(), Some(2));
    let error = text(&unlimited.stderr);
    assert!(
        error.contains("a slot costs 0.") && error.contains("--register-limit-rao "),
        "{error}"
    );

    let dear = shell
        .subnet(&register(&["--register-limit-rao", "5"]))
        .await;
    assert_eq!(dear.status.code(), Some(3));
    let error = text(&dear.stderr);
    assert!(
        error.contains("the limit is 5; to pay it: --register-limit-rao "),
        "{error}"
    );

    let enough = ["--register-limit-rao", "1000000000000"];
    let words = shell.words(&register(&enough)).await;
    assert!(words.contains("a slot costs 0."), "{words}");
    assert!(words.contains("registered with uid 1 in block "), "{words}");

    let again = shell.subnet(&register(&enough)).await;
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again.stderr).contains("HotKeyAlreadyRegisteredInSubNet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_knows_is_shown_to_people_and_programs() {
    let chain = started(quick()).await;
    let shell = Shell::new(&chain);
    let list = shell.json(&["list"]).await;
    let own = list.as_array().unwrap().iter();
    let own = own
        .clone()
        .find(|subnet| subnet["netuid"] == NETUID)
        .unwrap();
    assert_eq!(own["neurons"], 1);
    assert!(shell.words(&["list"]).await.contains("slot price"));

    let rules = shell.json(&["hyperparameters"]).await;
    assert_eq!(rules["tempo"], 10);
    let words = shell.words(&["metagraph"]).await;
    assert!(words.contains("epoch "), "{words}");
    let metagraph = shell.json(&["metagraph"]).await;
    assert_eq!(metagraph["neurons"][0]["uid"], 0);

    assert_eq!(
        shell.words(&["weights", "0"]).await,
        "uid 0 has set no weights\n"
    );
    let absent = shell.subnet(&["weights", "99"]).await;
    assert_eq!(absent.status.code(), Some(3));
    let error = text(&absent.stderr);
    assert!(error.contains("has no uid 99"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axon_is_announced_and_withdrawn() {
    let chain = started(devchain::Options {
        serving_rate_limit: 0,
        ..quick()
    })
    .await;
    let shell = Shell::new(&chain);
    let alice = ["--wallet.name", "//Alice"];
    let serve = ["serve", "--ip", "127.0.0.2", "--port", "8091"];
    let served = shell.json(&[&serve[..], &alice].concat()).await;
    assert_eq!(served["axon"], "127.0.0.2:8091");
    let axon = shell.json(&["metagraph"]).await["neurons"][0]["axon"].clone();
    assert_eq!(axon["address"], "127.0.0.2:8091");
    let words = shell
        .words(&[&["serve", "--withdraw"], &alice[..]].concat())
        .await;
    assert!(words.starts_with("withdrawn in block "), "{words}");
    assert!(shell.json(&["metagraph"]).await["neurons"][0]["axon"].is_null());
    let nowhere = shell.subnet(&[&["serve"], &alice[..]].concat()).await;
    assert_eq!(nowhere.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_blocks_epochs_and_weights() {
    let chain = started(quick()).await;
    let shell = Shell::new(&chain);
    let validator = node(&[chain.url()], "//Alice").await;
    let watching = shell.words(&["watch", "--blocks", "30", "--json"]);
    let setting = async {
        let weights = Weights(vec![(0, u16::MAX)]);
        for _ in 0..3 {
            validator.set_weights(NETUID, &weights, 0).await.unwrap();
            let seen = validator.heads().borrow().number;
            sees(&validator, seen + 5).await;
        }
    };
    let (lines, ()) = tokio::join!(watching, setting);
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for kind in ["block", "epoch"] {
        assert!(events.iter().any(|event| event["event"] == kind), "{lines}");
    }
    let blocks = events.iter().filter(|event| event["event"] == "block");
    assert_eq!(blocks.count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hotkey_has_published_is_shown() {
    let chain = started(quick()).await;
    let shell = Shell::new(&chain);
    let alice = ["commitment", "--wallet.name", "//Alice"];
    let words = shell.words(&alice).await;
    assert!(words.ends_with("has published nothing\n"), "{words}");
    assert!(shell.json(&alice).await.is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_network_is_told_the_nearest() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command.env_clear().env("HOME", home.path());
    command.args(["subnet", "list", "--network", "finey"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("did you mean `finney`?"), "{error}");
}
