//! Reads what a runtime answered, without a connection: for measurements, and
//! for whoever kept an answer.

use super::epoch::Schedule;
use super::link::Versions;
use super::metagraph::{API, METHOD, Raw};
use super::runtime::Runtime;
use crate::subnet::Netuid;
use crate::subnet::chain::{ChainError, Metagraph};

/// A runtime's description.
pub struct Offline(Runtime);

impl Offline {
    /// From metadata, whose version of the format is 14, 15 or 16. Takes some ten
    /// milliseconds, and may panic on metadata that is made to.
    pub fn new(metadata: &[u8], spec_version: u32) -> Result<Self, ChainError> {
        let versions = Versions {
            spec_version,
            transaction_version: 1,
        };
        Runtime::new(metadata, [0; 32], versions).map(Self)
    }

    /// What `SubnetInfoRuntimeApi_get_metagraph` answered; its epoch is derived
    /// from the block's number, since the answer has no counter.
    pub fn metagraph(&self, netuid: Netuid, answer: &[u8]) -> Result<Metagraph, ChainError> {
        let found: Option<Raw> = self.0.api_value(API, METHOD, answer)?;
        let raw = found.ok_or(ChainError::NoSuchSubnet(netuid))?;
        raw.read(netuid, Schedule::Derived)
    }
}
