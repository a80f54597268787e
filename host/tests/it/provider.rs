//! `host provider check`: a component, the real way out, and a cloud on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::plugin::support::PROVIDER;

/// Instances that were ever ordered.
type Instances = Arc<Mutex<Vec<Value>>>;

/// Serves until the test's process ends.
fn cloud() -> (u16, Instances) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let instances = Instances::default();
    let kept = instances.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up in between has its reasons.
            let _ = serve(&stream, &kept);
        }
    });
    (port, instances)
}

fn serve(mut stream: &TcpStream, instances: &Instances) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked: Value = serde_json::from_slice(&body)?;
    let answer = answer(&path, &asked, &mut instances.lock().unwrap()).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    stream.write_all([head, answer].concat().as_bytes())
}

fn hardware() -> Value {
    json!({ "gpus": [], "cpu_model": "x", "cpu_threads": 2, "memory_mib": 1, "disk_mib": 1,
            "labels": [] })
}

fn answer(path: &str, asked: &Value, instances: &mut Vec<Value>) -> Value {
    let found = |instances: &[Value]| instances.iter().position(|i| i["id"] == asked["id"]);
    match path {
        "/offers" => json!({ "Ok": [{
            "id": "small", "hardware": hardware(), "region": "here",
            "price_micro_usd_per_hour": 20_000, "interruptible": false, "labels": [],
        }] }),
        "/provision" => {
            let same = instances.iter().find(|i| i["order_key"] == asked["key"]);
            if let Some(instance) = same {
                return json!({ "Ok": instance });
            }
            let instance = json!({
                "id": format!("i-{}", instances.len()), "order_key": asked["key"],
                "state": "starting", "hardware": hardware(), "price_micro_usd_per_hour": 20_000,
                "ends_at": asked["ends_at"], "labels": [],
                "ssh": { "host": "192.0.2.1", "port": 22, "user": "u", "host_key": null },
            });
            instances.push(instance.clone());
            json!({ "Ok": instance })
        }
        "/instances" => json!({ "Ok": instances }),
        "/inspect" => match found(instances) {
            Some(place) => {
                instances[place]["state"] = json!("running");
                json!({ "Ok": instances[place] })
            }
            None => json!({ "Err": "NotFound" }),
        },
        "/terminate" => {
            if let Some(place) = found(instances) {
                instances[place]["state"] = json!("terminated");
            }
            json!({ "Ok": null })
        }
        _ => json!({ "Err": { "Unsupported": "not here" } }),
    }
}

/// Exit code and all output of `host provider check` with this configuration.
fn check(folder: &Path, config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    std::fs::write(folder.join("adapter.wasm"), PROVIDER).unwrap();
    std::fs::write(folder.join("miner.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(["provider", "check"])
        .args(arguments)
        .args(["--config", "miner.toml"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn granted(port: u16) -> String {
    format!(
        "role = \"miner\"\n[plugins.misbehave-provider.settings]\norigin = \"http://127.0.0.1:{port}\"\n\
         [plugins.misbehave-provider.grant]\nprivate-origins = [\"http://127.0.0.1:{port}\"]\n"
    )
}

#[test]
fn what_only_reads_is_tried_and_nothing_is_ordered() {
    let home = tempfile::tempdir().unwrap();
    let (port, instances) = cloud();
    let (code, text) = check(home.path(), &granted(port), &["adapter.wasm"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("small in here for 0.02 USD/hour"), "{text}");
    assert!(instances.lock().unwrap().is_empty());
}

#[test]
fn with_spend_one_machine_is_rented_runs_and_is_ended() {
    let home = tempfile::tempdir().unwrap();
    let (port, instances) = cloud();
    let spend = ["adapter.wasm", "--spend", "--price-max", "0.05"];
    let (code, text) = check(home.path(), &granted(port), &spend);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ssh u@192.0.2.1 -p 22"), "{text}");
    let instances = instances.lock().unwrap().clone();
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0]["state"], "terminated");
}

#[test]
fn what_was_not_granted_is_printed_as_lines_to_add_and_they_do() {
    let home = tempfile::tempdir().unwrap();
    let (port, _) = cloud();
    let all = granted(port);
    let (settings, _) = all
        .split_once("[plugins.misbehave-provider.grant]")
        .unwrap();
    let (code, text) = check(home.path(), settings, &["adapter.wasm"]);
    assert_eq!(code, Some(4), "{text}");
    let (_, lines) = text.split_once("add to the configuration:\n").unwrap();
    let (code, text) = check(
        home.path(),
        &format!("{settings}{lines}"),
        &["adapter.wasm"],
    );
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn an_adapter_that_nobody_knows_and_a_price_that_nobody_named_are_wrong_usage() {
    let home = tempfile::tempdir().unwrap();
    let (code, text) = check(home.path(), "", &["provider-nowhere"]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = check(home.path(), "", &["adapter.wasm", "--spend"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--price-max"), "{text}");
}
