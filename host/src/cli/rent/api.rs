//! A validator's operator API, asked in the renter's name.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::arguments::WalletArgs;
use crate::cli::exit::{NoAnswer, Usage};
use crate::cli::{World, keys};
use crate::subnet::address::AddressPolicy;
use crate::subnet::key::AccountId;
use crate::subnet::rental::RentError;
use crate::subnet::text::escape;
use crate::subnet::wire::{Peer, PeerError, RentFailure};
use crate::synapse::{DendriteOptions, HttpDendrite};

/// For one answer: the validator may ask several miners meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(240);
/// For a name to become an address.
const RESOLVE_TIME: Duration = Duration::from_secs(10);

/// Which validator, and who asks it.
#[derive(Debug, Args)]
pub(super) struct ApiArgs {
    /// Where the validator's operator API listens: 203.0.113.7:9292, or http://NAME:9292
    #[arg(long = "api", value_name = "URL")]
    url: String,
    /// The validator's hotkey: what another signed is no answer
    #[arg(long, value_name = "SS58")]
    validator: AccountId,
    #[command(flatten)]
    pub(super) wallet: WalletArgs,
}

/// A validator that can be asked.
pub(super) struct Api {
    dendrite: HttpDendrite,
    peer: Peer,
    url: String,
}

impl Api {
    /// Opens the hotkey; asks nothing yet.
    pub(super) async fn open(args: &ApiArgs, world: &World<'_>) -> anyhow::Result<Self> {
        let address = resolve(&args.url).await?;
        let wallet = world.settings(&args.wallet)?.named_wallet()?;
        let everybodys = wallet.name.starts_with("//") || wallet.hotkey.starts_with("//");
        if everybodys && !address.ip().is_loopback() {
            let why = "everybody has a development key: it is accepted by a validator on this \
                       machine only; name a wallet of your own with --wallet.name";
            return Err(Usage(why.to_owned()).into());
        }
        let options = DendriteOptions {
            addresses: AddressPolicy::AllowPrivate,
            rent_time: ANSWER_TIME,
            ..DendriteOptions::default()
        };
        Ok(Self {
            dendrite: HttpDendrite::new(keys::hotkey(&wallet).await?, options),
            peer: Peer {
                hotkey: args.validator,
                address,
            },
            url: args.url.clone(),
        })
    }

    /// Has the validator do something, once.
    pub(super) async fn ask<A: DeserializeOwned>(
        &self,
        operation: &str,
        asked: &impl Serialize,
    ) -> anyhow::Result<A> {
        let body = serde_json::to_vec(asked)?;
        let answer = self.dendrite.operate(&self.peer, operation, body).await;
        let answer = answer.map_err(|failure| self.explain(failure))?;
        serde_json::from_slice(&answer)
            .context("the validator's answer does not parse; it may run another version")
    }

    fn explain(&self, failure: RentFailure) -> anyhow::Error {
        let url = escape(&self.url);
        match failure {
            RentFailure::Said(RentError::Malformed(why)) => {
                Usage(format!("the validator does not take it: {}", escape(&why))).into()
            }
            RentFailure::Said(error) => {
                anyhow!("the validator says: {}", escape(&error.detail()))
            }
            RentFailure::NotServed(why) => anyhow!(
                "the validator did not serve it: {}; whom it serves stands in its operator.keys",
                escape(&why)
            ),
            RentFailure::Peer(error @ PeerError::Unreachable(_)) => NoAnswer(format!(
                "no operator API answers at {url} ({}); ask its operator where `operator.listen` is",
                escape(&error.to_string())
            ))
            .into(),
            RentFailure::Peer(error) => anyhow!(
                "what answers at {url} is not believed, or came too late: {}; see with `host rent list` \
                 what came of it, and whether --validator is right",
                escape(&error.to_string())
            ),
        }
    }
}

/// An address and a port, or a name and a port, with or without `http://`.
async fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    let wrong = || {
        Usage(format!(
            "`{}` is no address and port such as 127.0.0.1:9292 or http://validator.example:9292; \
             it is plain HTTP, signed in both directions",
            escape(url)
        ))
    };
    let place = url.strip_prefix("http://").unwrap_or(url);
    let place = place.strip_suffix('/').unwrap_or(place);
    if let Ok(address) = place.parse() {
        return Ok(address);
    }
    if place.contains('/') || !place.contains(':') {
        return Err(wrong().into());
    }
    let looking = tokio::time::timeout(RESOLVE_TIME, tokio::net::lookup_host(place));
    let unknown = || NoAnswer(format!("there is no {}", escape(place)));
    let mut found = looking
        .await
        .map_err(|_| unknown())?
        .map_err(|_| unknown())?;
    Ok(found.next().ok_or_else(unknown)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_read_with_and_without_its_scheme() {
        for url in [
            "127.0.0.1:9292",
            "http://127.0.0.1:9292",
            "http://127.0.0.1:9292/",
        ] {
            let address = resolve(url).await.expect("an address");
            assert_eq!(address.to_string(), "127.0.0.1:9292");
        }
        for url in [
            "",
            "127.0.0.1",
            "https://127.0.0.1:1",
            "http://a:1/path",
            "name",
        ] {
            assert!(resolve(url).await.is_err(), "{url}");
        }
    }
}
