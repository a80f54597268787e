//! Log lines to stderr, as text or as JSON.
//!
//! The level is the operator's for this node's own modules; libraries speak
//! from `warn` on, or from `info` at `trace`. Colours only on a terminal, and
//! not with `NO_COLOR`.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat, LogLevel};

/// Exchanges the filter; the process has one log.
static SET_FILTER: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// Starts logging, for the rest of the process; a second start changes nothing.
pub(crate) fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter(log.level)))
        .with_writer(io::stderr);
    // Tests run several commands in one process: whoever starts first has it.
    let _ = match log.format {
        LogFormat::Text => {
            let builder = builder.with_ansi(is_colourful()).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = SET_FILTER.set(Box::new(move |filter| drop(handle.reload(filter))));
            builder.try_init()
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = SET_FILTER.set(Box::new(move |filter| drop(handle.reload(filter))));
            builder.try_init()
        }
    };
}

/// Another level from now on.
pub(crate) fn set_level(level: LogLevel) {
    if let Some(set) = SET_FILTER.get() {
        set(EnvFilter::new(filter(level)));
    }
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
