//! An axon's limits, each with a default that suits a miner of a busy subnet.

use std::sync::Arc;
use std::time::Duration;

use crate::subnet::challenge::{PAYLOAD_BYTES_MAX, TASK_TIMEOUT_MS_MAX};

use super::super::clock::{Clock, SystemClock};
use super::super::replay::ReplayLimits;

/// A protocol that an axon may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// btauth/1 of bittensor 11, with the subnet's own messages.
    Btauth,
    /// The classic wire of bittensor 6 to 10, with synapses.
    Classic,
}

impl Protocol {
    /// All there are, in the order they are tried.
    pub const ALL: [Self; 2] = [Self::Btauth, Self::Classic];
}

/// What an axon grants, and to whom how much of it.
#[derive(Debug, Clone)]
pub struct AxonOptions {
    /// What is spoken; a request that speaks none of these is refused by the
    /// first that expects its path. [`Protocol::ALL`].
    pub protocols: Vec<Protocol>,
    /// Open connections in all; for one more the oldest that has proved nothing is
    /// closed, or the new one where there is none. 512.
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
    /// The body of an order, or of what an operator asks for. 16 KiB.
    pub rent_bytes_max: usize,
    /// The body of a synapse. 1 MiB.
    pub synapse_bytes_max: usize,
    /// All chunks of a streamed answer. 64 MiB.
    pub stream_bytes_max: usize,
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
    /// Requests of one hotkey being handled or waiting for that. 4.
    pub pending_per_hotkey_max: usize,
    /// Requests being handled in all. 128.
    pub pending_max: usize,
    /// Requests waiting until one of those is done; who has most at stake goes
    /// first. 128.
    pub waiting_max: usize,
    /// How long one waits. 5 s.
    pub waiting_time: Duration,
    /// Nonces remembered.
    pub replay: ReplayLimits,
    /// After shutdown, how long running requests may go on. 10 s.
    pub drain_time: Duration,
    /// When the process started; by default when the options were made. What may
    /// have been spent before, that is whatever was made less than a protocol's
    /// window ahead after this, is refused: for 2 (btauth/1) or 4 s (classic)
    /// after a start honest callers are told to try again.
    pub started_unix_ns: u64,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for AxonOptions {
    fn default() -> Self {
        let task_time = Duration::from_millis(TASK_TIMEOUT_MS_MAX.into());
        Self {
            protocols: Protocol::ALL.to_vec(),
            connections_max: 512,
            connections_per_address_max: 64,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            head_bytes_max: 32 << 10,
            headers_max: 64,
            body_time: Duration::from_secs(15),
            describe_bytes_max: 64 << 10,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            rent_bytes_max: 16 << 10,
            synapse_bytes_max: 1 << 20,
            stream_bytes_max: 64 << 20,
            body_bytes_in_flight_max: 64 << 20,
            body_bytes_in_flight_per_address_max: 16 << 20,
            handler_time: task_time + Duration::from_secs(10),
            requests_per_second: 10,
            requests_burst: 20,
            pending_per_hotkey_max: 4,
            pending_max: 128,
            waiting_max: 128,
            waiting_time: Duration::from_secs(5),
            replay: ReplayLimits::default(),
            drain_time: Duration::from_secs(10),
            started_unix_ns: SystemClock.unix_ns(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl AxonOptions {
    /// The longest a request can take from its head to its answer.
    pub fn request_time(&self) -> Duration {
        self.body_time + self.waiting_time + self.handler_time
    }
}
