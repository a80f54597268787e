//! Provider adapter `provider-local`: rents out the machine the node runs on.
//!
//! Offers it whole and, as its settings say, in equal parts; an order becomes a
//! workload whose name is the order's key, so that ordering twice launches once
//! and whoever looks finds it. What is free, what is enforced and when it ends is
//! the host's: this says what there is to rent, what it costs, if anything, and
//! that an order may take less than it is offered. Needs
//! `machine = true` in its grant and nothing else.
//!
//! The settings are at the top of [`settings`].

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "provider-adapter",
    });
}

mod offers;
mod rented;
mod settings;

use bindings::{
    compute::subnet::{
        machine::{self, Error, Workload},
        settings as host,
        types::Label,
    },
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        provider::{Failure, Guest as Provider, Instance, Offer, Order, Query, Want},
    },
};
use settings::Settings;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "provider-local".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "rents out this machine, whole or in parts, in containers".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        Settings::read(&host::all()).map(|_| ())
    }
}

impl Provider for Component {
    fn wants() -> Vec<Want> {
        vec![Want::Machine]
    }

    fn offers(query: Query) -> Result<Vec<Offer>, Failure> {
        let settings = settings()?;
        // Without an image there is nothing to log in to.
        if machine::images().map_err(failure)?.is_empty() {
            return Ok(Vec::new());
        }
        let all = machine::inventory().map_err(failure)?;
        let free = machine::free().map_err(failure)?;
        let offers = offers::all(&settings, &all, &free);
        Ok(offers
            .into_iter()
            .filter(|offer| offers::is_asked_for(offer, &query))
            .collect())
    }

    fn provision(order: Order) -> Result<Instance, Failure> {
        let settings = settings()?;
        let all = machine::inventory().map_err(failure)?;
        if let Some(same) = find(&order.key)? {
            return Ok(rented::instance(same, &all));
        }
        let parts = offers::parts(&settings, &order.offer_id).ok_or(Failure::NotFound)?;
        let price = settings.price(parts);
        if price > order.price_micro_usd_per_hour_max {
            return Err(Failure::PriceRose(price));
        }
        let share = offers::share(&settings, &all, parts);
        let share = offers::ordered(share, order.disk_mib, &order.labels)
            .map_err(|why| Failure::Unsupported(format!("{}: {why}", order.offer_id)))?;
        let workload = Workload {
            image: image(order.image)?,
            name: order.key,
            share,
            ssh_public_key: order.ssh_public_key,
            ends_at: order.ends_at,
            labels: labels(order.labels, &order.offer_id, price),
        };
        let running = machine::launch(&workload).map_err(failure)?;
        Ok(rented::instance(running, &all))
    }

    fn instances() -> Result<Vec<Instance>, Failure> {
        let all = machine::inventory().map_err(failure)?;
        let running = machine::workloads().map_err(failure)?;
        Ok(running
            .into_iter()
            .map(|one| rented::instance(one, &all))
            .collect())
    }

    fn inspect(id: String) -> Result<Instance, Failure> {
        let all = machine::inventory().map_err(failure)?;
        let found = find(&id)?.ok_or(Failure::NotFound)?;
        Ok(rented::instance(found, &all))
    }

    fn extend(id: String, ends_at: u64) -> Result<Instance, Failure> {
        let all = machine::inventory().map_err(failure)?;
        let extended = machine::extend(&id, ends_at).map_err(failure)?;
        Ok(rented::instance(extended, &all))
    }

    fn terminate(id: String) -> Result<(), Failure> {
        machine::stop(&id).map_err(failure)
    }
}

fn settings() -> Result<Settings, Failure> {
    Settings::read(&host::all()).map_err(Failure::Unsupported)
}

fn find(name: &str) -> Result<Option<machine::Running>, Failure> {
    let running = machine::workloads().map_err(failure)?;
    Ok(running.into_iter().find(|one| one.name == name))
}

/// The one ordered, else the operator's first.
fn image(ordered: Option<String>) -> Result<String, Failure> {
    let mut images = machine::images().map_err(failure)?.into_iter();
    let image = match ordered {
        Some(ordered) => images.find(|image| *image == ordered),
        None => images.next(),
    };
    image.ok_or_else(|| Failure::Unsupported("no such image is let out here".to_owned()))
}

fn labels(ordered: Vec<Label>, offer_id: &str, price: u64) -> Vec<Label> {
    let own = [
        (rented::OFFER, offer_id.to_owned()),
        (rented::PRICE, price.to_string()),
    ];
    let own = own.map(|(name, value)| Label {
        name: name.to_owned(),
        value,
    });
    let others = ordered
        .into_iter()
        .filter(|label| !own.iter().any(|o| o.name == label.name));
    let mut labels: Vec<Label> = others.collect();
    labels.extend(own);
    labels
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NotGranted => Failure::Unsupported(
            "the machine is not granted: let it out in `[machine]`, and set `machine = true` in \
             `[plugins.provider-local.grant]`"
                .to_owned(),
        ),
        Error::NoSuchWorkload => Failure::NotFound,
        Error::NoRoom => Failure::NoCapacity,
        Error::Malformed(what) => Failure::Unsupported(what),
        Error::Failed(what) => Failure::Upstream(what),
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
