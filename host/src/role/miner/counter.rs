//! Where renters are served: each call goes to the landlord in its own name.
//!
//! Who calls was proved, and is the only renter it can speak for. What was begun
//! goes on when its caller hangs up, so that nothing is cut off between an order
//! and the note that it was placed; so many may run at once.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::subnet::key::AccountId;
use crate::subnet::rental::{Landlord, RentError, Renter};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::wire::{RentAnswer, RentCall};

/// Calls under way, those whose callers have hung up among them.
const CALLS_MAX: usize = 32;
/// What a caller is told to wait when there are as many.
const RETRY_MS: u32 = 1_000;

pub(super) struct Counter {
    landlord: Arc<dyn Landlord>,
    calls: Arc<Semaphore>,
}

impl Counter {
    pub(super) fn new(landlord: Arc<dyn Landlord>) -> Self {
        Self {
            landlord,
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
        }
    }

    /// What the miner describes, its own machine first.
    pub(super) async fn machines(&self) -> Vec<OfferedMachine> {
        self.landlord.machines().await
    }

    pub(super) async fn serve(
        &self,
        caller: &AccountId,
        call: RentCall,
    ) -> Result<RentAnswer, RentError> {
        let Ok(place) = self.calls.clone().try_acquire_owned() else {
            // No word about its machines: whoever looks would take it for one.
            return Err(RentError::Busy(RETRY_MS));
        };
        let (landlord, renter) = (self.landlord.clone(), Renter::Hotkey(*caller));
        let serving = tokio::spawn(async move {
            let _place = place;
            pass_on(&*landlord, &renter, call).await
        });
        serving.await.unwrap_or_else(|error| {
            tracing::error!(%error, "serving a renter panicked");
            Err(RentError::Failed("this node failed; look again".to_owned()))
        })
    }
}

async fn pass_on(
    landlord: &dyn Landlord,
    renter: &Renter,
    call: RentCall,
) -> Result<RentAnswer, RentError> {
    let lease = match call {
        RentCall::Offers => return Ok(RentAnswer::Listings(landlord.listings().await)),
        RentCall::List => return landlord.leases(renter).await.map(RentAnswer::Leases),
        RentCall::Order(request) => landlord.rent(renter, request).await?,
        RentCall::Show { key } => landlord.inspect(renter, &key).await?,
        RentCall::Extend { key, by_s } => landlord.extend(renter, &key, by_s).await?,
        RentCall::End { key } => landlord.end(renter, &key).await?,
    };
    Ok(RentAnswer::Lease(Box::new(lease)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::role::miner::allocate::tests::OneMachine;

    #[tokio::test]
    async fn a_full_counter_says_that_it_is_busy_and_not_that_a_machine_is_let() {
        let counter = Counter::new(Arc::new(OneMachine::default()));
        let caller = AccountId([1; 32]);
        let served = counter.serve(&caller, RentCall::Offers).await;
        assert!(matches!(served, Ok(RentAnswer::Listings(_))), "{served:?}");
        let all = u32::try_from(CALLS_MAX).unwrap();
        let _others = counter.calls.clone().try_acquire_many_owned(all).unwrap();
        let refused = counter.serve(&caller, RentCall::Offers).await;
        assert_eq!(refused, Err(RentError::Busy(RETRY_MS)));
    }
}
