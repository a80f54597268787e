//! Python's own packages as peers: what the ecosystem runs decides what is right.
//!
//! A test asks for a script of `tests/python` under one of the environments
//! below; `.ci/run` makes them. Where they are missing the test says what to type
//! and passes, except under `CI=true`, where every test must run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// bittensor 10.5.0: the last with Axon, Dendrite and Synapse.
pub(crate) const V10: &str = "v10";
/// bittensor 11.3.0: btauth/1, wallet and btcli.
pub(crate) const V11: &str = "v11";

/// componentize-py: makes components of Python.
pub(crate) const GUEST: &str = "guest";

/// moto: the clouds that adapters rent from, as a server on this machine.
pub(crate) const CLOUDS: &str = "clouds";

/// A command that runs `tests/python/{script}` under `environment`; `None` where
/// that environment is not installed.
pub(crate) fn script(environment: &str, script: &str) -> Option<Command> {
    let mut command = program(environment, "python")?;
    command.arg(folder().join(script));
    Some(command)
}

/// A command that runs a program of `environment`, such as `btcli`.
pub(crate) fn program(environment: &str, name: &str) -> Option<Command> {
    let path = environments().join(environment).join("bin").join(name);
    if path.exists() {
        let mut command = Command::new(path);
        command.env("PYTHONUNBUFFERED", "1");
        return Some(command);
    }
    let remedy = format!(
        "type: python3 -m venv target/python/{environment} && \
         target/python/{environment}/bin/pip install -r host/tests/python/{environment}.txt"
    );
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{} is missing; {remedy}",
        path.display()
    );
    eprintln!("skipped: {} is not installed; {remedy}", path.display());
    None
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python")
}

/// Where the environments are: beside the build, whichever folder that is.
fn environments() -> PathBuf {
    if let Some(chosen) = std::env::var_os("HOST_TEST_PYTHON") {
        return chosen.into();
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python")
}
