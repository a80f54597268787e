//! Whose keys a node signs with, and where they may be used.
//!
//! Everybody knows the development keys, so whoever holds one on a real network
//! is robbed: they are for a development chain on this machine and nothing else.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::chain::ColdkeySource;
use crate::config::Config;
use crate::subnet::chain::Network;
use crate::subnet::key::Signer;
use crate::wallet::{Coldkey, Hotkey, Wallet};

/// A hotkey at hand, and the way to the coldkey for a registration.
pub(super) struct NodeKeys {
    pub(super) hotkey: Arc<dyn Signer>,
    pub(super) coldkey: ColdkeySource,
    development: bool,
}

/// Reads the hotkey; the coldkey is read when a slot is bought, and only then.
pub(super) fn load(config: &Config) -> anyhow::Result<NodeKeys> {
    let wallet = &config.wallet;
    if wallet.name.starts_with("//") {
        return development(config);
    }
    let (root, name) = (wallet.path.clone(), wallet.name.clone());
    let hotkey = Wallet::new(&root, &name)?.load_hotkey(&wallet.hotkey)?;
    let coldkey: ColdkeySource = Arc::new(move || {
        let coldkey = Wallet::new(&root, &name).and_then(|wallet| wallet.load_coldkey());
        coldkey.map(|coldkey| Arc::new(coldkey) as _).map_err(|error| error.to_string())
    });
    Ok(NodeKeys { hotkey: Arc::new(hotkey), coldkey, development: false })
}

/// `//Alice` is both keys; another hotkey can be named beside it.
fn development(config: &Config) -> anyhow::Result<NodeKeys> {
    let wallet = &config.wallet;
    if let Some(elsewhere) = config.network.endpoints.iter().find(|url| !is_loopback(url)) {
        bail!(
            "{} is a key that everybody knows and {elsewhere} is not on this machine; \
             use a wallet of your own, or `host devchain` on this machine",
            wallet.name
        );
    }
    let hotkey = if wallet.hotkey.starts_with("//") { &wallet.hotkey } else { &wallet.name };
    let owner = wallet.name.clone();
    Ok(NodeKeys {
        hotkey: Arc::new(Hotkey::development(hotkey)?),
        coldkey: Arc::new(move || {
            let coldkey = Coldkey::development(&owner).map_err(|error| error.to_string())?;
            Ok(Arc::new(coldkey))
        }),
        development: true,
    })
}

fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl NodeKeys {
    /// Refuses a development key on anything but a development chain.
    pub(super) fn check(&self, network: &Network) -> anyhow::Result<()> {
        if self.development && !network.development {
            let context = "a development key is for a development chain only, and this chain is called";
            return Err(anyhow::anyhow!("{}", crate::subnet::text::escape(&network.name))).context(context);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["ws://127.0.0.1:9944", "ws://localhost", "wss://[::1]:1/x"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["ws://127.0.0.1.example.org", "ws://localhost@example.org", "ws://10.0.0.1", "127.0.0.1"] {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
