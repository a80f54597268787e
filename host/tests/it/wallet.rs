//! `host wallet` as people and scripts use it, and beside Python's own wallets.

mod command;
mod peers;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery staple 1!";
const PHRASE: &str =
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above";

/// A home folder of its own, and `host wallet` in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join(".bittensor/wallets")
    }

    /// `host wallet ...`, with nobody at its terminal.
    fn wallet(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .arg("wallet")
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// What a command says that must succeed, as JSON.
    fn told(&self, arguments: &[&str]) -> serde_json::Value {
        json(self.wallet(arguments).arg("--json"))
    }

    /// What a command says that must fail.
    fn refused(&self, arguments: &[&str]) -> String {
        failing(&mut self.wallet(arguments))
    }

    /// The same with `input` on standard input.
    fn fed(&self, input: &str, arguments: &[&str]) -> Output {
        fed(&mut self.wallet(arguments), input)
    }
}

fn fed(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses before it reads closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn json(command: &mut Command) -> serde_json::Value {
    let output = command.output().unwrap();
    let error = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn failing(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}");
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
