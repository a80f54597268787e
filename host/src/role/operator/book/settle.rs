//! Brings to an end what was left in between: after a crash, a miner that could
//! not be reached, a rental whose time is over.
//!
//! Nothing stays in between for ever: whatever a miner does, or does not, a
//! rental is over an hour after its time is.

use futures::StreamExt as _;

use crate::subnet::rental::{Phase, RentError, Rental};
use crate::subnet::wire::{RentCall, RentFailure};

use super::super::asked::Held;
use super::{Book, held, labels, lease};

/// Between two looks; a request that is older is refused by any axon.
pub(super) const SETTLE_S: u64 = 15;
/// Looks in a row that do not find an order, until it counts as not taken.
const LOOKS: u32 = 2;
/// After its end a rental is ended once more, by word.
const GRACE_S: u64 = 60;
/// A miner that cannot be reached for so long after a rental's end has ended it:
/// it was told when.
const GIVE_UP_S: u64 = 3_600;
/// Rentals settled side by side: a miner that keeps us waiting delays its own.
const AT_ONCE: usize = 16;

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
        futures::stream::iter(live)
            .for_each_concurrent(AT_ONCE, |rental| async move {
                let Ok(_claim) = self.claim(&rental.order_key) else {
                    return;
                };
                if let Err(error) = self.settle_one(&rental.order_key).await {
                    tracing::warn!(%error, key = rental.order_key, "a rental is not settled yet");
                }
            })
            .await;
    }

    async fn settle_one(&self, order_key: &str) -> Result<(), RentError> {
        // Somebody may have worked on it since it was read.
        let newest = self.known(order_key).await?;
        let Some(mut rental) = newest.filter(|rental| !rental.phase.is_over()) else {
            return Ok(());
        };
        let now = self.now();
        match rental.phase {
            Phase::Ending { .. } => {
                self.finish(rental).await;
            }
            Phase::Running => self.settle_running(rental).await?,
            Phase::Unknown { since, .. } if now < since.saturating_add(SETTLE_S) => {}
            _ if labels::is_end_wanted(&rental) => {
                self.finish(rental).await;
            }
            _ => {
                self.refresh(&mut rental).await;
            }
        }
        Ok(())
    }

    async fn settle_running(&self, mut rental: Rental) -> Result<(), RentError> {
        if labels::extending_since(&rental).is_some() {
            self.refresh(&mut rental).await;
        }
        let is_late = self.now() >= rental.ends_at.saturating_add(GRACE_S);
        if rental.phase == Phase::Running && is_late {
            let reason = "its time is over".to_owned();
            rental.phase = Phase::Ending { reason };
            self.keep(&rental).await?;
            self.finish(rental).await;
        }
        Ok(())
    }

    /// Tells the miner that a rental is over; one that cannot be reached is told
    /// again later.
    pub(super) async fn finish(&self, mut rental: Rental) -> Held {
        let key = rental.order_key.clone();
        let note = match self.call(&rental, RentCall::End { key }).await {
            Ok(lease) => {
                let said = lease.state.clone();
                let note = self.apply(&mut rental, lease);
                if !rental.phase.is_over() && self.is_given_up(&rental) {
                    let reason = format!("its time is over; its miner says that it is {said}");
                    self.over(&mut rental, reason);
                }
                note
            }
            Err(RentFailure::Said(RentError::NoSuchRental)) => {
                self.not_seen(&mut rental);
                None
            }
            Err(failure) if self.is_given_up(&rental) => {
                self.never_known(&mut rental, &failure);
                None
            }
            Err(failure) => {
                tracing::warn!(%failure, key = rental.order_key, "a rental is not ended yet");
                return held(&rental, Some(failure.to_string()));
            }
        };
        let note = self.kept(&rental, note).await;
        held(&rental, note)
    }

    /// Its time was over long ago, by what its miner was told.
    pub(super) fn is_given_up(&self, rental: &Rental) -> bool {
        self.now() >= rental.ends_at.saturating_add(GIVE_UP_S)
    }

    /// Its time is over and its miner was never heard again; what it may have cost
    /// counts.
    pub(super) fn never_known(&self, rental: &mut Rental, failure: &RentFailure) {
        let presumed = lease::presumed(rental);
        rental.instance.get_or_insert(presumed);
        let reason = format!("its time is over; its miner could not be asked: {failure}");
        self.over(rental, crate::subnet::text::escape(&reason));
    }

    /// The miner signed that it knows no such rental.
    pub(super) fn not_seen(&self, rental: &mut Rental) {
        let now = self.now();
        let (looks, since) = match &rental.phase {
            Phase::Running => {
                return self.over(rental, "its miner does not know it any more".to_owned());
            }
            Phase::Ending { reason } => {
                let reason = reason.clone();
                return self.over(rental, reason);
            }
            Phase::Unknown { looks, since } => (*looks, *since),
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
}
