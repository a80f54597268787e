//! Log lines to stderr, as text or as JSON.
//!
//! The level is the operator's for this node's own modules; libraries speak
//! from `warn` on, or from `info` at `trace`. Colours only on a terminal, and
//! not with `NO_COLOR`.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging, for the rest of the process; a second start changes nothing.
pub(crate) fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter(log.level)))
        .with_writer(io::stderr);
    // Tests run several commands in one process: whoever starts first has it.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(is_colourful()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,host=info",
        LogLevel::Debug => "warn,host=debug",
        LogLevel::Trace => "info,host=trace",
    }
}

fn is_colourful() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
