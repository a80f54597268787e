//! Signed HTTP between neurons: recorded requests, both ends together, and
//! peers that mean ill.

mod classic_peers;
mod hostile_callers;
mod hostile_miners;
mod loopback;
mod python_peers;
mod signed_answers;
mod support;
mod vectors;
