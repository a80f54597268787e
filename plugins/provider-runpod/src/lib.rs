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

use provider_kit::bindings::compute::subnet::settings as table;
use provider_kit::bindings::exports::compute::subnet::{
    plugin::Guest as Plugin, provider::Guest as Provider,
};
use provider_kit::{
    Description, Failure, Host, Instance, Offer, Order, Outside, Query, Want, api::Api,
};
use settings::Settings;

#[cfg(test)]
use provider_kit::testing::cloud;

/// What the host calls.
pub struct Component;

/// One cloud, as one call sees it.
struct Runpod<'a> {
    settings: &'a Settings,
    outside: &'a dyn Outside,
}

impl Runpod<'_> {
    fn api(&self) -> Api<'_> {
        Api {
            outside: self.outside,
            origin: &self.settings.endpoint,
            credential: &self.settings.credential,
            timeout_ms: self.settings.timeout_ms,
        }
    }
}

fn with<T>(call: impl FnOnce(&Runpod<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    let settings = Settings::read(&table::all()).map_err(Failure::Unsupported)?;
    call(&Runpod {
        settings: &settings,
        outside: &Host,
    })
}

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "provider-runpod".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "rents GPU pods from Runpod".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        Settings::read(&table::all()).map(|_| ())
    }
}

impl Provider for Component {
    fn wants() -> Vec<Want> {
        Settings::read(&table::all()).map_or_else(|_| Vec::new(), |settings| settings.wants())
    }

    fn offers(query: Query) -> Result<Vec<Offer>, Failure> {
        with(|runpod| runpod.offers(&query))
    }

    fn provision(order: Order) -> Result<Instance, Failure> {
        with(|runpod| runpod.provision(&order))
    }

    fn instances() -> Result<Vec<Instance>, Failure> {
        with(|runpod| runpod.instances())
    }

    fn inspect(id: String) -> Result<Instance, Failure> {
        with(|runpod| runpod.inspect(&id))
    }

    fn extend(_id: String, _ends_at: u64) -> Result<Instance, Failure> {
        Err(Failure::Unsupported(
            "Runpod ends no pod by itself, so there is no end to move".to_owned(),
        ))
    }

    fn terminate(id: String) -> Result<(), Failure> {
        with(|runpod| runpod.terminate(&id))
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::Component;
    provider_kit::bindings::export!(Component with_types_in provider_kit::bindings);
}
