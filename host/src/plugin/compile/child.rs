//! The parent's half: starts a child, feeds it, and waits no longer than it said.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::worker::{CODE, REFUSAL};
use super::{Artifact, Class, Compiler, Failure};
use crate::plugin::limits::CompileLimits;
use crate::subnet::text::escape;

/// The subcommand of this binary that is a child's whole life.
const SUBCOMMAND: &str = "compile-plugin";
/// Children at once; the next waits.
const CHILDREN_MAX: usize = 2;
/// A signal's number: past the limit of processor time.
const SIGXCPU: i32 = 24;
/// The compiler's words that are kept.
const WORDS_BYTES_MAX: usize = 4 << 10;

/// Which program is started as a compiler: one whose `main` is this crate's.
#[derive(Debug, Clone)]
pub struct Child {
    program: PathBuf,
    /// Before those of the job.
    arguments: Vec<String>,
    running: Arc<Running>,
}

/// How many there are.
#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

impl Child {
    /// This very binary, also after its file was replaced by a newer one.
    pub fn of_this_binary() -> io::Result<Self> {
        if cfg!(target_os = "linux") {
            return Ok(Self::of(Path::new("/proc/self/exe")));
        }
        Ok(Self::of(&std::env::current_exe()?))
    }

    /// Another program. What it answers is run as native code: name one that
    /// was built from this crate, as this one was.
    pub fn of(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            running: Arc::default(),
        }
    }
}

/// A compiler in a child, under limits.
pub(in crate::plugin) struct Bounded {
    pub(in crate::plugin) child: Child,
    pub(in crate::plugin) component_bytes_max: usize,
    pub(in crate::plugin) limits: CompileLimits,
}

impl Compiler for Bounded {
    fn compile(&self, class: Class, component: &[u8]) -> Result<Artifact, Failure> {
        let _place = self.child.running.enter();
        let child = self.start(class).map_err(unavailable)?;
        let (answer, status) = self.converse(child, component)?;
        self.read(answer, status)
    }
}

impl Bounded {
    fn start(&self, class: Class) -> io::Result<process::Child> {
        Command::new(&self.child.program)
            .args(&self.child.arguments)
            .arg(SUBCOMMAND)
            .arg(class.as_str())
            .arg(self.component_bytes_max.to_string())
            .arg(self.limits.memory_bytes_max.to_string())
            .arg(self.limits.cpu_s_max.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// All it says before it ends or the deadline passes. It never outlives this.
    fn converse(
        &self,
        mut child: process::Child,
        component: &[u8],
    ) -> Result<(Vec<u8>, ExitStatus), Failure> {
        let deadline = Duration::from_millis(self.limits.wall_ms_max);
        let max = self.limits.artifact_bytes_max;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let fed = thread::Builder::new().spawn_scoped(scope, move || feed(input, component));
            let heard = thread::Builder::new().spawn_scoped(scope, move || {
                // Nobody listens any more: the deadline has passed.
                let _ = tell.send(hear(output, max));
            });
            let answer = match fed.and(heard) {
                Ok(_) => told
                    .recv_timeout(deadline)
                    .map_err(|_| Failure::TooSlow(deadline)),
                Err(error) => Err(unavailable(error)),
            };
            // A child that has answered has nothing more to do.
            let status = match &answer {
                Ok(Ok(bytes)) if bytes.len() <= max => child.wait(),
                _ => child.kill().and_then(|()| child.wait()),
            };
            let answer = answer?.map_err(unavailable)?;
            Ok((answer, status.map_err(unavailable)?))
        })
    }

    fn read(&self, mut answer: Vec<u8>, status: ExitStatus) -> Result<Artifact, Failure> {
        let max = self.limits.artifact_bytes_max;
        if answer.len() > max {
            return Err(Failure::TooLarge(max));
        }
        if status.signal() == Some(SIGXCPU) {
            let limit = Duration::from_secs(self.limits.cpu_s_max);
            return Err(Failure::TooSlow(limit));
        }
        // Whatever it wrote, it must have come to its own end.
        if !status.success() || answer.is_empty() {
            return Err(Failure::Died(status.to_string()));
        }
        match answer.remove(0) {
            CODE => Ok(Artifact::authenticated(answer)),
            REFUSAL => {
                answer.truncate(WORDS_BYTES_MAX);
                Err(Failure::Invalid(escape(&String::from_utf8_lossy(&answer))))
            }
            _ => Err(Failure::Died("it answered something else".into())),
        }
    }
}

/// A child that refuses to read has its own reason, and says it or dies.
fn feed(input: Option<process::ChildStdin>, component: &[u8]) {
    if let Some(mut input) = input {
        let _ = input.write_all(component);
    }
}

fn hear(output: Option<process::ChildStdout>, max: usize) -> io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    if let Some(output) = output {
        output.take(max as u64 + 1).read_to_end(&mut heard)?;
    }
    Ok(heard)
}

fn unavailable(error: io::Error) -> Failure {
    Failure::Unavailable(error.to_string())
}

/// A place among those that run; given back when dropped.
struct Place<'a>(&'a Running);

impl Running {
    fn enter(&self) -> Place<'_> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count >= CHILDREN_MAX {
            count = self
                .ended
                .wait(count)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *count += 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        drop(count);
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// A compiler that is a shell script.
    fn script(text: &str) -> Bounded {
        let mut child = Child::of(Path::new("/bin/sh"));
        child.arguments = vec!["-c".into(), text.into()];
        Bounded {
            child,
            component_bytes_max: 1 << 20,
            limits: CompileLimits {
                wall_ms_max: 300,
                artifact_bytes_max: 64,
                ..CompileLimits::default()
            },
        }
    }

    fn failure(text: &str) -> Failure {
        match script(text).compile(Class::Effectful, &[0; 1 << 20]) {
            Ok(_) => panic!("`{text}` compiled"),
            Err(failure) => failure,
        }
    }

    #[test]
    fn a_compiler_that_is_killed_is_a_typed_failure() {
        assert!(matches!(failure("kill -9 $$"), Failure::Died(how) if how.contains("9")));
        assert!(matches!(failure("exit 0"), Failure::Died(_)));
        assert!(matches!(failure("printf C; exit 7"), Failure::Died(_)));
    }

    #[test]
    fn a_compiler_that_takes_too_long_is_killed() {
        let limit = Duration::from_millis(300);
        assert_eq!(failure("exec /bin/sleep 600"), Failure::TooSlow(limit));
        assert!(matches!(failure("kill -XCPU $$"), Failure::TooSlow(_)));
    }

    #[test]
    fn a_flood_is_cut_off() {
        assert_eq!(
            failure("exec /usr/bin/head -c 9999999 /dev/zero"),
            Failure::TooLarge(64)
        );
    }

    #[test]
    fn what_it_refuses_is_told_in_its_words_escaped() {
        assert_eq!(
            failure("/bin/cat >/dev/null; printf 'Rno \\033 good'"),
            Failure::Invalid("no \\u{1b} good".into())
        );
    }

    #[test]
    fn a_compiler_that_is_not_there_is_a_typed_failure() {
        let mut compiler = script("");
        compiler.child = Child::of(Path::new("/nowhere/compiler"));
        let compiled = compiler.compile(Class::Effectful, b"");
        assert!(matches!(compiled, Err(Failure::Unavailable(_))));
    }
}
