//! Starts the binary, reads what it says, and kills it when the test is over.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::chain::{self, Keys, Subtensor};
use host::subnet::chain::{Chain as _, Metagraph};
use host::subnet::events::Unobserved;

/// The subnet of every development chain.
pub(super) const NETUID: u16 = host::devchain::Options::NETUID;
/// A slow machine under load needs this long for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Small enough for an unoptimised build to multiply in a moment.
const SMALL: [&str; 6] = [
    "--set",
    "plugins.challenge-matmul.settings.n=256",
    "--set",
    "plugins.challenge-matmul.settings.rows=256",
    "--set",
    "plugins.challenge-matmul.settings.cells=8",
];

/// A process that does not outlive its test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    /// A process that is the test's own.
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// SIGTERM, and the exit code.
    pub(super) fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.0.wait().ok()?.code()
    }

    /// SIGHUP: the configuration is to be read again.
    pub(super) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// A signal by its flag: `-STOP`.
    pub(crate) fn signal(&self, which: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args([which, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill is there");
    }
}

/// A folder, a chain, and nodes that know of no other configuration.
pub(crate) struct Field {
    pub(crate) home: tempfile::TempDir,
    pub(crate) url: String,
    _chain: Option<Running>,
}

impl Field {
    /// Starts `host devchain` on a port of its own.
    pub(crate) fn new(block_ms: &str, tempo: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut command = host(home.path());
        command.args(["devchain", "--allow-loopback", "--listen", "127.0.0.1:0"]);
        command.args(["--block-ms", block_ms, "--tempo", tempo]);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdout = child.stdout.take().expect("it was asked for");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the chain says where it is");
        let url = line
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        assert!(url.starts_with("ws://127.0.0.1:"), "{line}");
        Self {
            home,
            url,
            _chain: Some(Running(child)),
        }
    }

    /// On a chain that the test holds in its own hands.
    pub(super) fn on(url: String) -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
            url,
            _chain: None,
        }
    }

    /// A node's state folder.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `host run` with an example's file, on this chain, in `state`.
    pub(crate) fn run(&self, example: &str, state: &str, flags: &[&str]) -> Running {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(example);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.state(&format!("{state}.log")));
        let mut command = host(self.home.path());
        command.arg("run").arg("--config").arg(file);
        command.args(["--subtensor.network", &self.url, "--metrics-listen", "off"]);
        command
            .arg("--state-folder")
            .arg(self.state(state))
            .args(SMALL)
            .args(flags);
        command.stderr(log.expect("a log file"));
        Running(command.spawn().expect("the binary runs"))
    }

    /// Another subcommand, to its end.
    pub(crate) fn host(&self, arguments: &[&str]) -> Output {
        host(self.home.path())
            .args(arguments)
            .output()
            .expect("the binary runs")
    }

    /// What a node wrote to stderr.
    pub(crate) fn log(&self, state: &str) -> String {
        std::fs::read_to_string(self.state(&format!("{state}.log"))).unwrap_or_default()
    }

    /// Waits until a node has written `words` to stderr.
    pub(crate) fn until_said(&self, state: &str, words: &str) {
        let begun = Instant::now();
        while !self.log(state).contains(words) {
            assert!(
                begun.elapsed() < PATIENCE,
                "never said {words:?}: {}",
                self.log(state)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A look at the chain, with no key.
    pub(super) fn onlooker(&self) -> Subtensor {
        let options = chain::Options {
            endpoints: vec![self.url.clone()],
            ..chain::Options::default()
        };
        chain::connect(options, Keys::default(), Arc::new(Unobserved)).expect("a valid address")
    }

    /// Waits until the metagraph is as wanted; the logs say why if it never is.
    pub(super) async fn until(
        &self,
        chain: &Subtensor,
        what: &str,
        wanted: impl Fn(&Metagraph) -> bool,
    ) -> Metagraph {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(metagraph) = chain.metagraph(NETUID).await
                && wanted(&metagraph)
            {
                return metagraph;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "never: {what}\nminer: {}\nvalidator: {}",
            self.log("miner"),
            self.log("validator")
        );
    }
}

/// The binary, with nothing of this machine's configuration.
pub(crate) fn host(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null());
    command
}
