//! Signed HTTP between neurons: recorded requests, both ends together, and
//! peers that mean ill.

mod a_day;
mod classic_callers;
mod classic_peers;
mod classic_requests;
mod classic_vectors;
mod floods;
mod hostile_callers;
mod hostile_miners;
mod loopback;
mod python_dendrite;
mod python_peers;
mod signed_answers;
pub(crate) mod support;
mod synapses;
mod vectors;
