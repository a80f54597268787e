//! Provider adapter `provider-runpod`: GPU pods of Runpod.
//!
//! Follows Runpod's REST API **v2** (`https://api.runpod.io/v2/openapi.json`,
//! version 2.0.0, as published in October 2026). Version 1, at
//! `rest.runpod.io/v1`, is retired in 2026 and is not spoken here.
//!
//! - **One order, one pod.** The order's key is in the pod's environment
//!   (`COMPUTE_SUBNET_ORDER`) and in its name, put there by the very request that
//!   buys it. Every order looks for its key first.
//! - **Prices.** The catalogue's price of a card times their number, and the
//!   container's disk. Runpod takes no price limit with an order: the price is
//!   read before the order, and the pod's own `cost` after it; a pod that costs
//!   more than allowed is ended at once, and the failure is `price-rose`.
//! - **Login.** The renter's key is the pod's `PUBLIC_KEY`, from which Runpod's
//!   images (and those that follow their convention) start an SSH server as
//!   root. The keys of the operator's account are not handed out. The endpoint
//!   is the public address and port that 22/tcp is mapped to, which change when a
//!   pod is started again. The host key is made in the container and not known.
//! - **The end.** Runpod ends no pod by itself, so `ends-at` is absent and
//!   `extend` is unsupported: only the node ends what it rented. Where that is
//!   not enough, set a spending limit in Runpod's console.
//! - **A 400** is Runpod's answer where nothing can be placed, without a code of
//!   its own, and its documentation says to try elsewhere: `no-capacity`; its
//!   words are in the log.
//!
//! Settings are in [`settings`]; what to grant is in `plugins/README.md`.

mod catalog;
#[cfg(test)]
mod fake;
mod pods;
mod settings;
#[cfg(test)]
mod tests;

use provider_kit::{Failure, Instance, Outside, api::Api};
use settings::Settings;

#[cfg(test)]
use provider_kit::testing::cloud;

/// One cloud, as one call sees it.
struct Runpod<'a> {
    settings: &'a Settings,
    outside: &'a dyn Outside,
}

impl<'a> Runpod<'a> {
    fn new(settings: &'a Settings, outside: &'a dyn Outside) -> Self {
        Self { settings, outside }
    }

    fn extend(&self, _id: &str, _ends_at: u64) -> Result<Instance, Failure> {
        Err(Failure::Unsupported(
            "Runpod ends no pod by itself, so there is no end to move".to_owned(),
        ))
    }

    fn api(&self) -> Api<'_> {
        Api {
            outside: self.outside,
            origin: &self.settings.endpoint,
            credential: &self.settings.credential,
            timeout_ms: self.settings.timeout_ms,
        }
    }
}

provider_kit::component!(Runpod, name: "provider-runpod", summary: "rents GPU pods from Runpod");
