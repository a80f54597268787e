//! From a request to an intent on disk, and from what came of it to an answer.

use std::sync::Arc;

use crate::subnet::rental::{
    Lease, Listing, Phase, RentError, RentRequest, Rental, Renter, cost_micro_usd,
};
use crate::subnet::text::escape;

use super::labels;
use super::office::Office;
use super::request::{check, is_called, order_key};
use super::rules::provider_price_max;

impl Office {
    pub(super) fn check_open(&self) -> Result<(), RentError> {
        match self.is_closing() {
            true => Err(RentError::Failed(
                "the miner is ending; ask again later".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// Rents; the same key twice is one rental.
    pub(super) async fn rent(
        self: &Arc<Self>,
        renter: Renter,
        request: RentRequest,
    ) -> Result<Lease, RentError> {
        self.check_open()?;
        check(&request, &self.rules)?;
        if let Renter::Hotkey(account) = &renter {
            (self.may_rent)(account).map_err(RentError::Forbidden)?;
        }
        let (known, key) = (renter, request.key.clone());
        let known = self.book.ask(move |ledger| ledger.of_renter(&known, &key));
        if let Some(known) = known.await? {
            return again(&known, &request);
        }
        let listing = self.listed(&request).await?;
        let rental = self.intent(renter, request.clone(), listing)?;
        let ours = rental.order_key.clone();
        let (rules, now) = (self.rules.clone(), self.clock.unix_s());
        let added = self.book.add(rental, rules, now).await?;
        if added.order_key != ours {
            return again(&added, &request);
        }
        self.drive(&ours).await;
        let done = self.book.ask(move |ledger| ledger.rental(&ours)).await?;
        let gone = || RentError::Failed("the rental is not in the ledger".to_owned());
        answer(&done.ok_or_else(gone)?)
    }

    /// The machine that is asked for, if it is offered, large enough and at the
    /// renter's price.
    async fn listed(self: &Arc<Self>, request: &RentRequest) -> Result<Listing, RentError> {
        // The own machine has no name, and its offer has one all the same.
        let named = |listing: &Listing| {
            listing.machine == request.machine
                || is_called(&request.machine, &listing.adapter, &listing.offer.id)
        };
        let mut found = self.board.listings().await.into_iter().find(named);
        if found.is_none() {
            // Its offer may be newer than what is known.
            for adapter in self.adapters() {
                let name = format!("{}/", adapter.id().name);
                let own = adapter.id().name == self.rules.own_adapter;
                if request.machine.starts_with(&name) || (request.machine.is_empty() && own) {
                    self.board.refresh_one(adapter).await;
                }
            }
            found = self.board.listings().await.into_iter().find(named);
        }
        let listing = found.ok_or_else(|| self.not_listed(&request.machine))?;
        let price = listing.price_micro_usd_per_hour;
        if price > request.price_micro_usd_per_hour_max {
            return Err(RentError::PriceRose(price));
        }
        let has = &listing.offer.hardware;
        let too_much = request.cpu_threads > has.cpu_threads
            || request.memory_mib > has.memory_mib
            || (has.disk_mib > 0 && request.disk_mib > has.disk_mib);
        match too_much {
            true => Err(RentError::Full("the machine has less than that".to_owned())),
            false => Ok(listing),
        }
    }

    /// Why nothing by that name is offered.
    fn not_listed(&self, machine: &str) -> RentError {
        let live = self.book.all_live(None);
        let is_it = |rental: &Rental| {
            rental.request.machine == machine
                || is_called(machine, &rental.adapter, &rental.offer.id)
                || (machine.is_empty() && rental.adapter == self.rules.own_adapter)
        };
        if live.iter().any(is_it) {
            return RentError::Full("it is let; ask again when a rental has ended".to_owned());
        }
        RentError::NoSuchMachine(match machine {
            "" => "the miner's own is not for rent".to_owned(),
            named => escape(named),
        })
    }

    fn intent(
        &self,
        renter: Renter,
        request: RentRequest,
        listing: Listing,
    ) -> Result<Rental, RentError> {
        let now = self.clock.unix_s();
        let mut rental = Rental {
            order_key: order_key(&self.prefix)?,
            renter,
            adapter: listing.adapter,
            offer: listing.offer,
            price_micro_usd_per_hour: listing.price_micro_usd_per_hour,
            spend_micro_usd_max: 0,
            began_at: now,
            ends_at: now.saturating_add(request.duration_s),
            phase: Phase::Intended,
            instance: None,
            over_at: None,
            labels: Vec::new(),
            request,
        };
        rental.spend_micro_usd_max =
            cost_micro_usd(provider_price_max(&rental), rental.request.duration_s);
        Ok(rental)
    }
}

/// A key that was used before: the same rental, or a mistake.
fn again(known: &Rental, request: &RentRequest) -> Result<Lease, RentError> {
    if known.request != *request {
        return Err(RentError::Malformed(
            "another rental of yours has this key; choose a new one".to_owned(),
        ));
    }
    answer(known)
}

/// What became of an order, in the renter's words.
fn answer(rental: &Rental) -> Result<Lease, RentError> {
    let Phase::Refused { reason } = &rental.phase else {
        return Ok(rental.lease());
    };
    let reason = reason.clone();
    Err(match labels::refusal(rental) {
        Some(("full", _)) => RentError::Full(reason),
        Some(("price-rose", Some(price))) => RentError::PriceRose(price),
        Some(("gone", _)) => {
            let machine = escape(&rental.request.machine);
            RentError::NoSuchMachine(format!("{machine}: {reason}"))
        }
        _ => RentError::Upstream(reason),
    })
}
