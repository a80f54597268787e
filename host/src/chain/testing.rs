//! Both runtimes, for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use super::link::Versions;
use super::runtime::Runtime;

/// Mainnet's metadata of April 2026.
pub(super) const SPEC_393: &[u8] = include_bytes!("../../tests/data/metadata/spec393_v16.scale");
/// A local chain's of October 2026: newtypes for netuid and balances.
pub(super) const SPEC_461: &[u8] = include_bytes!("../../tests/data/metadata/spec461_v15.scale");

pub(super) fn spec393() -> Runtime {
    runtime(SPEC_393, [0; 32], 393)
}

pub(super) fn spec461(genesis: [u8; 32]) -> Runtime {
    runtime(SPEC_461, genesis, 461)
}

pub(super) fn shared461() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| spec461([0; 32]))
}

fn runtime(metadata: &[u8], genesis: [u8; 32], spec_version: u32) -> Runtime {
    let versions = Versions {
        spec_version,
        transaction_version: 1,
    };
    Runtime::new(metadata, genesis, versions).unwrap()
}
