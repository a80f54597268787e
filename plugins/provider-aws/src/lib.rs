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
use provider_kit::Outside;
use settings::Settings;

/// One cloud, as one call sees it.
struct Aws<'a> {
    settings: &'a Settings,
    outside: &'a dyn Outside,
}

impl<'a> Aws<'a> {
    fn new(settings: &'a Settings, outside: &'a dyn Outside) -> Self {
        Self { settings, outside }
    }

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

provider_kit::component!(Aws, name: "provider-aws", summary: "rents machines from Amazon EC2");
