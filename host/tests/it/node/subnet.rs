//! A chain, a miner and a validator as separate processes, from the example files.

use std::process::Command;

use host::subnet::chain::Chain as _;

use super::process::{Field, NETUID};

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_and_a_validator_from_the_examples_find_one_another_and_weights_follow() {
    let field = Field::new("250", "20");
    let _miner = field.run("miner.toml", "miner", &["--axon.port", "0"]);
    let _validator = field.run("validator.toml", "validator", &[]);
    let chain = field.onlooker();
    let metagraph = field
        .until(&chain, "a miner with incentive", |m| {
            m.neurons.iter().any(|n| n.incentive > 0)
        })
        .await;
    let miner = metagraph
        .neurons
        .iter()
        .find(|neuron| neuron.incentive > 0)
        .unwrap();
    assert!(miner.axon.is_some(), "it announced its axon");
    assert_eq!(
        chain.weights(NETUID, 0).await.unwrap().0,
        [(miner.uid, u16::MAX)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_policy_takes_over_a_running_validator_with_one_command() {
    let field = Field::new("250", "20");
    let _validator = field.run("validator.toml", "validator", &[]);
    let chain = field.onlooker();
    field.until(&chain, "a chain", |_| true).await;
    let wasm = build_hello_policy(&field);
    let state = field.state("validator");
    let state = state.to_string_lossy();
    let swap = |flags: &[&str]| {
        let mut arguments = vec![
            "plugin",
            "swap",
            "score-compute",
            &wasm,
            "--state-folder",
            &state,
        ];
        arguments.extend(flags);
        field.host(&arguments)
    };
    let unpinned = swap(&[]);
    assert_eq!(
        unpinned.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&unpinned.stderr)
    );
    assert!(String::from_utf8_lossy(&unpinned.stderr).contains("--pin"));
    let pinned = swap(&["--pin"]);
    assert_eq!(
        pinned.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&pinned.stderr)
    );
    let list = field.host(&["plugin", "list", "--state-folder", &state]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("hello-policy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_development_chain_a_component_saved_in_the_drop_folder_takes_over() {
    let field = Field::new("250", "20");
    let _validator = field.run("validator.toml", "validator", &[]);
    let folder = field.state("validator").join("drop");
    field.until_said("validator", "taken without a pin");
    std::fs::write(folder.join("policy.wasm"), b"no component").unwrap();
    field.until_said("validator", "a dropped component was refused");
    // Sparse: it takes no room, and would take memory if it were read.
    let large = std::fs::File::create(folder.join("large.wasm")).unwrap();
    large.set_len(200 << 20).unwrap();
    field.until_said("validator", "the file has 209715200 bytes");
    std::fs::write(
        folder.join("policy.wasm"),
        &host::plugin::builtin::score_level().bytes,
    )
    .unwrap();
    field.until_said("validator", "a plugin took over");
    let state = field.state("validator");
    let list = field.host(&["plugin", "list", "--state-folder", &state.to_string_lossy()]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("score-level"));
}

/// As its author would: copied out of the repository, with plain cargo.
fn build_hello_policy(field: &Field) -> String {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello-policy");
    let copy = field.home.path().join("hello-policy");
    let copied = Command::new("cp")
        .arg("-R")
        .arg(&source)
        .arg(&copy)
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .current_dir(&copy)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "rustup target add wasm32-wasip2"
    );
    copy.join("target/wasm32-wasip2/release/hello_policy.wasm")
        .to_string_lossy()
        .into_owned()
}

#[test]
fn sigterm_ends_a_node_with_exit_code_zero() {
    let field = Field::new("250", "20");
    let validator = field.run("validator.toml", "validator", &[]);
    field.until_said("validator", "connected");
    assert_eq!(validator.terminate(), Some(0), "{}", field.log("validator"));
}

#[test]
fn a_port_in_use_is_said_with_the_flag_that_helps() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let field = Field::new("250", "20");
    let output = field.host(&[
        "run",
        "--role",
        "miner",
        "--netuid",
        "1",
        "--subtensor.network",
        &field.url,
        "--wallet.name",
        "//Bob",
        "--axon.ip",
        "127.0.0.1",
        "--axon.port",
        &port,
        "--metrics-listen",
        "off",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&port) && said.contains("--axon.port"),
        "{said}"
    );
}

#[test]
fn an_unregistered_miner_is_told_what_a_slot_costs_and_what_to_type() {
    let field = Field::new("250", "20");
    let output = field.host(&[
        "run",
        "--role",
        "miner",
        "--netuid",
        "1",
        "--subtensor.network",
        &field.url,
        "--wallet.name",
        "//Dave",
        "--axon.ip",
        "127.0.0.1",
        "--axon.port",
        "0",
        "--metrics-listen",
        "off",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("--register --register-limit-rao"), "{said}");
}

#[test]
fn a_state_folder_of_another_network_is_refused() {
    let first = Field::new("250", "20");
    let second = Field::new("250", "20");
    let mut validator = first.run("validator.toml", "validator", &[]);
    let begun = std::time::Instant::now();
    let store = first.state("validator").join(host::store::FILE_NAME);
    while !store.exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    validator.kill();
    let state = first.state("validator");
    let output = second.host(&[
        "run",
        "--role",
        "validator",
        "--netuid",
        "1",
        "--subtensor.network",
        &second.url,
        "--wallet.name",
        "//Alice",
        "--state-folder",
        &state.to_string_lossy(),
        "--metrics-listen",
        "off",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another") || said.contains("belongs"),
        "{said}"
    );
}
