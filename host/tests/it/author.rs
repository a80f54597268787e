//! What an author does: begins a crate, builds it, calls it, has it checked.

use std::path::Path;
use std::process::{Command, Output};

use crate::python;

fn host(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap();
    said(output)
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Cargo in a crate outside the repository, all of them building in one place.
fn cargo(folder: &Path, target: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let (code, text) = said(output);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_new_crate_of_each_world_passes_its_tests_and_its_case() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("target");
    for world in [
        "scoring-policy",
        "challenge-generator",
        "challenge-solver",
        "provider-adapter",
    ] {
        let name = format!("my-{world}");
        let (code, text) = host(home.path(), &["plugin", "new", &name, "--world", world]);
        assert_eq!(code, Some(0), "{text}");
        let folder = home.path().join(&name);
        cargo(&folder, &target, &["test", "--quiet"]);
        let build = ["build", "--release", "--quiet", "--target", "wasm32-wasip2"];
        cargo(&folder, &target, &build);
        let wasm = target
            .join("wasm32-wasip2/release")
            .join(format!("{}.wasm", name.replace('-', "_")));
        let wasm = wasm.to_str().unwrap();
        let case = ["plugin", "run", wasm, "--input", "cases/first.json"];
        let (code, text) = host(&folder, &case);
        assert_eq!(code, Some(0), "{text}");
        let check = ["plugin", "check", wasm, "--input", "cases/first.json"];
        let (code, text) = host(&folder, &check);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(world), "{text}");
    }
}

#[test]
fn a_policy_in_python_scores_as_its_twin_in_rust() {
    let Some(mut componentize) = python::program(python::GUEST, "componentize-py") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let wasm = home.path().join("hello_python.wasm");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let built = componentize
        .arg("-d")
        .arg(examples.join("hello-policy/wit"))
        .args(["-w", "scoring-policy", "componentize", "--stub-wasi", "-p"])
        .arg(examples.join("hello-python"))
        .args(["app", "-o"])
        .arg(&wasm)
        .output()
        .unwrap();
    let (code, text) = said(built);
    assert_eq!(code, Some(0), "{text}");
    let case = examples.join("hello-policy/cases/first.json");
    let case = case.to_str().unwrap();
    let run = ["plugin", "run", wasm.to_str().unwrap(), "--input", case];
    // An interpreter takes half a minute to compile where nobody else does.
    let patience = [
        "--set",
        "engine.compile-timeout-ms=240000",
        "--set",
        "engine.compile-cpu-s-max=200",
        "--set",
        "engine.admission-timeout-ms=240000",
    ];
    let (code, text) = host(home.path(), &[&run[..], &patience].concat());
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_crate_is_never_written_over_something() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("mine")).unwrap();
    let new = ["plugin", "new", "mine", "--world", "scoring-policy"];
    let (code, text) = host(home.path(), &new);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("--folder"), "{text}");
    let (code, _) = host(
        home.path(),
        &["plugin", "new", "../up", "--world", "scoring-policy"],
    );
    assert_eq!(code, Some(2));
}

#[test]
fn a_case_that_expects_something_else_fails() {
    let home = tempfile::tempdir().unwrap();
    let wasm = home.path().join("level.wasm");
    let level = host::plugin::builtin::score_level();
    std::fs::write(&wasm, level.bytes).unwrap();
    let case = r#"{"evidence": {"epoch": {"netuid": 1, "mechanism": 0, "number": 1, "block": 1,
        "previous_block": null, "burn_uid": null, "metrics": []}, "miners": [], "memory": ""},
        "expect": {"scores": [], "memory": "01"}}"#;
    std::fs::write(home.path().join("case.json"), case).unwrap();
    let run = ["plugin", "run", "level.wasm", "--input", "case.json"];
    let (code, text) = host(home.path(), &run);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not what the case expects"), "{text}");
}

#[test]
fn what_is_no_component_is_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("x.wasm"), b"no").unwrap();
    let (code, text) = host(home.path(), &["plugin", "check", "x.wasm"]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("wasm32-wasip2"), "{text}");
}
