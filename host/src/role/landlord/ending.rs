//! Getting rid of what is paid for: for ever, ever louder, because it costs money
//! until it succeeds.

use std::sync::Arc;

use tracing::{error, info};

use crate::subnet::events::Event;
use crate::subnet::evidence::StoreError;
use crate::subnet::provider::{Instance, InstanceState, ProviderAdapter, ProviderError};
use crate::subnet::rental::{Lease, Phase, RentError, Rental, Renter};
use crate::subnet::text::escape;

use super::book::{Pace, unwritten};
use super::drive::Next;
use super::office::Office;
use super::running::is_reachable;

/// Failures after which a rental that does not end is an error and no warning.
const LOUD: u32 = 3;
/// Between two looks at what is on its way out, in seconds.
const POLL_S: u64 = 3;
/// Looks at what is on its way out before it is ended once more.
const POLLS_MAX: u32 = 20;

impl Office {
    /// Ends a renter's rental, and waits for the first answer of the provider.
    pub(super) async fn end(
        self: &Arc<Self>,
        renter: Renter,
        key: &str,
    ) -> Result<Lease, RentError> {
        let found = self.book.find(&renter, key).await?;
        let found = found.ok_or(RentError::NoSuchRental)?;
        if let Some(_hold) = self.book.hold(&found.order_key).await {
            // Over, perhaps, while somebody else held it.
            if let Some((rental, _)) = self.book.live(&found.order_key) {
                self.give_up(rental, &renter).await.map_err(unwritten)?;
                self.work(&found.order_key).await;
            }
        }
        let ended = self.book.find(&renter, key).await?;
        Ok(ended.ok_or(RentError::NoSuchRental)?.lease())
    }

    async fn give_up(&self, mut rental: Rental, by: &Renter) -> Result<(), StoreError> {
        let reason = match by {
            Renter::Operator if rental.renter != Renter::Operator => {
                "ended by the miner's operator"
            }
            _ => "ended by its renter",
        };
        match rental.phase {
            // Nobody was asked for anything.
            Phase::Intended => {
                rental.phase = Phase::Ended {
                    reason: reason.to_owned(),
                };
                rental.over_at = Some(self.clock.unix_s());
                self.book.save(rental).await
            }
            Phase::Ending { .. } => Ok(()),
            _ => self.begin_end(rental, reason).await.map(drop),
        }
    }

    /// A step towards the end.
    pub(super) async fn finish(
        self: &Arc<Self>,
        rental: Rental,
        pace: Pace,
        reason: String,
    ) -> Result<Next, StoreError> {
        if self.clock.unix_s() < pace.not_before {
            return Ok(Next::Wait);
        }
        let Some(adapter) = self.adapter(&rental.adapter) else {
            return Ok(self.absent(&rental));
        };
        let Some(instance) = rental.instance.clone() else {
            return self.seek(rental, pace, reason, &*adapter).await;
        };
        if !pace.terminated {
            match self.call(adapter.terminate(&instance.id)).await {
                Ok(()) | Err(ProviderError::NotFound) => {
                    let polls = |pace: &mut Pace| pace.terminated = true;
                    self.book.pace(&rental.order_key, polls);
                }
                Err(error) => return Ok(self.still_there(&rental, &error)),
            }
        }
        match self.call(adapter.inspect(&instance.id)).await {
            Ok(found) => self.on_its_way(rental, pace, reason, found).await,
            // Once it was there for all to see, one look is enough.
            Err(ProviderError::NotFound) if is_reachable(&instance) => {
                self.over(rental, reason).await
            }
            Err(ProviderError::NotFound) if self.missed_twice(&rental, &pace) => {
                self.over(rental, reason).await
            }
            Err(ProviderError::NotFound) => Ok(Next::Wait),
            Err(error) => Ok(self.still_there(&rental, &error)),
        }
    }

    async fn on_its_way(
        &self,
        rental: Rental,
        pace: Pace,
        reason: String,
        found: Instance,
    ) -> Result<Next, StoreError> {
        match found.state {
            InstanceState::Terminated => return self.over(rental, reason).await,
            InstanceState::Stopping if pace.failures < POLLS_MAX => {
                self.book.pace(&rental.order_key, |pace| pace.failures += 1);
                self.wait(&rental, POLL_S);
            }
            _ => {
                let again = |pace: &mut Pace| pace.terminated = false;
                self.book.pace(&rental.order_key, again);
                let why = ProviderError::Upstream("it was to be ended and is still there".into());
                self.still_there(&rental, &why);
            }
        }
        Ok(Next::Wait)
    }

    /// It may have been bought, and nobody knows under which name.
    async fn seek(
        &self,
        mut rental: Rental,
        pace: Pace,
        reason: String,
        adapter: &dyn ProviderAdapter,
    ) -> Result<Next, StoreError> {
        match self.seen(adapter, &rental).await {
            Err(wait) => Ok(wait),
            Ok(Some(instance)) => {
                rental.instance = Some(instance);
                self.book.save(rental).await?;
                Ok(Next::Again)
            }
            Ok(None) if self.missed_twice(&rental, &pace) => self.over(rental, reason).await,
            Ok(None) => Ok(Next::Wait),
        }
    }

    /// It costs money; says so, and asks again later.
    fn still_there(&self, rental: &Rental, why: &ProviderError) -> Next {
        self.observer.observe(Event::TerminateRetried);
        let failures = self.hold_back(rental, why, "a rental could not be ended yet");
        if failures >= LOUD {
            let instance = rental
                .instance
                .as_ref()
                .map(|instance| escape(&instance.id));
            error!(order = %rental.order_key, adapter = %rental.adapter, ?instance, failures, "A RENTAL IS PAID FOR AND DOES NOT END; end it with the provider by hand if this goes on");
        }
        Next::Wait
    }

    async fn over(&self, mut rental: Rental, reason: String) -> Result<Next, StoreError> {
        info!(order = %rental.order_key, adapter = %rental.adapter, why = %reason, "a rental is over");
        rental.phase = Phase::Ended { reason };
        rental.over_at = Some(self.clock.unix_s());
        if let Some(instance) = &mut rental.instance {
            instance.state = InstanceState::Terminated;
        }
        self.board.forget(&rental.adapter);
        self.book.save(rental).await?;
        Ok(Next::Wait)
    }
}
