//! What the operator's rules mean for an offer and for a rental.

use crate::subnet::letting::Rules;
use crate::subnet::provider::Offer;
use crate::subnet::rental::{RentError, Rental, cost_micro_usd};

use super::labels;

/// What is counted against the caps when a rental is added or grows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    /// Rentals that are not over.
    pub(super) rentals: usize,
    /// Those of the renter.
    pub(super) of_renter: usize,
    /// What the last day's rentals cost or may cost.
    pub(super) day: u64,
    /// Those of the adapter.
    pub(super) adapter_day: u64,
}

impl Rules {
    /// What a renter pays an hour for `offer`; `None` if it is not for rent.
    ///
    /// What costs nothing is the miner's own and has the price the operator set, a
    /// part of it its share; a cloud that claims to cost nothing is not believed.
    pub(super) fn price(&self, adapter: &str, offer: &Offer) -> Option<u64> {
        let asked = offer.price_micro_usd_per_hour;
        if asked == 0 {
            let own = self.own_price_micro_usd_per_hour;
            let own = part_of(own, labels::share(&offer.labels));
            return (adapter == self.own_adapter && own > 0).then_some(own);
        }
        self.markup(asked)
    }

    /// What a renter pays for what costs `asked`; `None` past any sense.
    pub(super) fn markup(&self, asked: u64) -> Option<u64> {
        let marked = u128::from(asked) * (1_000 + u128::from(self.markup_permille));
        let marked = u64::try_from(marked.div_ceil(1_000)).ok()?;
        Some(marked.max(self.price_micro_usd_per_hour_min))
    }

    /// Whether `offer` is one that the operator lets at all.
    pub(super) fn lets(&self, adapter: &str, offer: &Offer) -> bool {
        let named =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let card = |wanted: &String| {
            let wanted = wanted.to_ascii_lowercase();
            let mut cards = offer.hardware.gpus.iter();
            cards.any(|gpu| gpu.model.to_ascii_lowercase().contains(&wanted))
        };
        let own = adapter == self.own_adapter;
        let wanted = own
            || (named(&self.regions, &offer.region)
                && (self.gpu_models.is_empty() || self.gpu_models.iter().any(card))
                && (self.interruptible || !offer.interruptible));
        named(&self.adapters, adapter) && wanted && self.affords(offer)
    }

    /// Whether the shortest rental of it is within every cap.
    fn affords(&self, offer: &Offer) -> bool {
        let price = offer.price_micro_usd_per_hour;
        let least = cost_micro_usd(price, self.duration_s_min);
        price <= self.provider_price_micro_usd_per_hour_max
            && least <= self.spend_per_day_max
            && self.spend_per_rental_max.is_none_or(|max| least <= max)
            && self
                .spend_per_adapter_day_max
                .is_none_or(|max| least <= max)
    }

    /// Whether `rental` may cost `more` than it does, given what is `spent`.
    pub(super) fn allows(&self, rental: &Rental, more: u64, spent: Spent) -> Result<(), RentError> {
        let forbidden = |why: &str| Err(RentError::Forbidden(why.to_owned()));
        let with = |sum: u64| sum.saturating_add(more);
        let spend = rental.spend_micro_usd_max;
        if self.spend_per_rental_max.is_some_and(|max| spend > max) {
            return forbidden("one rental may not cost it so much; ask for less time");
        }
        if with(spent.day) > self.spend_per_day_max && more > 0 {
            return forbidden("it spends no more today");
        }
        let adapter_max = self.spend_per_adapter_day_max;
        if adapter_max.is_some_and(|max| with(spent.adapter_day) > max && more > 0) {
            return forbidden("it spends no more with this provider today");
        }
        if spent.rentals >= self.rentals_max {
            return forbidden("it lets no more machines at once");
        }
        if spent.of_renter >= self.rentals_per_renter_max {
            return forbidden("you rent as much at once as one renter may");
        }
        Ok(())
    }
}

/// A share of a price, rounded up.
fn part_of(price: u64, (parts, of): (u64, u64)) -> u64 {
    let part = u128::from(price) * u128::from(parts);
    u64::try_from(part.div_ceil(u128::from(of))).unwrap_or(price)
}

/// Past this the provider may not charge for a rental: what its renter pays, so
/// that nothing is let at a loss unless the offer itself was.
pub(super) fn provider_price_max(rental: &Rental) -> u64 {
    let asked = rental.offer.price_micro_usd_per_hour;
    match asked {
        0 => 0,
        asked => asked.max(rental.price_micro_usd_per_hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::hardware::{Hardware, Label};

    fn offer(price_micro_usd_per_hour: u64, share: &str) -> Offer {
        Offer {
            id: "o".to_owned(),
            hardware: Hardware::default(),
            region: String::new(),
            price_micro_usd_per_hour,
            interruptible: false,
            labels: vec![Label {
                name: "share".to_owned(),
                value: share.to_owned(),
            }],
        }
    }

    #[test]
    fn a_part_of_the_own_machine_costs_its_share_and_a_cloud_what_it_asks() {
        let rules = Rules {
            own_price_micro_usd_per_hour: 100,
            ..Rules::default()
        };
        let price = |adapter: &str, asked, share| rules.price(adapter, &offer(asked, share));
        let own = |share| price("provider-local", 0, share);
        assert_eq!(
            (own("1/4"), own("2/3"), own("4/4")),
            (Some(25), Some(67), Some(100))
        );
        for none in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4"] {
            assert_eq!(own(none), Some(100), "{none:?}");
        }
        assert_eq!(price("provider-local", 20_000, "1/4"), Some(24_000));
        assert_eq!(price("provider-aws", 0, "1/4"), None);
        assert!(rules.lets("provider-local", &offer(0, "1/4")));
        assert!(!rules.lets("provider-local", &offer(1, "1/4")));
        assert!(!rules.lets("provider-aws", &offer(1, "1/4")));
    }
}
