//! A renter, a validator, a miner and a cloud: from a requirement to a login and
//! back, over real sockets, with every answer held to the API's description.

use serde_json::{Value, json};

use super::stage::{PRICE, SSH_KEY, Stage, account, order, request};
use crate::synapse::support::talk;

/// A dollar: hundreds of these rentals.
const DAY: u64 = 1_000_000;

fn state(held: &Value) -> &str {
    held["rental"]["state"].as_str().unwrap()
}

fn is_reachable(held: &Value) -> bool {
    state(held) == "running" && held["rental"]["ssh"].is_object()
}

/// Both books say the same of the one rental by that key.
fn books_agree(stage: &Stage, held: &Value) {
    let lets = stage.on_record("miner");
    let [line] = &lets[..] else {
        panic!("{} rentals, not one: {lets:?}", lets.len());
    };
    let lease = &held["rental"];
    assert_eq!(
        lease["price_micro_usd_per_hour"],
        line.price_micro_usd_per_hour
    );
    assert_eq!(lease["began_at"], line.began_at);
    assert_eq!(lease["ends_at"], line.ends_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renter_finds_rents_extends_and_ends_by_way_of_a_validator() {
    let stage = Stage::open(DAY).await;
    only_signed_and_new_requests_are_served(&stage).await;
    found_by_what_it_is(&stage).await;
    let held = rented_once(&stage).await;
    extended_and_ended(&stage, &held).await;
    what_cannot_be_done_is_said(&stage).await;
    by_command(&stage).await;
}

async fn only_signed_and_new_requests_are_served(stage: &Stage) {
    let target = "/compute-subnet/1/operator/list";
    let unsigned = talk(stage.api, request(target, "", "{}").as_bytes()).await;
    assert_eq!(stage.read("list", &unsigned).0, 401);
    let once = stage.signed("list", &json!({}));
    let first = talk(stage.api, once.as_bytes()).await;
    assert_eq!(stage.read("list", &first).0, 200);
    let replayed = talk(stage.api, once.as_bytes()).await;
    assert_eq!(stage.read("list", &replayed).0, 401);
    let altered = once.replace("/list", "/find");
    let altered = talk(stage.api, altered.as_bytes()).await;
    assert_eq!(stage.read("find", &altered).0, 401);
}

async fn found_by_what_it_is(stage: &Stage) {
    let (_, found) = stage.ask("find", order("k")["requirement"].clone()).await;
    let machine = &found["machines"][0];
    assert_eq!(machine["machine"], "misbehave-provider/small");
    assert_eq!(machine["price_micro_usd_per_hour"], PRICE);
    for too_much in [
        json!({"gpu_count": 1}),
        json!({"cpu_threads": 3}),
        json!({"memory_mib": 1_025}),
        json!({"price_micro_usd_per_hour_max": PRICE - 1}),
        json!({"miner": account("//Alice")}),
    ] {
        let (_, found) = stage.ask("find", too_much.clone()).await;
        assert_eq!(found["machines"], json!([]), "{too_much}");
    }
}

async fn rented_once(stage: &Stage) -> Value {
    let (status, first) = stage.ask("rent", order("k")).await;
    assert_eq!(status, 200, "{first}");
    let held = stage.until("rent", order("k"), is_reachable).await;
    books_agree(stage, &held);
    assert_eq!(stage.account.lock().unwrap().alive().len(), 1);
    held
}

async fn extended_and_ended(stage: &Stage, before: &Value) {
    let (status, _) = stage.ask("extend", json!({"key": "k", "by_s": 300})).await;
    assert!([200, 502].contains(&status), "{status}");
    let ends_at = before["rental"]["ends_at"].as_u64().unwrap() + 300;
    let is_longer = |held: &Value| held["rental"]["ends_at"] == ends_at;
    let held = stage.until("show", json!({"key": "k"}), is_longer).await;
    books_agree(stage, &held);
    stage.ask("end", json!({"key": "k"})).await;
    let is_over = |listed: &Value| state(&listed["rentals"][0]) == "ended";
    stage.until("list", json!({}), is_over).await;
    assert!(stage.account.lock().unwrap().alive().is_empty());
}

async fn what_cannot_be_done_is_said(stage: &Stage) {
    let mut dear = order("dear");
    dear["duration_s"] = json!(86_400 * 3);
    let (status, refused) = stage.ask("rent", dear).await;
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.contains("operator.spend-per-day-micro-usd-max"),
        "{detail}"
    );
    let mut none = order("none");
    none["requirement"]["gpu_count"] = json!(8);
    assert_eq!(stage.ask("rent", none).await.0, 404);
    assert_eq!(stage.ask("show", json!({"key": "none"})).await.0, 404);
    let mut bad = order("bad");
    bad["ssh_public_key"] = json!("no key");
    assert_eq!(stage.ask("rent", bad).await.0, 400);
    assert_eq!(stage.on_record("miner").len(), 1, "none of them was rented");
}

async fn by_command(stage: &Stage) {
    let file = stage.field.home.path().join("key.pub");
    std::fs::write(&file, SSH_KEY).unwrap();
    let file = file.display().to_string();
    let says = |arguments: &[&str], code: i32| {
        let output = stage.rent(arguments);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {out}{err}"
        );
        format!("{out}{err}")
    };
    assert!(says(&["find", "--cpu-threads", "2"], 0).contains("0.024"));
    assert!(says(&["find", "--gpu", "H100"], 0).contains("no machine that fits"));
    let order = [
        "order",
        "--key",
        "cli",
        "--for",
        "10m",
        "--ssh-key",
        &file,
        "--price-max",
        "0.024",
    ];
    let ordered = says(&order, 0);
    assert!(ordered.contains("ssh -p 22 u@192.0.2.1"), "{ordered}");
    assert!(says(&["list", "--live"], 0).contains("running"));
    let shown: Value = serde_json::from_str(&says(&["show", "cli", "--json"], 0)).unwrap();
    assert_eq!(state(&shown), "running");
    assert!(says(&["show", "nothing"], 1).contains("no such rental"));
    assert!(
        says(
            &["order", "--for", "10m", "--key", "NO", "--ssh-key", &file],
            2
        )
        .contains("key")
    );
    ended_by_who_pays(stage);
    let is_over = |listed: &Value| state(&listed["rentals"][0]) == "ended";
    stage.until("list", json!({}), is_over).await;
    let (api, bob) = (stage.api.to_string(), account("//Bob").to_string());
    let stranger = [
        "rent",
        "list",
        "--validator",
        &bob,
        "--wallet.name",
        "//Charlie",
    ];
    let elsewhere = stage
        .field
        .host(&[&stranger[..], &["--api", &api]].concat());
    assert_eq!(elsewhere.status.code(), Some(1), "signed for another");
    let nobody = stage
        .field
        .host(&[&stranger[..], &["--api", "127.0.0.1:9"]].concat());
    assert_eq!(nobody.status.code(), Some(5), "nobody answers there");
}

