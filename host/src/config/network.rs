//! Which chain: a name everybody knows, or endpoints of one's own.
//!
//! Where the known ones are reached, and which genesis they have, is `chain`'s.

use super::reader::Reader;

/// The names there are.
pub const NETWORK_NAMES: [&str; 4] = ["finney", "test", "archive", "local"];
/// Endpoints of one network, at most.
const ENDPOINTS_MAX: usize = 16;

/// A chain and how to reach it; never both absent and empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// One of [`NETWORK_NAMES`], if it is one of those.
    pub name: Option<String>,
    /// In the order they are tried, `ws://` or `wss://`; empty for a known
    /// network's own.
    pub endpoints: Vec<String>,
}

impl Network {
    /// Reads `network`, and `chain-endpoint`, which says where to reach it.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let named = reader.text(
            "network",
            "",
            "finney, test, archive, local, or ws:// or wss:// URLs",
            Self::parse,
        );
        let url = |text: &str| is_url(text).then(|| text.to_owned());
        let endpoints = reader.texts("chain-endpoint", "a list of ws:// or wss:// URLs", url);
        if endpoints.is_empty() {
            return named;
        }
        Some(Self {
            name: named.and_then(|network| network.name),
            endpoints: endpoints.into_iter().take(ENDPOINTS_MAX).collect(),
        })
    }

    /// From a name, or from URLs with commas between them.
    pub fn parse(text: &str) -> Option<Self> {
        if NETWORK_NAMES.contains(&text) {
            return Some(Self {
                name: Some(text.to_owned()),
                endpoints: Vec::new(),
            });
        }
        let endpoints: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
        let usable = endpoints.len() <= ENDPOINTS_MAX && endpoints.iter().all(|url| is_url(url));
        usable.then_some(Self {
            name: None,
            endpoints,
        })
    }
}

/// A WebSocket URL with a host in it.
fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("wss://")
        .or_else(|| text.strip_prefix("ws://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_is_a_known_name_or_urls() {
        assert_eq!(Network::parse("local").unwrap().name.unwrap(), "local");
        let own = Network::parse("ws://a, wss://b:1").unwrap();
        assert_eq!(own.endpoints, ["ws://a", "wss://b:1"]);
        for wrong in ["fineny", "http://a", "ws://", "ws:///x", "ws://a b", ""] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
