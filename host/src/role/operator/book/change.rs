//! More time for a rental, and its end.

use crate::subnet::rental::{Phase, RentError, Rental, cost_micro_usd};
use crate::subnet::wire::RentCall;

use super::super::asked::Held;
use super::settle::SETTLE_S;
use super::{Book, DURATION_S_MAX, held, labels, told};

/// Why a rental ends that its renter ended.
pub(super) const BY_WORD: &str = "its renter ended it";

impl Book {
    /// More time. Sent once: after a failure `show` says what came of it, and what
    /// it may cost stays reserved until then.
    pub(in super::super) async fn extend(
        &self,
        order_key: &str,
        by_s: u64,
    ) -> Result<Held, RentError> {
        let (_claim, mut rental) = self.take(order_key).await?;
        if labels::extending_since(&rental).is_some() {
            self.refresh(&mut rental).await;
        }
        let longer = self.longer(&rental, by_s)?;
        self.reserve(&longer).await?;
        self.ask_for_more(rental, longer, by_s).await
    }

    /// The rental with so much more time, as it is put on disk.
    fn longer(&self, rental: &Rental, by_s: u64) -> Result<Rental, RentError> {
        if rental.phase != Phase::Running {
            let why = format!(
                "the rental is {}; one that runs is extended",
                rental.phase.as_str()
            );
            return Err(RentError::Forbidden(why));
        }
        let now = self.now();
        let since = labels::extending_since(rental);
        if since.is_some_and(|since| now < since.saturating_add(SETTLE_S)) {
            let why = "whether it was extended before is not known yet; ask again in a moment";
            return Err(RentError::Full(why.to_owned()));
        }
        let lasts_s = rental.ends_at.saturating_sub(rental.began_at);
        let whole_s = lasts_s.saturating_add(by_s);
        if by_s == 0 || whole_s > DURATION_S_MAX {
            return Err(RentError::Malformed("`by_s` is no time".to_owned()));
        }
        let mut longer = rental.clone();
        let agreed_s = longer.request.duration_s.max(whole_s);
        longer.request.duration_s = agreed_s;
        longer.spend_micro_usd_max = cost_micro_usd(rental.price_micro_usd_per_hour, agreed_s);
        labels::begin_extending(&mut longer, now);
        Ok(longer)
    }

    async fn ask_for_more(
        &self,
        before: Rental,
        mut longer: Rental,
        by_s: u64,
    ) -> Result<Held, RentError> {
        let key = longer.order_key.clone();
        match self.call(&longer, RentCall::Extend { key, by_s }).await {
            Ok(lease) => {
                let note = self.apply(&mut longer, lease);
                let note = self.kept(&longer, note).await;
                Ok(held(&longer, note))
            }
            Err(failure) => {
                if !failure.effect_unknown() {
                    self.keep(&before).await?;
                }
                Err(told(failure))
            }
        }
    }

    /// Ends a rental, now or as soon as its miner can be reached.
    pub(in super::super) async fn end(&self, order_key: &str) -> Result<Held, RentError> {
        let (_claim, mut rental) = self.take(order_key).await?;
        match rental.phase {
            Phase::Ended { .. } | Phase::Refused { .. } => return Ok(held(&rental, None)),
            Phase::Running | Phase::Ending { .. } => {
                let reason = BY_WORD.to_owned();
                rental.phase = Phase::Ending { reason };
            }
            Phase::Intended | Phase::Ordered | Phase::Unknown { .. } => {
                labels::want_end(&mut rental);
            }
        }
        self.keep(&rental).await?;
        Ok(self.finish(rental).await)
    }
}
