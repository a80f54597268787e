//! The example files, against the keys there really are.

use std::path::{Path, PathBuf};

use host::config::{Config, Folders, Settings, Sources};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

fn folders() -> Folders {
    Folders {
        home: "/home/somebody".into(),
        config: "/nowhere".into(),
        state: "/state".into(),
    }
}

fn load(file: PathBuf) -> Settings {
    let sources = Sources {
        file: Some(file),
        environment: Vec::new(),
        overrides: Vec::new(),
        folders: folders(),
    };
    Settings::load(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

fn config(name: &str) -> Config {
    load(example(name))
        .into_config()
        .unwrap_or_else(|missing| panic!("{missing}"))
}

#[test]
fn the_examples_are_complete_and_run_side_by_side() {
    let (miner, validator) = (config("miner.toml"), config("validator.toml"));
    assert_ne!(
        miner.settings.metrics.listen,
        validator.settings.metrics.listen
    );
    assert_ne!(miner.settings.state_folder, validator.settings.state_folder);
    assert!(validator.settings.peers.allow_private);
}

#[test]
fn the_examples_name_every_key_and_no_other() {
    for name in ["miner.toml", "validator.toml"] {
        let text = std::fs::read_to_string(example(name)).expect("the example is there");
        for key in Settings::keys(&folders()) {
            assert!(names(&text, key.path), "{name} does not name {}", key.path);
        }
    }
}

#[test]
fn what_the_examples_comment_out_is_valid_too() {
    for name in ["miner.toml", "validator.toml"] {
        let text = std::fs::read_to_string(example(name)).expect("the example is there");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(name);
        std::fs::write(&file, uncommented(&text)).expect("the copy can be written");
        load(file);
    }
}

/// Whether the key stands in its table, commented out or not.
fn names(text: &str, path: &str) -> bool {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut current = "";
    text.lines().any(|line| {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            current = name;
        }
        let found = line.split_once('=').map(|(found, _)| found.trim());
        current == table && found == Some(key)
    })
}

/// The file with every commented key of its table in force, unless it is set.
fn uncommented(text: &str) -> String {
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        }) || line.starts_with('[') && line.ends_with(']')
    };
    text.lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}
