//! What was rented in the validator's name, for its own operator: who pays sees
//! everybody's rentals and may end any of them, under the keys that miners know.

use async_trait::async_trait;

use crate::subnet::rental::{
    Act, Landlord, Lease, Listing, RentError, RentRequest, Rental, Renter,
};
use crate::subnet::scoring::OfferedMachine;

use super::asked::Held;
use super::{Operator, outlive};

#[async_trait]
impl Landlord for Operator {
    async fn listings(&self) -> Vec<Listing> {
        Vec::new()
    }

    async fn rent(&self, _: &Renter, _: RentRequest) -> Result<Lease, RentError> {
        let why =
            "a validator lets no machines; rent by `host rent order`, with one of operator.keys";
        Err(RentError::Failed(why.to_owned()))
    }

    async fn inspect(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        payer(renter)?;
        Ok(lease(self.book.show(key).await?, key))
    }

    async fn extend(&self, renter: &Renter, key: &str, by_s: u64) -> Result<Lease, RentError> {
        payer(renter)?;
        let (book, asked) = (self.book.clone(), key.to_owned());
        let held = outlive(async move { book.extend(&asked, by_s).await }).await?;
        Ok(lease(held, key))
    }

    async fn end(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        payer(renter)?;
        let (book, asked) = (self.book.clone(), key.to_owned());
        let held = outlive(async move { book.end(&asked).await }).await?;
        Ok(lease(held, key))
    }

    async fn leases(&self, renter: &Renter) -> Result<Vec<Lease>, RentError> {
        payer(renter)?;
        Ok(self.book.all().await?.iter().map(Rental::lease).collect())
    }

    async fn machines(&self) -> Vec<OfferedMachine> {
        Vec::new()
    }

    async fn rentals(&self) -> Result<Vec<Rental>, RentError> {
        self.book.all().await
    }

    async fn act(&self, _: &Renter, _: &str, _: Act) -> Result<(), RentError> {
        let why =
            "a rental is not changed while it runs by way of a validator: end it and rent again";
        Err(RentError::Forbidden(why.to_owned()))
    }
}

/// Whoever may use the admin socket, and nobody else, by this way.
fn payer(renter: &Renter) -> Result<(), RentError> {
    match renter {
        Renter::Operator => Ok(()),
        Renter::Hotkey(_) => Err(RentError::NoSuchRental),
    }
}

fn lease(held: Held, key: &str) -> Lease {
    Lease {
        key: key.to_owned(),
        ..held.rental
    }
}
