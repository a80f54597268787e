//! From a configuration to a chain and the keys to act on it.
//!
//! A development key is one that everybody has. It is accepted on loopback
//! alone, and before anything is signed with it the chain must name itself a
//! development chain.

use std::sync::Arc;

use anyhow::bail;

use crate::chain::{self, ColdkeySource, Keys, Subtensor, networks};
use crate::config;
use crate::subnet::chain::{Chain, ChainError};
use crate::subnet::events::Observer;
use crate::subnet::key::{AccountId, Signer};
use crate::wallet::{Coldkey, Hotkey, Passwords, Wallet, WalletError, Which};

use super::exit::Usage;

/// The network's endpoints and the genesis it must have.
pub(crate) fn chain_options(network: &config::Network) -> Result<chain::Options, ChainError> {
    let known = match &network.name {
        Some(name) => networks::endpoints(name)?,
        None => networks::Endpoints {
            urls: Vec::new(),
            genesis: None,
        },
    };
    let own = !network.endpoints.is_empty();
    Ok(chain::Options {
        endpoints: if own {
            network.endpoints.clone()
        } else {
            known.urls
        },
        expected_genesis: known.genesis,
        ..chain::Options::default()
    })
}

/// A wallet with its hotkey opened.
pub(crate) type Opened<'a> = (&'a config::Wallet, Arc<dyn Signer>);

/// A chain that signs with the wallet's keys, or with none. Must be called
/// within a tokio runtime. [`allow`] must have agreed before anything is signed.
pub(crate) fn connect(
    network: &config::Network,
    wallet: Option<Opened<'_>>,
    observer: Arc<dyn Observer>,
) -> anyhow::Result<Subtensor> {
    let options = chain_options(network)?;
    let keys = match wallet {
        None => Keys::default(),
        Some((wallet, hotkey)) => {
            if is_development(wallet) && !options.endpoints.iter().all(|url| is_loopback(url)) {
                bail!(Usage(format!(
                    "everybody has the key {}: it is accepted on this machine's own chain only, such as `--subtensor.network local`",
                    crate::subnet::text::escape(&wallet.name)
                )));
            }
            Keys {
                hotkey: Some(hotkey),
                coldkey: Some(coldkey(wallet)),
            }
        }
    };
    Ok(chain::connect(options, keys, observer)?)
}

/// Refuses a development key on a chain that is not a development chain.
pub(crate) async fn allow(wallet: &config::Wallet, chain: &dyn Chain) -> anyhow::Result<()> {
    if is_development(wallet) && !chain.network().await?.development {
        bail!(Usage(
            "everybody has this key, and the chain is not a development chain: use a wallet of your own".into()
        ));
    }
    Ok(())
}

/// The hotkey: `wallet.hotkey` or else `wallet.name` if that is a development key.
///
/// Opened once and kept for the node's life. An encrypted one takes seconds, and a
/// password that may be asked for, so it waits on a thread of its own.
pub(crate) async fn hotkey(wallet: &config::Wallet) -> anyhow::Result<Arc<dyn Signer>> {
    let wallet = wallet.clone();
    Ok(tokio::task::spawn_blocking(move || open_hotkey(&wallet)).await??)
}

/// The hotkey's address: from the public half where it lies beside the key, so
/// that a command which only names the hotkey needs no password.
pub(crate) async fn account(wallet: &config::Wallet) -> anyhow::Result<AccountId> {
    if !is_development(wallet) {
        let folder = Wallet::new(&wallet.path, &wallet.name)?;
        if let Some((account, _)) = folder.public(Which::Hotkey(&wallet.hotkey))? {
            return Ok(account);
        }
    }
    Ok(hotkey(wallet).await?.account())
}

fn open_hotkey(wallet: &config::Wallet) -> Result<Arc<dyn Signer>, WalletError> {
    let key = if wallet.hotkey.starts_with("//") {
        Hotkey::development(&wallet.hotkey)?
    } else if wallet.name.starts_with("//") {
        Hotkey::development(&wallet.name)?
    } else {
        let folder = Wallet::new(&wallet.path, &wallet.name)?;
        folder.load_hotkey(&wallet.hotkey, &Passwords::of_process())?
    };
    Ok(Arc::new(key))
}

/// Reads the coldkey when it is asked for, and not before; the chain asks on a
/// thread that may wait, signs one call and drops it.
pub(crate) fn coldkey(wallet: &config::Wallet) -> ColdkeySource {
    let wallet = wallet.clone();
    Arc::new(move || {
        let key = if wallet.name.starts_with("//") {
            Coldkey::development(&wallet.name)
        } else {
            Wallet::new(&wallet.path, &wallet.name)
                .and_then(|wallet| wallet.load_coldkey(&Passwords::of_process()))
        };
        key.map(|key| Arc::new(key) as Arc<dyn Signer>)
            .map_err(|error| error.to_string())
    })
}

fn is_development(wallet: &config::Wallet) -> bool {
    wallet.name.starts_with("//") || wallet.hotkey.starts_with("//")
}

fn is_loopback(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map_or("", |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or("");
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for url in ["ws://127.0.0.1:9944", "ws://localhost", "wss://[::1]:1/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "ws://127.0.0.1.example.com:1",
            "ws://127.0.0.1@example.com",
            "ws://localhost.example.com",
            "ws://10.0.0.1:1",
            "ws://",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_key_that_everybody_has_never_leaves_this_machine() {
        let network = config::Network {
            name: Some("finney".into()),
            endpoints: Vec::new(),
        };
        let wallet = config::Wallet {
            name: "//Alice".into(),
            hotkey: "default".into(),
            path: "/nowhere".into(),
        };
        let hotkey = hotkey(&wallet).await.expect("//Alice is a key");
        let observer = Arc::new(crate::subnet::events::Unobserved);
        let refused = connect(&network, Some((&wallet, hotkey)), observer);
        assert!(refused.is_err_and(|error| error.to_string().contains("everybody has the key")));
    }
}
