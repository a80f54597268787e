//! All that an adapter reaches: HTTP through the host, time, randomness, the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bindings::compute::subnet::{http, log};
use crate::{HttpError, Level, Request, Response};

/// The world outside an adapter. [`Host`] is the real one.
pub trait Outside {
    /// Sends one request and waits; redirects are not followed.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;
    /// Unix seconds.
    fn now_s(&self) -> u64;
    /// Bytes that nobody can guess.
    fn random(&self) -> Result<[u8; 32], String>;
    /// Waits; for providers that count requests by the second.
    fn pause(&self, pause_ms: u64);
    /// A line in the node's log.
    fn log(&self, level: Level, line: &str);
}

/// What the node lets this component reach.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl Outside for Host {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        http::send(request)
    }

    fn now_s(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    fn random(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        match getrandom::fill(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(format!("no randomness: {error}")),
        }
    }

    fn pause(&self, pause_ms: u64) {
        std::thread::sleep(Duration::from_millis(pause_ms));
    }

    fn log(&self, level: Level, line: &str) {
        log::write(level, line);
    }
}
