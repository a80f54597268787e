//! A guest's lines in the node's log: tagged, escaped and counted.
//!
//! What a guest prints arrives in pieces and is cut into lines here; what it
//! writes through the `log` interface is a line already. Both draw on one
//! budget for a call. Past it the call ends as a log flood.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::subnet::plugin::PluginError;
use crate::subnet::text::escape;

/// What a line costs beside its text: an empty line is not free.
const LINE_BYTES: usize = 32;
/// The longest piece of print that is held back for its end of line.
const PARTIAL_BYTES_MAX: usize = 1 << 10;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// The log of one store.
#[derive(Clone)]
pub(super) struct GuestLog {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    plugin: Arc<str>,
    left_bytes: usize,
    max_bytes: usize,
    partial: Vec<u8>,
    last_printed: Option<String>,
}

impl GuestLog {
    pub(super) fn new(plugin: Arc<str>, max_bytes: usize) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                plugin,
                left_bytes: max_bytes,
                max_bytes,
                partial: Vec::new(),
                last_printed: None,
            })),
        }
    }

    /// Gives a session's next call a budget of its own.
    pub(super) fn refill(&self) {
        let mut inner = self.lock();
        inner.left_bytes = inner.max_bytes;
        inner.last_printed = None;
    }

    /// Of the present call's budget.
    pub(super) fn spent_bytes(&self) -> u64 {
        let inner = self.lock();
        inner.max_bytes.saturating_sub(inner.left_bytes) as u64
    }

    /// A whole line, from the `log` interface.
    pub(super) fn write(&self, level: Level, message: &str) -> Result<(), PluginError> {
        let mut inner = self.lock();
        inner.spend(message.len() + LINE_BYTES)?;
        emit(&inner.plugin, level, message);
        Ok(())
    }

    /// A piece of what was printed to standard output or error.
    pub(super) fn print(&self, bytes: &[u8]) -> Result<(), PluginError> {
        let mut inner = self.lock();
        inner.spend(bytes.len())?;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            inner.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || inner.partial.len() > PARTIAL_BYTES_MAX {
                inner.spend(LINE_BYTES)?;
                inner.flush();
            }
        }
        Ok(())
    }

    /// What was printed last, a panic's message for instance, escaped.
    pub(super) fn last_printed(&self) -> Option<String> {
        let mut inner = self.lock();
        inner.flush();
        inner.last_printed.take()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn spend(&mut self, bytes: usize) -> Result<(), PluginError> {
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => self.left_bytes = left,
            None => return Err(PluginError::LogFlood(self.max_bytes as u64)),
        }
        Ok(())
    }

    fn flush(&mut self) {
        let line = String::from_utf8_lossy(&self.partial);
        let line = line.trim_end();
        if !line.is_empty() {
            emit(&self.plugin, Level::Info, line);
            self.last_printed = Some(escape(line));
        }
        self.partial.clear();
    }
}

fn emit(plugin: &str, level: Level, message: &str) {
    let message = escape(message);
    match level {
        Level::Error => tracing::error!(target: "plugin", plugin, "{message}"),
        Level::Warn => tracing::warn!(target: "plugin", plugin, "{message}"),
        Level::Info => tracing::info!(target: "plugin", plugin, "{message}"),
        Level::Debug => tracing::debug!(target: "plugin", plugin, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn empty_lines_run_out_too() {
        let log = GuestLog::new("p".into(), 3 * LINE_BYTES);
        for _ in 0..3 {
            log.write(Level::Info, "").unwrap();
        }
        assert_eq!(log.write(Level::Info, ""), Err(PluginError::LogFlood(96)));
        log.refill();
        log.write(Level::Info, "").unwrap();
    }

    #[test]
    fn the_last_line_printed_is_kept_escaped_even_without_its_end() {
        let log = GuestLog::new("p".into(), 1 << 10);
        log.print(b"first\npanicked at \x1b[2J").unwrap();
        assert_eq!(log.last_printed().unwrap(), "panicked at \\u{1b}[2J");
    }

    #[test]
    fn print_counts_against_the_same_budget() {
        let log = GuestLog::new("p".into(), 100);
        assert_eq!(log.print(&[b'x'; 101]), Err(PluginError::LogFlood(100)));
    }
}
