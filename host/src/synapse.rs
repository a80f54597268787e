//! Signed HTTP between neurons, both ends: [`axon`] serves, [`dendrite`] calls.
//!
//! Whatever the protocol, who somebody is is only what a signature proved, as a
//! 32-byte account. A protocol is a [`Canonicaliser`](verify::Canonicaliser):
//! it reads headers into a claim and says which bytes were signed. One
//! [`Verifier`](verify::Verifier) holds the rules for all of them: receiver,
//! freshness, signature, replay. There are [`btauth`] and the [`classic`] wire;
//! Epistula and fiber are to stand beside them.
//!
//! btauth/1 signs no answers, so between our own nodes answers carry [`twresp`]
//! signatures: nobody on the way can answer for a miner. Addresses come from a
//! chain that anyone can write to and pass [`crate::subnet::address`] first. What a status
//! means is said once, in `status`, for both ends.
//!
//! It does not encrypt or follow redirects, sends a task once, and knows nothing
//! of chain or plugins: it serves a [`Service`](crate::subnet::wire::Service) and is a
//! [`Dendrite`](crate::subnet::wire::Dendrite).

pub mod axon;
pub mod btauth;
pub mod classic;
pub mod clock;
pub mod dendrite;
pub mod replay;
pub mod twresp;
pub mod verify;

mod description;
mod head;
mod leases;
mod route;
mod status;

pub use axon::{AxonOptions, Protocol, serve};
pub use dendrite::{DendriteOptions, HttpDendrite, Outcome, Repeat, SynapseCall};