/// The validator's operator sees what renters have, and may end it.
fn ended_by_who_pays(stage: &Stage) {
    let rentals = stage.on_record("validator");
    let newest = &rentals[0];
    assert_eq!(
        (newest.request.key.as_str(), &newest.adapter),
        ("cli", &account("//Bob").to_string())
    );
    let ended = stage.ask_node("validator", &["rental", "end", &newest.order_key]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_dies_between_intent_and_answer_rents_nothing_twice() {
    let mut stage = Stage::open(DAY).await;
    // Its miner does not answer while it dies.
    stage.miner.signal("-STOP");
    dies_during(&mut stage, "first", |_| true).await;
    stage.miner.signal("-CONT");
    stage.start_validator(DAY);
    settles(&stage, "first").await;
    // Its miner is buying while it dies.
    let asked = |stage: &Stage| stage.account.lock().unwrap().bought.len();
    let before = asked(&stage);
    dies_during(&mut stage, "second", move |stage| asked(stage) > before).await;
    stage.start_validator(DAY);
    let second = settles(&stage, "second").await;
    assert_eq!(second, "running", "its miner took it before");
    let account = stage.account.lock().unwrap();
    let twice: Vec<_> = account.bought.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "bought twice: {twice:?}");
    assert!(account.bought.len() <= 2, "{account:?}");
}

/// Kills the validator while it has an order in hand, once `so`.
async fn dies_during(stage: &mut Stage, key: &str, so: impl Fn(&Stage) -> bool) {
    let bytes = stage.signed("rent", &order(key));
    let api = stage.api;
    let asking = tokio::spawn(async move { talk(api, bytes.as_bytes()).await });
    let is_on_disk = |listed: &Value| listed["rentals"][0]["rental"]["key"] == key;
    stage.until("list", json!({}), is_on_disk).await;
    stage.until_so("the moment", || so(stage)).await;
    stage.validator.take().unwrap().kill();
    let _ = asking.await;
}

/// Asks again with the same key until it is known what came of it; both books and
/// the cloud agree on it then.
async fn settles(stage: &Stage, key: &str) -> String {
    let listens = || std::net::TcpStream::connect(stage.api).is_ok();
    stage.until_so("it listens again", listens).await;
    let is_known = |held: &Value| is_reachable(held) || state(held) == "refused";
    let held = stage.until("rent", order(key), is_known).await;
    let lets = stage.on_record("miner");
    let live = lets.iter().filter(|line| !line.phase.is_over()).count();
    assert_eq!(live, stage.account.lock().unwrap().alive().len());
    state(&held).to_owned()
}
