//! What renters, validators and the operator are shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::subnet::hardware::Hardware;
use crate::subnet::rental::{Lease, Listing, Phase, RentError, Rental, Renter};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::wire::MACHINES_MAX;

use super::office::Office;

/// Leases that one renter is shown.
const LEASES_MAX: usize = 256;
/// Rentals that the operator is shown, and that a machine's share is told from.
const RENTALS_MAX: usize = 1_024;
/// What was seen so lately is not asked for again, in seconds.
const FRESH_S: u64 = 5;
/// The time that a machine's share of being rented is told for: about an epoch.
const SHARE_S: u64 = 3_600;

impl Office {
    /// One rental as it is now: the provider is asked, unless it was just now or
    /// somebody works on it.
    pub(super) async fn inspect(
        self: &Arc<Self>,
        renter: Renter,
        key: &str,
    ) -> Result<Lease, RentError> {
        let missing = || RentError::NoSuchRental;
        let found = self.book.find(&renter, key).await?.ok_or_else(missing)?;
        let live = self.book.live(&found.order_key);
        let now = self.clock.unix_s();
        let stale = |seen_at: u64| now >= seen_at.saturating_add(FRESH_S);
        match live {
            Some((rental, pace)) if rental.phase == Phase::Running && stale(pace.seen_at) => {
                // An adapter that fails is left alone for as long as it takes.
                if pace.failures == 0 && !self.is_closing() {
                    self.book.pace(&found.order_key, |pace| pace.not_before = 0);
                    self.drive(&found.order_key).await;
                }
            }
            Some((rental, _)) => return Ok(rental.lease()),
            None => return Ok(found.lease()),
        }
        let found = self.book.find(&renter, key).await?;
        Ok(found.ok_or_else(missing)?.lease())
    }

    pub(super) async fn leases(&self, renter: Renter) -> Result<Vec<Lease>, RentError> {
        let rentals = self.book.ask(move |ledger| match renter {
            Renter::Operator => ledger.recent(None, LEASES_MAX),
            hotkey => ledger.recent(Some(&hotkey), LEASES_MAX),
        });
        let lease = |rental: &Rental| match renter {
            Renter::Operator => Lease {
                key: rental.order_key.clone(),
                ..rental.lease()
            },
            Renter::Hotkey(_) => rental.lease(),
        };
        Ok(rentals.await?.iter().map(lease).collect())
    }

    pub(super) async fn rentals(&self) -> Result<Vec<Rental>, RentError> {
        self.book
            .ask(|ledger| ledger.recent(None, RENTALS_MAX))
            .await
    }

    /// What can be rented and what is let, the miner's own machine first.
    pub(super) async fn machines(&self, listings: Vec<Listing>) -> Vec<OfferedMachine> {
        let now = self.clock.unix_s();
        let since = now.saturating_sub(SHARE_S);
        let mut lately = self.rentals().await.unwrap_or_default();
        lately.retain(|rental| rental.instance.is_some() && lived_until(rental, now) > since);
        let share = |machine: &str| share_permille(&lately, machine, since, now);
        let offered = |machine: &str, claimed: &Hardware, price| OfferedMachine {
            id: machine.to_owned(),
            claimed: claimed.clone(),
            price_micro_usd_per_hour: price,
            rented_permille: share(machine),
            labels: Vec::new(),
        };
        let own = offered(
            "",
            &Hardware::default(),
            self.rules.own_price_micro_usd_per_hour,
        );
        let let_now = lately
            .iter()
            .filter(|rental| !rental.phase.is_over())
            .map(|rental| {
                let price = rental.price_micro_usd_per_hour;
                offered(&rental.request.machine, &rental.offer.hardware, price)
            });
        let listed = listings.iter().map(|listing| {
            let price = listing.price_micro_usd_per_hour;
            offered(&listing.machine, &listing.offer.hardware, price)
        });
        // What is offered says more of the own machine than what is let of it.
        let (own_listed, listed): (Vec<_>, Vec<_>) =
            listed.partition(|machine| machine.id.is_empty());
        let all = own_listed
            .into_iter()
            .chain([own])
            .chain(let_now)
            .chain(listed);
        let mut seen = BTreeSet::new();
        let once = all.filter(|machine| seen.insert(machine.id.clone()));
        once.take(MACHINES_MAX).collect()
    }
}

fn lived_until(rental: &Rental, now: u64) -> u64 {
    rental.over_at.unwrap_or(now)
}

/// The share of the time from `since` to `now` that a machine was rented.
fn share_permille(rentals: &[Rental], machine: &str, since: u64, now: u64) -> u16 {
    let of_machine = rentals
        .iter()
        .filter(|rental| rental.request.machine == machine);
    let mut times: Vec<(u64, u64)> = of_machine
        .map(|rental| (rental.began_at.max(since), lived_until(rental, now)))
        .collect();
    times.sort_unstable();
    let (mut rented, mut counted_to) = (0, since);
    for (began, ended) in times {
        rented += ended.saturating_sub(began.max(counted_to));
        counted_to = counted_to.max(ended);
    }
    let permille = rented.saturating_mul(1_000) / now.saturating_sub(since).max(1);
    u16::try_from(permille.min(1_000)).unwrap_or(1_000)
}
