//! The machines that fit, in the order in which their miners are asked.

use std::collections::VecDeque;

use crate::subnet::rental::RentError;
use crate::subnet::wire::RentFailure;

use super::super::asked::Found;

/// Cheapest first.
pub(super) struct Queue {
    waiting: VecDeque<Found>,
    /// A machine whose price rose above this is asked for no more.
    price_micro_usd_per_hour_max: u64,
}

/// Why a miner did not let a machine; nothing was done, for certain.
pub(super) enum Refused {
    /// Its words, or why it could not be asked.
    Said(RentFailure),
    /// It has the order on record as one it refused, and why: under this key it
    /// lets nothing any more.
    OnRecord(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Said(RentFailure::Said(error)) => f.write_str(&error.detail()),
            Self::Said(failure) => failure.fmt(f),
            Self::OnRecord(why) => f.write_str(why),
        }
    }
}

impl Queue {
    /// `found` as the market sorts it.
    pub(super) fn new(found: Vec<Found>, price_micro_usd_per_hour_max: u64) -> Self {
        Self {
            waiting: found.into(),
            price_micro_usd_per_hour_max,
        }
    }

    pub(super) fn next(&mut self) -> Option<Found> {
        self.waiting.pop_front()
    }

    /// What a refusal says of the miner's machines: one that became dearer waits
    /// for its turn at the new price, and who lets nothing is left alone.
    pub(super) fn learn(&mut self, found: Found, refused: &Refused) {
        match refused {
            Refused::Said(RentFailure::Said(RentError::PriceRose(price))) => {
                self.put_back(found, *price);
            }
            Refused::Said(RentFailure::Said(RentError::Full(_) | RentError::NoSuchMachine(_))) => {}
            _ => self.waiting.retain(|other| other.miner != found.miner),
        }
    }

    fn put_back(&mut self, mut found: Found, price: u64) {
        let rose = price > found.price_micro_usd_per_hour;
        if !rose || price > self.price_micro_usd_per_hour_max {
            return;
        }
        found.price_micro_usd_per_hour = price;
        let is_cheaper = |other: &Found| other.price_micro_usd_per_hour <= price;
        let place = self.waiting.iter().take_while(|it| is_cheaper(it)).count();
        self.waiting.insert(place, found);
    }
}
