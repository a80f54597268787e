//! An axon's limits, each with a default that suits a miner of a busy subnet.

use std::sync::Arc;
use std::time::Duration;

use crate::subnet::challenge::{PAYLOAD_BYTES_MAX, TASK_TIMEOUT_MS_MAX};

use super::super::clock::{Clock, SystemClock};
use super::super::replay::ReplayLimits;

/// What an axon grants, and to whom how much of it.
#[derive(Debug, Clone)]
pub struct AxonOptions {
    /// Open connections in all; more are closed at once. 512.
    pub connections_max: usize,
    /// Open connections of one IPv4 address or one IPv6 /64. 64.
    pub connections_per_address_max: usize,
    /// From a connection's acceptance to the end of its first head. 10 s.
    pub head_time: Duration,
    /// From an answer, its sending included, to the end of the next head. 30 s.
    pub idle_time: Duration,
    /// A head; later btauth/1 signatures have 10 KiB. 32 KiB.
    pub head_bytes_max: usize,
    /// Headers of a request. 64.
    pub headers_max: usize,
    /// A body, from head to last byte. 15 s.
    pub body_time: Duration,
    /// The body of a describe request. 64 KiB.
    pub describe_bytes_max: usize,
    /// The payload of a task. [`PAYLOAD_BYTES_MAX`].
    pub payload_bytes_max: usize,
    /// Bodies being read or worked on, in all. 64 MiB.
    pub body_bytes_in_flight_max: usize,
    /// Bodies being read or worked on, of one address. 16 MiB.
    pub body_bytes_in_flight_per_address_max: usize,
    /// A handler, from the proof to the answer. 10 s above the longest task.
    pub handler_time: Duration,
    /// Requests one hotkey may send a second, in the long run. 10.
    pub requests_per_second: u32,
    /// Requests one hotkey may send at once after a pause. 20.
    pub requests_burst: u32,
    /// Requests of one hotkey being handled. 4.
    pub pending_per_hotkey_max: usize,
    /// Requests being handled in all. 128.
    pub pending_max: usize,
    /// Nonces remembered.
    pub replay: ReplayLimits,
    /// After shutdown, how long running requests may go on. 10 s.
    pub drain_time: Duration,
    /// Nonces made before this are refused, because they may have been spent
    /// before the process started. By default when the options were made. A
    /// request from a caller whose clock was ahead (2 s at most) can be replayed
    /// within that time after a restart; who cannot have that adds 2 s.
    pub not_before_unix_ns: u64,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for AxonOptions {
    fn default() -> Self {
        let task_time = Duration::from_millis(TASK_TIMEOUT_MS_MAX.into());
        Self {
            connections_max: 512,
            connections_per_address_max: 64,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            head_bytes_max: 32 << 10,
            headers_max: 64,
            body_time: Duration::from_secs(15),
            describe_bytes_max: 64 << 10,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            body_bytes_in_flight_max: 64 << 20,
            body_bytes_in_flight_per_address_max: 16 << 20,
            handler_time: task_time + Duration::from_secs(10),
            requests_per_second: 10,
            requests_burst: 20,
            pending_per_hotkey_max: 4,
            pending_max: 128,
            replay: ReplayLimits::default(),
            drain_time: Duration::from_secs(10),
            not_before_unix_ns: SystemClock.unix_ns(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl AxonOptions {
    /// The longest a request can take from its head to its answer.
    pub fn request_time(&self) -> Duration {
        self.body_time + self.handler_time
    }
}
