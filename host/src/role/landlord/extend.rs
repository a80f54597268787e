//! Moving a rental's end: the new end and what it may cost are on disk before the
//! provider is asked, and it is asked for the same end until it answers.

use std::sync::Arc;

use tracing::info;

use crate::subnet::evidence::StoreError;
use crate::subnet::provider::{Instance, ProviderAdapter, ProviderError};
use crate::subnet::rental::{Lease, Phase, RentError, Rental, Renter, cost_micro_usd};
use crate::subnet::text::escape;

use super::drive::Next;
use super::labels;
use super::office::Office;
use super::rules::provider_price_max;

impl Office {
    /// Moves the end of a renter's rental by so many seconds.
    pub(super) async fn extend(
        self: &Arc<Self>,
        renter: Renter,
        key: &str,
        by_s: u64,
    ) -> Result<Lease, RentError> {
        self.check_open()?;
        let found = self.book.find(&renter, key).await?;
        let found = found.ok_or(RentError::NoSuchRental)?;
        let over = || RentError::Forbidden("the rental does not run".to_owned());
        let _hold = self.book.hold(&found.order_key).await.ok_or_else(over)?;
        let (rental, _) = self.book.live(&found.order_key).ok_or_else(over)?;
        let wanted = self.intend_extension(rental, by_s).await?;
        self.work(&found.order_key).await;
        let (rental, pace) = self.book.live(&found.order_key).ok_or_else(over)?;
        match (labels::extending_to(&rental), pace.refusal) {
            (None, _) if rental.ends_at == wanted => Ok(rental.lease()),
            (None, Some(why)) => Err(refused(&why)),
            (None, None) => Err(over()),
            (Some(_), _) => Err(RentError::Upstream(
                "it has not confirmed the new end yet; it goes on being asked".to_owned(),
            )),
        }
    }

    /// Puts the new end and its price on disk, if they are within the limits.
    async fn intend_extension(
        self: &Arc<Self>,
        mut rental: Rental,
        by_s: u64,
    ) -> Result<u64, RentError> {
        if rental.phase != Phase::Running {
            return Err(RentError::Forbidden("the rental does not run".to_owned()));
        }
        if labels::extending_to(&rental).is_some() {
            let why = "an earlier extension is not confirmed yet";
            return Err(RentError::Upstream(why.to_owned()));
        }
        let ends_at = rental.ends_at.saturating_add(by_s);
        let (whole, max) = (
            ends_at.saturating_sub(rental.began_at),
            self.rules.duration_s_max,
        );
        if by_s == 0 {
            return Err(RentError::Malformed("an extension of no time".to_owned()));
        }
        if whole > max || rental.request.probe {
            let why = format!("a rental takes {max} seconds at most, and a probe is not extended");
            return Err(RentError::Forbidden(why));
        }
        let before = rental.spend_micro_usd_max;
        rental.spend_micro_usd_max = cost_micro_usd(provider_price_max(&rental), whole);
        let more = rental.spend_micro_usd_max.saturating_sub(before);
        labels::begin_extending(&mut rental, ends_at);
        let (key, now) = (rental.order_key.clone(), self.clock.unix_s());
        self.book
            .grow(rental, more, self.rules.clone(), now)
            .await?;
        self.book.pace(&key, |pace| {
            (pace.not_before, pace.refusal) = (0, None);
        });
        Ok(ends_at)
    }

    /// Asks for an end that is on disk; again and again, if need be, until the old
    /// one has come.
    pub(super) async fn ask_to_extend(
        self: &Arc<Self>,
        mut rental: Rental,
        adapter: &dyn ProviderAdapter,
        instance: &str,
        ends_at: u64,
    ) -> Result<Next, StoreError> {
        let why = match self.call(adapter.extend(instance, ends_at)).await {
            Ok(found) if is_moved(&found, instance, ends_at) => {
                info!(order = %rental.order_key, ends_at, "extended");
                rental.ends_at = ends_at;
                labels::end_extending(&mut rental);
                rental.instance = Some(found);
                self.book.save(rental.clone()).await?;
                self.described(&rental);
                return Ok(Next::Again);
            }
            Ok(_) => ProviderError::Unsupported("it keeps to another end".to_owned()),
            Err(error) => error,
        };
        if why.effect_unknown() || matches!(why, ProviderError::Busy(_) | ProviderError::Plugin(_))
        {
            self.hold_back(&rental, &why, "a rental is not extended yet");
            return Ok(Next::Wait);
        }
        info!(order = %rental.order_key, why = escape(&why.to_string()), "not extended");
        labels::end_extending(&mut rental);
        let whole = rental.ends_at.saturating_sub(rental.began_at);
        rental.spend_micro_usd_max = cost_micro_usd(provider_price_max(&rental), whole);
        let key = rental.order_key.clone();
        self.book.save(rental).await?;
        self.book.pace(&key, |pace| {
            (pace.not_before, pace.refusal) = (0, Some(why));
        });
        Ok(Next::Again)
    }
}

/// A provider that ends it at another time did not extend it.
fn is_moved(found: &Instance, instance: &str, ends_at: u64) -> bool {
    found.id == instance && found.ends_at.is_none_or(|at| at >= ends_at)
}

fn refused(why: &ProviderError) -> RentError {
    match why {
        ProviderError::Unsupported(_) => {
            RentError::Forbidden("the provider cannot move an end".to_owned())
        }
        ProviderError::NoCapacity => RentError::Full(why.to_string()),
        ProviderError::Account(_) => {
            RentError::Upstream("the miner's account with it has to be mended".to_owned())
        }
        other => RentError::Upstream(escape(&other.to_string())),
    }
}
