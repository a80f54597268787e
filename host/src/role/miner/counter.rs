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
            let why = "too many renters are being served; try again in a moment";
            return Err(RentError::Full(why.to_owned()));
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
