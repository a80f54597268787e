//! A policy on trial: it scores every epoch beside the active one and decides
//! nothing. What it would have changed is on record, in the log and counted.
//!
//! It lives through the epochs as it would if it were active: with its own memory
//! and its own last points, also across a restart.

use std::sync::Arc;

use tracing::{info, warn};

use crate::role::backtest::Contestant;
use crate::subnet::events::Event;
use crate::subnet::evidence::{EpochRecord, ShadowRecord, StoreError};
use crate::subnet::plugin::ScoringPolicy;
use crate::subnet::shares::{Shares, change};
use crate::subnet::text::escape;

use super::Validator;

impl Validator {
    /// Lets the shadow policy score what the active one has scored. Its trouble is
    /// its own: the epoch goes on.
    pub(super) async fn shadow(&self, record: &EpochRecord) {
        let Some(policy) = self.means.plugins.shadow() else {
            return;
        };
        if let Err(error) = self.try_shadow(policy, record).await {
            warn!(%error, "the shadow policy's epoch is not on record");
        }
    }

    async fn try_shadow(
        &self,
        policy: Arc<dyn ScoringPolicy>,
        record: &EpochRecord,
    ) -> Result<(), StoreError> {
        let id = policy.id().clone();
        let mut contestant = self.contestant(policy).await?;
        let (outcome, fuel) = match contestant.evaluate(record).await {
            Ok(called) => (Ok(called.value), called.fuel),
            Err(error) => (Err(error.to_string()), 0),
        };
        let shares = |outcome: &Result<crate::subnet::scoring::Outcome, String>| match outcome {
            Ok(outcome) => Shares::of_scores(&outcome.scores),
            Err(_) => Shares::default(),
        };
        let shadow = ShadowRecord {
            number: record.evidence.epoch.number,
            change: change(&shares(&record.outcome), &shares(&outcome)),
            policy: id,
            outcome,
            fuel,
        };
        self.tell(&shadow);
        self.memory()
            .with(move |store| store.record_shadow(&shadow))
            .await
    }

    /// As it was after the epoch it scored last, if that was this very policy.
    async fn contestant(&self, policy: Arc<dyn ScoringPolicy>) -> Result<Contestant, StoreError> {
        let id = policy.id().clone();
        let last = self
            .memory()
            .with(move |store| {
                let Some(last) = store.last_shadow()?.filter(|last| last.policy == id) else {
                    return Ok(None);
                };
                let scored = store.epoch(last.number)?;
                Ok(scored.zip(last.outcome.ok()))
            })
            .await?;
        Ok(match last {
            Some((record, outcome)) => Contestant::after(policy, &record.evidence, &outcome),
            None => Contestant::new(policy),
        })
    }

    fn tell(&self, shadow: &ShadowRecord) {
        let change = &shadow.change;
        if let Err(why) = &shadow.outcome {
            warn!(
                policy = shadow.policy.name,
                why = escape(why),
                "the shadow policy failed"
            );
        }
        info!(
            epoch = shadow.number,
            policy = shadow.policy.name,
            moved_ppm = change.moved_ppm,
            zeroed = ?change.zeroed,
            raised = ?change.raised,
            "what the shadow policy would change"
        );
        self.means.observer.observe(Event::ShadowScored {
            moved_ppm: change.moved_ppm,
            zeroed: change.zeroed.len(),
            raised: change.raised.len(),
        });
    }
}
