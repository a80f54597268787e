//! Floor 0: the subnet's words and rules.
//!
//! Everything above speaks in these types. There is no I/O here, no clock and
//! no third-party protocol: what a chain, a peer, a plugin or a database can do
//! for a node is a trait, and the concrete things are put together in one
//! place, `cli/run.rs`. The words are those of the contract in `wit/`; each
//! generation of its bindings is converted upwards to these, once.

pub mod accelerator;
pub mod address;
pub mod chain;
pub mod challenge;
pub mod commit;
pub mod difference;
pub mod events;
pub mod evidence;
pub mod grant;
pub mod guard;
pub mod hardware;
pub mod key;
pub mod letting;
pub mod octets;
pub mod outbound;
pub mod plugin;
pub mod probe;
pub mod provider;
pub mod purse;
pub mod rental;
pub mod scoring;
pub mod shares;
pub mod ssh_key;
pub mod synapse;
pub mod text;
pub mod timelock;
pub mod trust;
pub mod weights;
pub mod wire;
pub mod workload;

/// A neuron's slot in the subnet.
pub type Uid = u16;
/// A subnet's number.
pub type Netuid = u16;
/// A block height of the subtensor chain.
pub type BlockNumber = u64;
