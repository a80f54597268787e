//! Which chain: a name everybody knows, or endpoints of one's own.
//!
//! Where the known ones are reached, and which genesis they have, is `chain`'s.

use std::cell::RefCell;

use super::reader::Reader;

/// The names there are.
pub const NETWORK_NAMES: [&str; 4] = ["finney", "test", "archive", "local"];
/// What people call them elsewhere.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("mainnet", "finney"),
    ("main", "finney"),
    ("bittensor", "finney"),
    ("testnet", "test"),
    ("localnet", "local"),
    ("devchain", "local"),
];
/// How alike a typo and a name must be to be called the nearest (1 is equal).
const NEAREST_MIN: f64 = 0.5;
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
        let unknown = RefCell::new(None);
        let named = reader.text(
            "network",
            "",
            "finney, test, archive, local, or ws:// or wss:// URLs",
            |text| {
                let parsed = Self::parse(text);
                // The default is empty, and asked for as well.
                if parsed.is_none() && !text.is_empty() {
                    unknown.replace(nearest(text));
                }
                parsed
            },
        );
        if let (Some(name), Some(problem)) = (unknown.take(), reader.problems.last_mut()) {
            let meant = format!("; did you mean `{name}`?");
            problem.message.push_str(&meant);
        }
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

/// The name that was meant, as likely as not.
fn nearest(typo: &str) -> Option<&'static str> {
    let typo = typo.trim().to_ascii_lowercase();
    let own = NETWORK_NAMES.map(|name| (name, name));
    own.into_iter()
        .chain(OTHER_NAMES)
        .map(|(known, name)| (strsim::normalized_damerau_levenshtein(&typo, known), name))
        .filter(|(likeness, _)| *likeness >= NEAREST_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
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
    fn a_typo_is_told_the_network_that_was_meant() {
        for (typo, meant) in [
            ("finey", "finney"),
            ("Finney", "finney"),
            ("mainnet", "finney"),
            ("tset", "test"),
            ("testnet", "test"),
            ("achive", "archive"),
            ("localhost", "local"),
        ] {
            assert_eq!(nearest(typo), Some(meant), "{typo}");
        }
        assert_eq!(nearest("http://127.0.0.1:9944"), None);
    }

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
