//! Programs of the system that do what only the system can: make disks, set
//! firewall rules.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Where they are; a service's own path may lack them.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// After which `timeout` ends one that hangs.
const TOOL_S_MAX: &str = "60";
/// Of what it said, at most so much is told.
const SAID_CHARS_MAX: usize = 300;

/// What `program` printed, or what it said when it failed.
pub(super) async fn run(program: &'static str, arguments: Vec<String>) -> Result<String, String> {
    run_with(program, arguments, String::new()).await
}

/// The same, with something to read.
pub(super) async fn run_with(
    program: &'static str,
    arguments: Vec<String>,
    input: String,
) -> Result<String, String> {
    let done = tokio::task::spawn_blocking(move || blocking(program, &arguments, &input)).await;
    done.map_err(|error| format!("{program}: {error}"))?
}

fn blocking(program: &str, arguments: &[String], input: &str) -> Result<String, String> {
    let mut child = Command::new("timeout")
        .args([TOOL_S_MAX, program])
        .args(arguments)
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read to the end says why below.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(SAID_CHARS_MAX).collect();
    Err(format!("{program}: {} ({})", said, output.status))
}
