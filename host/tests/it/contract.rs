//! The contract's releases: frozen once they are out, compatible with one another.
//!
//! `BLESS=1 cargo test -p host --test it contract::` writes `wit/RELEASED` from the
//! folders that do not say that they are drafts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wit_component::semver_check;
use wit_parser::Resolve;

const WORLDS: [&str; 4] = [
    "scoring-policy",
    "challenge-generator",
    "challenge-solver",
    "provider-adapter",
];

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

/// As wit/README.md says: over each file in the order of its name, name and
/// content, both behind their length in bytes as eight little-endian bytes.
fn hash(folder: &Path) -> String {
    let mut hasher = Sha256::new();
    for (name, content) in files(folder) {
        for bytes in [name.as_bytes(), content.as_bytes()] {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
    }
    format!("sha256:{}", hex::encode(hasher.finalize()))
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    });
    read.collect()
}

/// All generations, by the name of their folder.
fn folders() -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(wit()).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect()
}

/// A folder that may still change says so in the first line of its worlds.
fn is_draft(folder: &Path) -> bool {
    let worlds = fs::read_to_string(folder.join("worlds.wit")).unwrap();
    worlds.lines().next().unwrap_or_default().contains("draft")
}

#[test]
fn a_released_folder_is_as_it_was_released_and_any_other_says_that_it_is_a_draft() {
    let path = wit().join("RELEASED");
    if std::env::var_os("BLESS").is_some() {
        let lines = folders()
            .into_iter()
            .filter(|(_, folder)| !is_draft(folder))
            .map(|(name, folder)| format!("{name} {}\n", hash(&folder)));
        fs::write(&path, lines.collect::<String>()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    let released: BTreeMap<&str, &str> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let folders = folders();
    for name in released.keys() {
        assert!(
            folders.contains_key(*name),
            "wit/{name} was released and is gone"
        );
    }
    for (name, folder) in &folders {
        match released.get(&**name) {
            Some(released) => assert_eq!(
                hash(folder),
                *released,
                "wit/{name} was released and must not change: wit/README.md says how to go on"
            ),
            None => assert!(
                is_draft(folder),
                "wit/{name} is not in wit/RELEASED and does not say that it is a draft"
            ),
        }
    }
}

/// Whether plugins of every world of `old` fit the worlds of `new`.
fn check(old: &Path, new: &Path) -> Result<(), String> {
    for world in WORLDS {
        let mut resolve = Resolve::default();
        let mut select = |folder: &Path| {
            let package = resolve.push_dir(folder).unwrap().0;
            resolve.select_world(&[package], Some(world)).unwrap()
        };
        let (old, new) = (select(old), select(new));
        semver_check(resolve, old, new).map_err(|error| format!("{world}: {error:#}"))?;
    }
    Ok(())
}

/// `0.1` of `compute-subnet@0.1.0`: versions that must be compatible.
fn line(name: &str) -> &str {
    let version = name.split_once('@').unwrap().1;
    let patch = version.rfind('.').unwrap();
    &version[..patch]
}

#[test]
fn plugins_of_a_release_fit_every_later_one_of_its_line() {
    let folders: Vec<_> = folders().into_iter().collect();
    for (index, (old, older)) in folders.iter().enumerate() {
        for (new, newer) in &folders[index + 1..] {
            if line(old) == line(new) {
                assert_eq!(check(older, newer), Ok(()), "{old} and {new}");
            }
        }
    }
}

/// A contract as the next version of it might be: `from` replaced by `to`.
fn next(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut changed = 0;
    for (name, content) in files(&wit().join("compute-subnet@0.1.0")) {
        changed += content.matches(from).count();
        let content = content.replace(from, to).replace("@0.1.0", "@0.1.1");
        fs::write(folder.path().join(name), content).unwrap();
    }
    assert_eq!(changed, 1, "`{from}` stands once in the contract");
    folder
}

#[test]
fn what_would_break_plugins_is_caught_and_a_function_more_to_import_is_not() {
    let released = wit().join("compute-subnet@0.1.0");
    let get = "get: func(key: string) -> option<string>;";
    let judge = |from, to: &str| check(&released, next(from, to).path());
    assert_eq!(
        judge(get, &format!("{get}\n  count: func() -> u32;")),
        Ok(())
    );
    let gone = judge(get, "").unwrap_err();
    assert!(gone.contains("scoring-policy"), "{gone}");
    assert!(judge(get, "get: func(key: string) -> string;").is_err());
    // A record is closed, and an export more is a new world.
    let describe = "describe: func() -> description;";
    assert!(
        judge(
            describe,
            &format!("{describe}\n  author: func() -> string;")
        )
        .is_err()
    );
}
