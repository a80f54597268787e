//! Brings to an end what was left in between: after a crash, a miner that could
//! not be reached, a rental whose time is over.

use crate::subnet::rental::{Phase, RentError, Rental};
use crate::subnet::wire::{RentCall, RentFailure};

use super::super::asked::Held;
use super::{Book, held};

/// Between two looks; a request that is older is refused by any axon.
const SETTLE_S: u64 = 15;
/// Looks in a row that do not find an order, until it counts as not taken.
const LOOKS: u32 = 2;
/// After its end a rental is ended once more, by word.
const GRACE_S: u64 = 60;
/// A miner that cannot be reached for so long after a rental's end has ended it:
/// it was told when.
const GIVE_UP_S: u64 = 3_600;

impl Book {
    /// Looks at everything that is not over and not simply running.
    pub(in super::super) async fn settle(&self) {
        let live = match self.with(|ledger| ledger.live()).await {
            Ok(live) => live,
            Err(error) => {
                tracing::error!(%error, "what is rented could not be read");
                return;
            }
        };
        for rental in live {
            let Ok(_claim) = self.claim(&rental.order_key) else {
                continue;
            };
            let key = rental.order_key.clone();
            if let Err(error) = self.settle_one(rental).await {
                tracing::warn!(%error, key, "a rental is not settled yet");
            }
        }
    }

    async fn settle_one(&self, rental: Rental) -> Result<(), RentError> {
        // Somebody may have worked on it since it was read.
        let order_key = rental.order_key.clone();
        let newest = self.with(move |ledger| ledger.rental(&order_key)).await?;
        let Some(mut rental) = newest.filter(|rental| !rental.phase.is_over()) else {
            return Ok(());
        };
        let now = (self.now_unix_s)();
        match rental.phase {
            Phase::Ending { .. } => self.finish(rental).await.map(|_| ()),
            Phase::Running if now >= rental.ends_at.saturating_add(GRACE_S) => {
                let reason = "its time is over".to_owned();
                rental.phase = Phase::Ending { reason };
                self.keep(&rental).await?;
                self.finish(rental).await.map(|_| ())
            }
            Phase::Running => Ok(()),
            Phase::Unknown { since, .. } if now < since.saturating_add(SETTLE_S) => Ok(()),
            _ => self.look(rental).await.map(|_| ()),
        }
    }

    /// Tells the miner that a rental is over; one that cannot be reached is told
    /// again later.
    pub(super) async fn finish(&self, mut rental: Rental) -> Result<Held, RentError> {
        let key = rental.order_key.clone();
        let now = (self.now_unix_s)();
        let reason = match &rental.phase {
            Phase::Ending { reason } => Some(reason.clone()),
            _ => None,
        };
        match self.call(&rental, RentCall::End { key }).await {
            Ok(lease) => self.apply(&mut rental, lease),
            Err(RentFailure::Said(RentError::NoSuchRental)) => match reason {
                Some(reason) => self.over(&mut rental, reason),
                None => self.not_seen(&mut rental),
            },
            Err(failure) if now >= rental.ends_at.saturating_add(GIVE_UP_S) => {
                let reason = format!("its time is over; its miner could not be told: {failure}");
                self.over(&mut rental, reason);
            }
            Err(failure) => return Ok(held(&rental, Some(failure.to_string()))),
        }
        Ok(self.kept(&rental, None).await)
    }

    /// The miner signed that it knows no such rental.
    pub(super) fn not_seen(&self, rental: &mut Rental) {
        let now = (self.now_unix_s)();
        let (looks, since) = match rental.phase {
            Phase::Running => {
                let reason = "its miner does not know it any more".to_owned();
                return self.over(rental, reason);
            }
            Phase::Unknown { looks, since } => (looks, since),
            _ => (0, now),
        };
        let counts = now >= since.saturating_add(SETTLE_S);
        rental.phase = match looks + u32::from(counts) {
            LOOKS.. => Phase::Refused {
                reason: "its miner never took it".to_owned(),
            },
            looks if counts => Phase::Unknown { looks, since: now },
            looks => Phase::Unknown { looks, since },
        };
        rental.over_at = rental.phase.is_over().then_some(now);
    }

    fn over(&self, rental: &mut Rental, reason: String) {
        rental.phase = Phase::Ended { reason };
        rental.over_at = Some((self.now_unix_s)());
    }
}
