//! What runs, in the words of `provider`.

use crate::bindings::{
    compute::subnet::{
        machine::{Running, Status},
        types::Hardware,
    },
    exports::compute::subnet::provider::{Instance, SshEndpoint, State},
};
use crate::offers;

/// The label that says which offer was ordered.
pub(crate) const OFFER: &str = "offer";
/// The label that says at which price.
pub(crate) const PRICE: &str = "price-micro-usd-per-hour";

/// A workload, of a machine that has `all`. What it cost when it was ordered it
/// costs until it ends.
pub(crate) fn instance(running: Running, all: &Hardware) -> Instance {
    let price = running.labels.iter().find(|label| label.name == PRICE);
    Instance {
        price_micro_usd_per_hour: price
            .and_then(|price| price.value.parse().ok())
            .unwrap_or(0),
        order_key: Some(running.name.clone()),
        id: running.name,
        state: match running.status {
            Status::Starting => State::Starting,
            Status::Running => State::Running,
            Status::Exited => State::Failed,
        },
        hardware: offers::hardware(all, &running.share),
        ssh: running.ssh.map(|ssh| SshEndpoint {
            host: ssh.host,
            port: ssh.port,
            user: ssh.user,
            host_key: Some(ssh.host_key),
        }),
        ends_at: Some(running.ends_at),
        labels: running.labels,
    }
}
