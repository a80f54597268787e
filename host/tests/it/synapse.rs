//! Signed HTTP between neurons: recorded requests, both ends together, and
//! peers that mean ill.

mod hostile_callers;
mod hostile_miners;
mod loopback;
mod signed_answers;
mod support;
mod vectors;
