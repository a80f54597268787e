//! The networks everybody knows, by name and by genesis.

use crate::subnet::chain::{ChainError, Network};

/// Mainnet's block zero.
pub const FINNEY_GENESIS: [u8; 32] = [
    0x2f, 0x05, 0x55, 0xcc, 0x76, 0xfc, 0x28, 0x40, 0xa2, 0x5a, 0x6e, 0xa3, 0xb9, 0x63, 0x71, 0x46,
    0x80, 0x6f, 0x1f, 0x44, 0xb0, 0x90, 0xc1, 0x75, 0xff, 0xde, 0x2a, 0x7e, 0x5a, 0xb3, 0x6c, 0x03,
];
/// Block zero of the public test network.
pub const TEST_GENESIS: [u8; 32] = [
    0x8f, 0x9c, 0xf8, 0x56, 0xbf, 0x55, 0x8a, 0x14, 0x44, 0x0e, 0x75, 0x56, 0x9c, 0x9e, 0x58, 0x59,
    0x47, 0x57, 0x04, 0x8d, 0x7b, 0x3a, 0x84, 0xb5, 0xd2, 0x5f, 0x6b, 0xd9, 0x78, 0x26, 0x31, 0x05,
];

/// A network with a name.
struct Known {
    name: &'static str,
    endpoints: &'static [&'static str],
    genesis: Option<[u8; 32]>,
}

const KNOWN: [Known; 4] = [
    Known {
        name: "finney",
        endpoints: &[
            "wss://entrypoint-finney.opentensor.ai:443",
            "wss://lite.chain.opentensor.ai:443",
        ],
        genesis: Some(FINNEY_GENESIS),
    },
    Known {
        name: "archive",
        endpoints: &["wss://archive.chain.opentensor.ai:443"],
        genesis: Some(FINNEY_GENESIS),
    },
    Known {
        name: "test",
        endpoints: &["wss://test.finney.opentensor.ai:443"],
        genesis: Some(TEST_GENESIS),
    },
    Known {
        name: "local",
        endpoints: &["ws://127.0.0.1:9944"],
        genesis: None,
    },
];

/// Where a network is reached, and which block zero it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// WebSocket addresses, in the order they are tried.
    pub urls: Vec<String>,
    /// Known for the public networks.
    pub genesis: Option<[u8; 32]>,
}

/// `finney`, `archive`, `test`, `local`, or a `ws://` or `wss://` address.
pub fn endpoints(network: &str) -> Result<Endpoints, ChainError> {
    if let Some(known) = KNOWN.iter().find(|known| known.name == network) {
        return Ok(Endpoints {
            urls: known.endpoints.iter().map(|&url| url.to_owned()).collect(),
            genesis: known.genesis,
        });
    }
    if is_websocket(network) {
        return Ok(Endpoints {
            urls: vec![network.to_owned()],
            genesis: None,
        });
    }
    Err(ChainError::WrongNetwork(format!(
        "{:?} is none of finney, archive, test, local, and no ws:// or wss:// address",
        crate::subnet::text::escape(network)
    )))
}

pub(super) fn is_websocket(url: &str) -> bool {
    ["ws://", "wss://"]
        .iter()
        .filter_map(|scheme| url.strip_prefix(scheme))
        .any(|rest| !rest.is_empty())
}

/// A development chain says so itself, and a public network cannot be one
/// whatever it says: well-known keys are accepted on such chains.
pub(super) fn judge(genesis: [u8; 32], name: String, spec_version: u32) -> Network {
    let public = KNOWN.iter().any(|known| known.genesis == Some(genesis));
    let development = !public && name.to_ascii_lowercase().contains("development");
    Network {
        genesis,
        name,
        spec_version,
        development,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_addresses_lead_to_endpoints() {
        assert_eq!(endpoints("finney").unwrap().genesis, Some(FINNEY_GENESIS));
        assert_eq!(endpoints("local").unwrap().urls, ["ws://127.0.0.1:9944"]);
        assert_eq!(endpoints("ws://[::1]:1").unwrap().urls, ["ws://[::1]:1"]);
        for wrong in ["", "finey", "http://x", "ws://", "wss:/x"] {
            assert!(endpoints(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_network_is_no_development_chain_whatever_it_says() {
        assert!(judge([1; 32], "Development".to_owned(), 1).development);
        assert!(!judge([1; 32], "Bittensor".to_owned(), 1).development);
        assert!(!judge(FINNEY_GENESIS, "Development".to_owned(), 1).development);
        assert!(!judge(TEST_GENESIS, "Development".to_owned(), 1).development);
    }
}
