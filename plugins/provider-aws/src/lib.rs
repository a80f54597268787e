//! Provider adapter `provider-aws`: machines of Amazon EC2.
//!
//! Follows the EC2 Query API of version 2016-11-15, as AWS describes it for its own
//! clients (the service model of botocore 1.44, November 2026). Signed by the host
//! with SigV4; nothing but `ec2` is spoken to.
//!
//! - **One order, one machine.** The order's key is a tag of the machine, put there
//!   by the very request that buys it; the request's client token is derived from
//!   the key as well. Every order looks for its tag first, in all regions.
//! - **Prices.** On demand: from the operator's settings or data pack, as EC2
//!   itself does not say. Spot: the current price of each zone, and the order's
//!   limit goes with the request, so that EC2 itself holds it. To both is added
//!   what disk and address cost.
//! - **Login.** The renter's key reaches the machine in its user data; no key pair
//!   is left in the account. The host key is made here for this one machine, goes
//!   the same way, and is known before the machine boots: see `provider_kit::ssh`.
//! - **The network.** A security group in which only port 22 is open, made when it
//!   is first needed. The machine has no instance profile, so there are no
//!   credentials in its metadata, which takes session tokens only.
//! - **The end.** The machine is told to terminate when it shuts itself down, and a
//!   timer in it does so at the time that its tag says. `extend` writes the tag.
//!   The renter is root and could stop that timer, so it is what works when the
//!   node is dead, and no more: the node ends rentals itself. Machines that are
//!   not built on Nitro do not see a changed tag and are not offered.
//!
//! Settings are in [`settings`]; what to grant, and a policy that allows no more, is
//! in `plugins/README.md`.

mod catalog;
mod ec2;
mod launch;
mod machines;
mod network;
mod settings;
mod tags;
#[cfg(test)]
mod tests;
mod user_data;

use ec2::Ec2;
use provider_kit::bindings::compute::subnet::settings as table;
use provider_kit::bindings::exports::compute::subnet::{
    plugin::Guest as Plugin, provider::Guest as Provider,
};
use provider_kit::{Description, Failure, Host, Instance, Offer, Order, Outside, Query, Want};
use settings::Settings;

/// What the host calls.
pub struct Component;

/// One cloud, as one call sees it.
struct Aws<'a> {
    settings: &'a Settings,
    outside: &'a dyn Outside,
}

impl<'a> Aws<'a> {
    fn region(&'a self, region: &'a str) -> Ec2<'a> {
        Ec2 {
            settings: self.settings,
            outside: self.outside,
            region,
        }
    }

    fn regions(&'a self) -> impl Iterator<Item = Ec2<'a>> {
        self.settings
            .regions
            .iter()
            .map(|region| self.region(region))
    }
}

fn with<T>(call: impl FnOnce(&Aws<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    let settings = Settings::read(&table::all()).map_err(Failure::Unsupported)?;
    call(&Aws {
        settings: &settings,
        outside: &Host,
    })
}

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "provider-aws".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "rents machines from Amazon EC2".to_owned(),
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
        with(|aws| aws.offers(&query))
    }

    fn provision(order: Order) -> Result<Instance, Failure> {
        with(|aws| aws.provision(&order))
    }

    fn instances() -> Result<Vec<Instance>, Failure> {
        with(|aws| aws.instances())
    }

    fn inspect(id: String) -> Result<Instance, Failure> {
        with(|aws| aws.inspect(&id))
    }

    fn extend(id: String, ends_at: u64) -> Result<Instance, Failure> {
        with(|aws| aws.extend(&id, ends_at))
    }

    fn terminate(id: String) -> Result<(), Failure> {
        with(|aws| aws.terminate(&id))
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::Component;
    provider_kit::bindings::export!(Component with_types_in provider_kit::bindings);
}
