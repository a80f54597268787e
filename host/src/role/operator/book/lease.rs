//! Takes over what a miner says of a rental, as far as it was agreed to.
//!
//! A miner may let for less or for a shorter time than was asked for, never for
//! more: a price or a time beyond what is on disk since before it was asked is
//! told to the renter and not taken over. Its clock may be another: a rental
//! that it says began at another time altogether has ours.

use crate::subnet::provider::{Instance, InstanceState};
use crate::subnet::rental::{Lease, Phase, Rental, cost_micro_usd};
use crate::subnet::text::escape;

use super::{Book, labels};

/// A miner's clock may be so far from ours for its times to be taken as they are.
const CLOCKS_APART_S_MAX: u64 = 300;

impl Book {
    /// Takes over what the miner says; `Some` says what it asks for beyond that.
    pub(super) fn apply(&self, rental: &mut Rental, lease: Lease) -> Option<String> {
        let beyond = beyond(rental, &lease);
        let agreed = rental.request.price_micro_usd_per_hour_max;
        let price = lease.price_micro_usd_per_hour.min(agreed);
        let lasts_s = lease.ends_at.saturating_sub(lease.began_at);
        let is_first = rental.instance.is_none();
        if is_first && lease.began_at.abs_diff(rental.began_at) <= CLOCKS_APART_S_MAX {
            rental.began_at = lease.began_at;
        }
        let lasts_s = lasts_s.min(rental.request.duration_s);
        rental.ends_at = rental.began_at.saturating_add(lasts_s);
        if lasts_s == rental.request.duration_s {
            labels::end_extending(rental);
        }
        rental.price_micro_usd_per_hour = price;
        rental.offer.price_micro_usd_per_hour = price;
        rental.spend_micro_usd_max = cost_micro_usd(price, rental.request.duration_s);
        rental.phase = phase(rental, &lease);
        rental.instance = Some(instance(rental, lease, price));
        rental.over_at = rental
            .phase
            .is_over()
            .then(|| self.now().min(rental.ends_at));
        beyond
    }

    /// It is over, now or when its time was.
    pub(super) fn over(&self, rental: &mut Rental, reason: String) {
        rental.phase = Phase::Ended { reason };
        rental.over_at = Some(self.now().min(rental.ends_at));
    }
}

fn beyond(rental: &Rental, lease: &Lease) -> Option<String> {
    let (price, lasts_s) = (
        lease.price_micro_usd_per_hour,
        lease.ends_at.saturating_sub(lease.began_at),
    );
    let request = &rental.request;
    let is_agreed = price <= request.price_micro_usd_per_hour_max && lasts_s <= request.duration_s;
    (!is_agreed).then(|| {
        tracing::warn!(
            key = rental.order_key,
            miner = rental.adapter,
            "a miner asks for more than was agreed to"
        );
        format!(
            "its miner speaks of {price} micro-USD an hour for {lasts_s} s; agreed to are {} for {} s",
            request.price_micro_usd_per_hour_max, request.duration_s
        )
    })
}

/// A wish to end it outlives whatever its miner says, unless that is that it is over.
fn phase(rental: &Rental, lease: &Lease) -> Phase {
    let said = || escape(lease.reason.as_deref().unwrap_or("the miner says so"));
    match (lease.state.as_str(), &rental.phase) {
        ("ended", _) => Phase::Ended { reason: said() },
        ("refused", _) => Phase::Refused { reason: said() },
        (_, Phase::Ending { reason }) => Phase::Ending {
            reason: reason.clone(),
        },
        _ if labels::is_end_wanted(rental) => Phase::Ending {
            reason: super::change::BY_WORD.to_owned(),
        },
        ("ending", _) => Phase::Ending { reason: said() },
        _ => Phase::Running,
    }
}

fn instance(rental: &Rental, lease: Lease, price_micro_usd_per_hour: u64) -> Instance {
    let state = match lease.ssh {
        Some(_) => InstanceState::Running,
        None => InstanceState::Starting,
    };
    Instance {
        id: rental.order_key.clone(),
        order_key: Some(rental.order_key.clone()),
        state,
        hardware: lease.hardware,
        price_micro_usd_per_hour,
        ssh: lease.ssh,
        ends_at: Some(rental.ends_at),
        labels: Vec::new(),
    }
}

/// Stands for a machine that may have run for all we know, so that it counts.
pub(super) fn presumed(rental: &Rental) -> Instance {
    Instance {
        id: rental.order_key.clone(),
        order_key: Some(rental.order_key.clone()),
        state: InstanceState::Terminated,
        hardware: rental.offer.hardware.clone(),
        price_micro_usd_per_hour: rental.price_micro_usd_per_hour,
        ssh: None,
        ends_at: Some(rental.ends_at),
        labels: Vec::new(),
    }
}
