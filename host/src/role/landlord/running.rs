//! A rental that is paid for: until it can be logged in to, until it is lost, until
//! its time is over.

use std::sync::Arc;

use crate::subnet::evidence::StoreError;
use crate::subnet::provider::{Instance, InstanceState, ProviderError};
use crate::subnet::rental::{Phase, Rental};

use super::book::Pace;
use super::drive::Next;
use super::labels;
use super::office::Office;
use super::rules::provider_price_max;

/// The shortest and the longest wait for a machine that starts, in seconds.
const POLL_S: (u64, u64) = (2, 30);

impl Office {
    /// Looks at what runs, when it is due.
    pub(super) async fn watch(
        self: &Arc<Self>,
        rental: Rental,
        pace: Pace,
    ) -> Result<Next, StoreError> {
        let now = self.clock.unix_s();
        let Some(instance) = rental.instance.clone() else {
            return self.begin_end(rental, "lost: nothing is known of it").await;
        };
        if let Some(why) = self.objection(&rental, &instance, now) {
            return self.begin_end(rental, &why).await;
        }
        if now < pace.not_before {
            return Ok(Next::Wait);
        }
        let Some(adapter) = self.adapter(&rental.adapter) else {
            return Ok(self.absent(&rental));
        };
        if let Some(ends_at) = labels::extending_to(&rental) {
            return self
                .ask_to_extend(rental, &*adapter, &instance.id, ends_at)
                .await;
        }
        match self.call(adapter.inspect(&instance.id)).await {
            Ok(found) if found.id == instance.id => self.observe(rental, found).await,
            Ok(_) => {
                let error = ProviderError::Unsupported("it describes another instance".to_owned());
                self.hold_back(&rental, &error, "a rental cannot be looked at");
                Ok(Next::Wait)
            }
            Err(ProviderError::NotFound) if self.missed_twice(&rental, &pace) => {
                self.begin_end(rental, "lost: the provider knows it no more")
                    .await
            }
            Err(ProviderError::NotFound) => Ok(Next::Wait),
            Err(error) => {
                self.hold_back(&rental, &error, "a rental cannot be looked at");
                Ok(Next::Wait)
            }
        }
    }

    /// Why it is not to go on.
    fn objection(&self, rental: &Rental, instance: &Instance, now: u64) -> Option<String> {
        if now >= rental.ends_at {
            return Some("its time is over".to_owned());
        }
        match instance.state {
            InstanceState::Terminated => return Some("lost: the provider ended it".to_owned()),
            InstanceState::Stopping => return Some("lost: the provider is ending it".to_owned()),
            InstanceState::Failed => return Some("lost: it is broken".to_owned()),
            InstanceState::Starting | InstanceState::Running => {}
        }
        if instance.price_micro_usd_per_hour > provider_price_max(rental) {
            return Some("the provider charges more than was agreed".to_owned());
        }
        let patience = self.rules.start_timeout_s;
        let since = labels::away_since(rental).unwrap_or(rental.began_at);
        let late = now >= since.saturating_add(patience);
        (late && !is_reachable(instance))
            .then(|| format!("it could not be logged in to within {patience} seconds"))
    }

    /// Takes over what the provider says.
    pub(super) async fn observe(
        self: &Arc<Self>,
        mut rental: Rental,
        found: Instance,
    ) -> Result<Next, StoreError> {
        let changed = rental.instance.as_ref() != Some(&found);
        match (&rental.instance, is_reachable(&found)) {
            (_, true) => labels::end_away(&mut rental),
            // It starts again, for as long as it may have taken at first.
            (Some(before), false) if is_reachable(before) => {
                labels::begin_away(&mut rental, self.clock.unix_s());
            }
            _ => {}
        }
        let objection = self.objection(&rental, &found, self.clock.unix_s());
        rental.instance = Some(found);
        if changed {
            self.book.save(rental.clone()).await?;
        }
        self.described(&rental);
        Ok(match objection {
            Some(_) => Next::Again,
            None => Next::Wait,
        })
    }

    /// The provider described it just now: the comparisons do the rest once it can
    /// be logged in to.
    pub(super) fn described(&self, rental: &Rental) {
        let now = self.clock.unix_s();
        let reachable = rental.instance.as_ref().is_some_and(is_reachable);
        let due = match reachable {
            true => rental.ends_at,
            false => {
                let age = now.saturating_sub(rental.began_at);
                now.saturating_add((age / 4).clamp(POLL_S.0, POLL_S.1))
            }
        };
        self.book.pace(&rental.order_key, |pace| {
            *pace = Pace {
                not_before: due.min(rental.ends_at),
                seen_at: now,
                refusal: pace.refusal.take(),
                ..Pace::default()
            }
        });
    }

    /// Counts that it was not there: one answer may be stale, two that are a settle
    /// time apart are believed.
    pub(super) fn missed_twice(&self, rental: &Rental, pace: &Pace) -> bool {
        let now = self.clock.unix_s();
        let again_at = pace.missed_at.saturating_add(self.rules.settle_s);
        if pace.misses > 0 && now >= again_at {
            return true;
        }
        let first = pace.misses == 0;
        self.book.pace(&rental.order_key, |pace| {
            if first {
                (pace.misses, pace.missed_at) = (1, now);
            }
            pace.not_before = pace.missed_at.saturating_add(self.rules.settle_s);
        });
        false
    }

    /// From here on it is only to be got rid of.
    pub(super) async fn begin_end(
        &self,
        mut rental: Rental,
        why: &str,
    ) -> Result<Next, StoreError> {
        tracing::info!(order = %rental.order_key, adapter = %rental.adapter, why, "ending a rental");
        rental.phase = Phase::Ending {
            reason: why.to_owned(),
        };
        labels::end_extending(&mut rental);
        self.book.save(rental.clone()).await?;
        self.book
            .pace(&rental.order_key, |pace| *pace = Pace::default());
        Ok(Next::Again)
    }
}

/// Whether somebody can log in.
pub(super) fn is_reachable(instance: &Instance) -> bool {
    instance.state == InstanceState::Running && instance.ssh.is_some()
}
