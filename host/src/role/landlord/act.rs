//! What is done to a rental without ending it: only what runs on the miner's own
//! machine can be held still, started again or given another key, because the host
//! itself has its containers; no provider has words for it.
//!
//! That it was asked for is on record before anything happens, and what came of it
//! after; whether a rental stands still is never read from there, but from what runs.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::subnet::rental::{Act, Phase, RentError, Rental, Renter};
use crate::subnet::ssh_key::ssh_key;
use crate::subnet::text::escape;
use crate::subnet::workload::{Caretaker, WorkloadError};

use super::book::unwritten;
use super::labels;
use super::office::Office;
use super::running::is_reachable;

impl Office {
    /// Does `act` to what its renter rents, and looks at what it is after that.
    pub(super) async fn act(
        self: &Arc<Self>,
        renter: Renter,
        key: &str,
        act: Act,
    ) -> Result<(), RentError> {
        self.check_open()?;
        let act = sound(act)?;
        let found = self.book.find(&renter, key).await?;
        let found = found.filter(|rental| rental.renter == renter);
        let order_key = found.ok_or(RentError::NoSuchRental)?.order_key;
        let still = || RentError::Forbidden("the rental does not run".to_owned());
        let _hold = self.book.hold(&order_key).await.ok_or_else(still)?;
        let (mut rental, id) = self.at_hand(&order_key).await.ok_or_else(still)?;
        let caretaker = self.caretaker.clone();
        let caretaker = caretaker.ok_or_else(|| cannot(&rental, &act))?;
        labels::begin_act(&mut rental, &act, self.clock.unix_s());
        self.book.save(rental.clone()).await.map_err(unwritten)?;
        let done = self.done(&*caretaker, &rental, &id, &act).await;
        labels::end_act(&mut rental, done.is_ok());
        self.book.save(rental).await.map_err(unwritten)?;
        self.look_at(&order_key).await;
        done
    }

    /// A rental that can be logged in to, and the provider's name of it; one that
    /// could not when it was last seen is looked at once more.
    async fn at_hand(self: &Arc<Self>, order_key: &str) -> Option<(Rental, String)> {
        let (rental, _) = self.book.live(order_key)?;
        if let Some(id) = self.runs(&rental) {
            return Some((rental, id));
        }
        self.look_at(order_key).await;
        let (rental, _) = self.book.live(order_key)?;
        let id = self.runs(&rental)?;
        Some((rental, id))
    }

    async fn look_at(self: &Arc<Self>, order_key: &str) {
        self.book.pace(order_key, |pace| pace.not_before = 0);
        self.work(order_key).await;
    }

    /// The provider's name of what runs, if it can be logged in to.
    fn runs(&self, rental: &Rental) -> Option<String> {
        let in_time = self.clock.unix_s() < rental.ends_at;
        let instance = rental.instance.as_ref().filter(|it| is_reachable(it))?;
        (in_time && rental.phase == Phase::Running).then(|| instance.id.clone())
    }

    async fn done(
        &self,
        caretaker: &dyn Caretaker,
        rental: &Rental,
        id: &str,
        act: &Act,
    ) -> Result<(), RentError> {
        let limit = Duration::from_secs(self.rules.call_timeout_s);
        let doing = caretaker.act(&rental.adapter, id, act);
        let done = tokio::time::timeout(limit, doing).await;
        let late = |_| {
            Err(WorkloadError::Failed(format!(
                "not done within {} seconds",
                limit.as_secs()
            )))
        };
        let Err(error) = done.unwrap_or_else(late) else {
            info!(order = %rental.order_key, act = act.as_str(), "acted upon");
            return Ok(());
        };
        warn!(order = %rental.order_key, act = act.as_str(), why = escape(&error.to_string()), "not acted upon");
        Err(match error {
            WorkloadError::NoSuchWorkload => cannot(rental, act),
            WorkloadError::Malformed(why) => RentError::Forbidden(why),
            _ => RentError::Upstream(
                "whether it was done is not known; look at the rental and ask again".to_owned(),
            ),
        })
    }
}

/// With a key that is one, and nothing beside it.
fn sound(act: Act) -> Result<Act, RentError> {
    Ok(match act {
        Act::ExchangeKey { ssh_public_key } => Act::ExchangeKey {
            ssh_public_key: ssh_key(&ssh_public_key).map_err(RentError::Malformed)?,
        },
        act => act,
    })
}

fn cannot(rental: &Rental, act: &Act) -> RentError {
    let (adapter, act) = (&rental.adapter, act.as_str());
    RentError::Forbidden(format!(
        "{adapter}, which provides this machine, cannot do `{act}`; end the rental and rent again"
    ))
}
