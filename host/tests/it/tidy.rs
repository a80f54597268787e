//! Holds the shape of the tree: floors, who knows which crate, file sizes.
//!
//! Reads text, not syntax: a line that begins with `use crate::`, indented or
//! not, is an import, and a crate is known where its name stands before `::`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const LINES_MAX: usize = 500;

/// From the lowest up; `main` is on the highest.
const FLOORS: [&[&str]; 5] = [
    &["subnet"],
    &[
        "admin", "chain", "config", "devchain", "egress", "machine", "metrics", "ssh", "store",
        "synapse", "wallet",
    ],
    &["plugin"],
    &["role"],
    &["cli", "main"],
];

/// Crates that only some modules may know.
const KNOWN_BY: [(&str, &[&str]); 20] = [
    ("wasmtime", &["plugin"]),
    ("wasmtime_wasi", &["plugin"]),
    ("wasmparser", &["plugin"]),
    ("subxt", &["chain", "devchain"]),
    ("parity_scale_codec", &["chain", "devchain"]),
    ("scale_info", &["chain", "devchain"]),
    ("scale_value", &["chain", "devchain"]),
    ("frame_metadata", &["chain", "devchain"]),
    ("jsonrpsee", &["chain", "devchain"]),
    // A local listener with three paths: see lib.rs.
    ("hyper", &["synapse", "egress", "metrics"]),
    ("hyper_util", &["synapse", "egress", "metrics"]),
    ("sysinfo", &["machine"]),
    ("nvml_wrapper", &["machine"]),
    ("clap", &["cli"]),
    ("rusqlite", &["store"]),
    ("bollard", &["machine"]),
    // A machine's tests read with it the host keys that are made there.
    ("russh", &["ssh", "machine"]),
    ("rustls", &["egress"]),
    ("tokio_rustls", &["egress"]),
    ("aws_sigv4", &["egress"]),
];

struct Source {
    /// Its module on a floor: the first part of its path.
    module: String,
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a source folder can be listed").path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    files(&src, "rs")
        .into_iter()
        .map(|path| {
            let within = path.strip_prefix(&src).expect("it was found there");
            let first = within.components().next().expect("a file has a name");
            let module = first.as_os_str().to_string_lossy();
            Source {
                module: module.trim_end_matches(".rs").to_owned(),
                text: fs::read_to_string(&path).expect("a source is UTF-8"),
                path,
            }
        })
        .filter(|source| source.module != "lib")
        .collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules that a file imports by `use crate::`.
fn imports(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line
                .strip_prefix("pub ")
                .or_else(|| line.strip_prefix("pub(crate) "))
                .unwrap_or(line);
            let path = line.strip_prefix("use crate::")?;
            let name: String = path
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            (!name.is_empty()).then_some(name)
        })
        .collect()
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = floor(&source.module)
            .unwrap_or_else(|| panic!("{} is on no floor: say which in tidy.rs", source.module));
        for imported in imports(&source.text) {
            if imported == source.module {
                continue;
            }
            // `main` may use `cli`: they share a floor so that nothing else is there.
            if floor(&imported).is_none_or(|theirs| theirs >= own) {
                wrong.push(format!("{} imports {imported}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_those_who_should_know_a_crate_know_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, knowers) in KNOWN_BY {
            if !knowers.contains(&&*source.module) && knows(&source.text, name) {
                wrong.push(format!("{} knows {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `name::` or `use name` stands in a line of code.
fn knows(text: &str, name: &str) -> bool {
    let path = format!("{name}::");
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .any(|line| {
            line.match_indices(&path).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"')
            })
        })
}

#[test]
fn only_bindings_see_bindings() {
    for source in sources() {
        let quarantined = source.path.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            part.starts_with("v0_")
        });
        assert!(
            quarantined || !source.text.contains("bindgen!"),
            "{} generates bindings outside plugin/v0_*",
            source.path.display()
        );
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short_enough_to_read() {
    let root = root();
    let repository = root.parent().expect("the package is in the repository");
    let mut wrong = Vec::new();
    let folders = [
        root.join("src"),
        root.join("tests"),
        root.join("benches"),
        repository.join("plugins"),
        repository.join("examples"),
    ];
    for path in folders.iter().flat_map(|folder| files(folder, "rs")) {
        let text = fs::read_to_string(&path).expect("a source is UTF-8");
        let name = path.strip_prefix(repository).unwrap_or(&path).display();
        if !text.starts_with("//!") {
            wrong.push(format!("{name} does not begin with //!"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{name} has {lines} lines, more than {LINES_MAX}"));
        }
        if path.ends_with("mod.rs") {
            wrong.push(format!("{name}: name the file after its module"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn contract(folder: &Path) -> BTreeMap<PathBuf, String> {
    files(folder, "wit")
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a contract is UTF-8");
            let within = path.strip_prefix(folder).expect("it was found there");
            (within.to_owned(), text)
        })
        .collect()
}

#[test]
fn the_examples_copy_of_the_contract_is_the_contract() {
    let root = root();
    let repository = root.parent().expect("the package is in the repository");
    let ours = contract(&repository.join("wit/compute-subnet@0.1.0"));
    assert!(!ours.is_empty());
    let example = repository.join("examples/hello-policy");
    let copies: Vec<PathBuf> = [
        "wit/compute-subnet@0.1.0",
        "wit/deps/compute-subnet@0.1.0",
        "wit",
    ]
    .iter()
    .map(|folder| example.join(folder))
    .filter(|folder| folder.is_dir())
    .collect();
    if let Some(copy) = copies.first() {
        let theirs = contract(copy);
        for (name, text) in &theirs {
            // A copy may leave out what a policy does not need, and add its own world.
            if let Some(original) = ours.get(name) {
                assert_eq!(original, text, "{} differs", copy.join(name).display());
            }
        }
        assert!(theirs.keys().any(|name| ours.contains_key(name)));
    }
}

#[test]
fn the_floors_are_those_that_the_map_shows() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs is UTF-8");
    for source in sources() {
        if source.module != "main" {
            assert!(
                map.contains(&format!("`{}`", source.module)),
                "lib.rs does not say on which floor {} is",
                source.module
            );
        }
    }
}
