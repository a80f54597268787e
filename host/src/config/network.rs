//! Which chain: a name everybody knows, or endpoints of one's own.

use super::reader::Reader;

/// Endpoints of one network, at most.
const ENDPOINTS_MAX: usize = 16;

/// A chain and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// `finney`, `test`, `archive`, `local`, or `custom` for given endpoints.
    pub name: String,
    /// In the order they are tried; `ws://` or `wss://`, at least one.
    pub endpoints: Vec<String>,
}

impl Network {
    /// Reads `network`, and `chain-endpoint`, which wins.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let named = reader.text(
            "network",
            "",
            "finney, test, archive, local or a ws:// or wss:// URL",
            |text| Self::parse(&text.split(',').map(str::trim).collect::<Vec<_>>()),
        );
        let endpoints = reader.texts("chain-endpoint", "a list of ws:// or wss:// URLs", |text| {
            is_url(text).then(|| text.to_owned())
        });
        if endpoints.is_empty() || endpoints.len() > ENDPOINTS_MAX {
            return named;
        }
        Some(Self {
            name: named.map_or_else(|| "custom".to_owned(), |network| network.name),
            endpoints,
        })
    }

    /// From a name, or from URLs.
    pub fn parse(parts: &[&str]) -> Option<Self> {
        let known = match parts {
            ["finney"] => "wss://entrypoint-finney.opentensor.ai:443",
            ["test"] => "wss://test.finney.opentensor.ai:443",
            ["archive"] => "wss://archive.chain.opentensor.ai:443",
            ["local"] => "ws://127.0.0.1:9944",
            urls if !urls.is_empty()
                && urls.len() <= ENDPOINTS_MAX
                && urls.iter().all(|url| is_url(url)) =>
            {
                return Some(Self {
                    name: "custom".to_owned(),
                    endpoints: urls.iter().map(|url| (*url).to_owned()).collect(),
                });
            }
            _ => return None,
        };
        Some(Self {
            name: parts[0].to_owned(),
            endpoints: vec![known.to_owned()],
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
        assert_eq!(
            Network::parse(&["local"]).unwrap().endpoints,
            ["ws://127.0.0.1:9944"]
        );
        assert_eq!(
            Network::parse(&["ws://a", "wss://b:1"]).unwrap().name,
            "custom"
        );
        for wrong in ["fineny", "http://a", "ws://", "ws:///x", "ws://a b", ""] {
            assert_eq!(Network::parse(&[wrong]), None, "{wrong}");
        }
    }
}
