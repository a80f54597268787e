//! What others may rent in a validator's name, and what that may cost.
//!
//! A miner lets to the validator's hotkey: whoever rents by way of its operator
//! API spends what the validator owes. So nothing is rented until the operator
//! has said how much a day may cost. A refusal names the key that would allow it.

use super::rental::RentError;

/// The operator's caps. Amounts are millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    /// Machines that cost more are not rented.
    pub price_micro_usd_per_hour_max: u64,
    /// What one rental may cost, extensions included.
    pub spend_per_rental_micro_usd_max: Option<u64>,
    /// What rentals that lived within the last day may cost, all of their time
    /// counted, all renters together.
    pub spend_per_day_micro_usd_max: u64,
    /// The same for the rentals of one renter.
    pub spend_per_renter_day_micro_usd_max: Option<u64>,
    /// Rentals at once, all renters together.
    pub rentals_max: usize,
}

impl Default for Purse {
    /// Rents nothing until somebody says what a day may cost.
    fn default() -> Self {
        Self {
            price_micro_usd_per_hour_max: 50_000_000,
            spend_per_rental_micro_usd_max: None,
            spend_per_day_micro_usd_max: 0,
            spend_per_renter_day_micro_usd_max: None,
            rentals_max: 64,
        }
    }
}

/// What counts against the caps already; the rental in question left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// What the last day's rentals cost or may cost.
    pub day_micro_usd: u64,
    /// Those of the renter.
    pub renter_day_micro_usd: u64,
    /// Rentals that are not over.
    pub rentals: usize,
}

impl Purse {
    /// Whether anything may be rented at all.
    pub fn is_open(&self) -> Result<(), RentError> {
        if self.spend_per_day_micro_usd_max > 0 {
            return Ok(());
        }
        forbidden(
            "nothing is rented here until the validator's operator says what a day may cost, \
             with `operator.spend-per-day-micro-usd-max`; it is 0"
                .to_owned(),
        )
    }

    /// Whether a machine at this price may be rented.
    pub fn allows_price(&self, price_micro_usd_per_hour: u64) -> Result<(), RentError> {
        let max = self.price_micro_usd_per_hour_max;
        if price_micro_usd_per_hour <= max {
            return Ok(());
        }
        forbidden(format!(
            "the cheapest that fits costs {price_micro_usd_per_hour} micro-USD an hour, and \
             `operator.price-micro-usd-per-hour-max` of the validator is {max}"
        ))
    }

    /// Whether a rental may cost so much beside what is `spent`.
    pub fn allows(&self, cost_micro_usd: u64, spent: Spent) -> Result<(), RentError> {
        self.is_open()?;
        let rental = self.spend_per_rental_micro_usd_max;
        within(cost_micro_usd, rental, "it", "spend-per-rental")?;
        let renter = spent.renter_day_micro_usd.saturating_add(cost_micro_usd);
        let renter_max = self.spend_per_renter_day_micro_usd_max;
        let yours = "with it, your rentals of the last day";
        within(renter, renter_max, yours, "spend-per-renter-day")?;
        let day = spent.day_micro_usd.saturating_add(cost_micro_usd);
        let day_max = Some(self.spend_per_day_micro_usd_max);
        let all = "with it, all rentals of the last day";
        within(day, day_max, all, "spend-per-day")?;
        if spent.rentals < self.rentals_max {
            return Ok(());
        }
        forbidden(format!(
            "{} machines are rented at once, and `operator.rentals-max` of the validator is {}",
            spent.rentals, self.rentals_max
        ))
    }
}

fn within(cost: u64, max: Option<u64>, what: &str, key: &str) -> Result<(), RentError> {
    match max {
        Some(max) if cost > max => forbidden(format!(
            "{what} may cost {cost} micro-USD, and `operator.{key}-micro-usd-max` of the \
             validator is {max}; ask for less time or a cheaper machine"
        )),
        _ => Ok(()),
    }
}

fn forbidden<T>(why: String) -> Result<T, RentError> {
    Err(RentError::Forbidden(why))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn purse() -> Purse {
        Purse {
            price_micro_usd_per_hour_max: 100,
            spend_per_rental_micro_usd_max: Some(50),
            spend_per_day_micro_usd_max: 200,
            spend_per_renter_day_micro_usd_max: Some(80),
            rentals_max: 3,
        }
    }

    fn spent(day: u64, renter_day: u64, rentals: usize) -> Spent {
        Spent {
            day_micro_usd: day,
            renter_day_micro_usd: renter_day,
            rentals,
        }
    }

    #[test]
    fn what_is_within_every_cap_is_allowed() {
        assert_eq!(purse().allows(50, spent(150, 30, 2)), Ok(()));
        assert_eq!(purse().allows_price(100), Ok(()));
    }

    #[test]
    fn each_refusal_names_the_key_that_would_allow_it() {
        let no = |result: Result<(), RentError>, key: &str| {
            let why = result.unwrap_err().to_string();
            assert!(why.contains(&format!("`operator.{key}`")), "{why}");
        };
        no(
            Purse::default().allows(1, Spent::default()),
            "spend-per-day-micro-usd-max",
        );
        no(purse().allows_price(101), "price-micro-usd-per-hour-max");
        no(
            purse().allows(51, spent(0, 0, 0)),
            "spend-per-rental-micro-usd-max",
        );
        no(
            purse().allows(50, spent(31, 31, 0)),
            "spend-per-renter-day-micro-usd-max",
        );
        no(
            purse().allows(50, spent(151, 0, 0)),
            "spend-per-day-micro-usd-max",
        );
        no(purse().allows(1, spent(0, 0, 3)), "rentals-max");
        no(
            purse().allows(1, spent(u64::MAX, 0, 0)),
            "spend-per-day-micro-usd-max",
        );
    }
}
