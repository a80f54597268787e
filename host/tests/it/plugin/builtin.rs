//! The components the binary carries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use host::plugin::admission::digest;
use host::plugin::builtin;

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

/// What the build script needs of the repository, copied to `to`.
fn copy_source(to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::create_dir_all(to.join("host")).unwrap();
    for part in ["wit", "plugins", "rust-toolchain.toml"] {
        run(Command::new("cp")
            .arg("-r")
            .arg(root.join(part))
            .arg(to.join(part)));
    }
}

/// Runs the build script on a copy of the source, under a cargo home of its own
/// that shares the downloaded packages; digests by file.
fn build_in(folder: &Path, script: &Path) -> BTreeMap<String, String> {
    let source = folder.join("source");
    copy_source(&source);
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    let shared = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::home_dir().unwrap().join(".cargo"),
        PathBuf::from,
    );
    std::os::unix::fs::symlink(shared.join("registry"), home.join("registry")).unwrap();
    let out = folder.join("target/debug/build/host/out");
    fs::create_dir_all(&out).unwrap();
    run(Command::new(script)
        .env("CARGO", env!("CARGO"))
        .env("RUSTC", "rustc")
        .env("CARGO_MANIFEST_DIR", source.join("host"))
        .env("OUT_DIR", &out)
        .env("CARGO_HOME", &home)
        .env("RUSTFLAGS", "-Copt-level=1")
        .current_dir(&source));
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let digests = files.map(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        (name, digest(&fs::read(&file).unwrap()).to_string())
    });
    digests.collect()
}

#[test]
#[ignore = "builds the plugins twice, some minutes; .ci/run has it"]
fn the_same_source_gives_the_same_digests_under_two_homes() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("build-script");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    run(Command::new("rustc")
        .args(["--edition", "2024", "-o"])
        .arg(&script)
        .arg(source));
    let one = build_in(&folder.path().join("a"), &script);
    let two = build_in(&folder.path().join("another/place"), &script);
    assert!(one.len() >= builtin::all().len());
    assert_eq!(one, two);
    let carried = builtin::score_compute().digest().to_string();
    assert_eq!(one["score_compute.wasm"], carried);
}
