//! How far long work is: one line on stderr that is written over, on a terminal
//! only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two updates.
const EVERY: Duration = Duration::from_millis(100);

/// Counts steps towards a known end.
pub(super) struct Progress {
    verb: &'static str,
    done: usize,
    all: usize,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// `all` steps to come, each of them `verb`.
    pub(super) fn new(verb: &'static str, all: usize) -> Self {
        Self {
            verb,
            done: 0,
            all,
            shown: None,
            terminal: io::stderr().is_terminal(),
        }
    }

    /// One more.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            let _ = write!(
                io::stderr(),
                "\r{} {} of {}",
                self.verb,
                self.done,
                self.all
            );
        }
    }

    /// Clears the line.
    pub(super) fn done(self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
