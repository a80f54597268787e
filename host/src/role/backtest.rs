//! Another policy over the epochs on record: who would have gained, who would
//! have fallen to zero.
//!
//! Each policy lives through the epochs in order, as it would have: its own
//! memory and its own last points go from one to the next. In the first epoch,
//! and after a gap, memory is empty and last points are what the record says,
//! unless the record is of that very policy, which then starts from its own
//! memory. What miners did is what they did under the policy of then: a backtest
//! says what this evidence would have paid, not how anybody would have behaved.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::subnet::Uid;
use crate::subnet::evidence::EpochRecord;
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{Called, PluginError, ScoringPolicy};
use crate::subnet::scoring::{Evidence, Outcome};
use crate::subnet::shares::{Change, Shares, change};

/// One policy on its way through the epochs.
pub struct Contestant {
    policy: Arc<dyn ScoringPolicy>,
    last: Option<Last>,
}

/// What a policy carries from one epoch to the next.
struct Last {
    number: u64,
    points: HashMap<AccountId, u64>,
    memory: Vec<u8>,
}

/// What a policy made of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scored {
    /// Each uid's part.
    pub shares: Shares,
    /// Fuel burned.
    pub fuel: u64,
    /// Why there are no shares, if the policy failed.
    pub failed: Option<String>,
}

/// One epoch under both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The chain's count.
    pub epoch: u64,
    /// The old policy's.
    pub old: Scored,
    /// The new one's.
    pub new: Scored,
    /// From the one to the other.
    pub change: Change,
}

impl Contestant {
    /// Before its first epoch.
    pub fn new(policy: Arc<dyn ScoringPolicy>) -> Self {
        Self { policy, last: None }
    }

    /// After an epoch that it scored so before.
    pub fn after(policy: Arc<dyn ScoringPolicy>, evidence: &Evidence, outcome: &Outcome) -> Self {
        let mut contestant = Self::new(policy);
        contestant.remember(evidence, outcome);
        contestant
    }

    /// Lives through one epoch more.
    pub async fn score(&mut self, record: &EpochRecord) -> Scored {
        match self.evaluate(record).await {
            Ok(called) => Scored {
                shares: Shares::of_scores(&called.value.scores),
                fuel: called.fuel,
                failed: None,
            },
            Err(error) => Scored {
                shares: Shares::default(),
                fuel: 0,
                failed: Some(error.to_string()),
            },
        }
    }

    /// As [`Self::score`], with all that the policy returned.
    pub async fn evaluate(&mut self, record: &EpochRecord) -> Result<Called<Outcome>, PluginError> {
        let evidence = self.as_it_would_have_been(record);
        let called = self.policy.evaluate(&evidence).await?;
        self.remember(&evidence, &called.value);
        Ok(called)
    }

    fn as_it_would_have_been(&self, record: &EpochRecord) -> Evidence {
        let mut evidence = record.evidence.clone();
        match &self.last {
            Some(last) if last.number + 1 == evidence.epoch.number => {
                for miner in &mut evidence.miners {
                    miner.previous_points = last.points.get(&miner.hotkey).copied().unwrap_or(0);
                }
                evidence.memory.clone_from(&last.memory);
            }
            _ if record.policy == *self.policy.id() => {}
            _ => evidence.memory.clear(),
        }
        evidence
    }

    fn remember(&mut self, evidence: &Evidence, outcome: &Outcome) {
        let points: HashMap<Uid, u64> = outcome
            .scores
            .iter()
            .map(|score| (score.uid, score.points))
            .collect();
        let miners = evidence.miners.iter();
        self.last = Some(Last {
            number: evidence.epoch.number,
            points: miners
                .filter_map(|miner| Some((miner.hotkey, *points.get(&miner.uid)?)))
                .collect(),
            memory: outcome.memory.clone(),
        });
    }
}

/// Sets two results of one epoch side by side.
pub fn compare(epoch: u64, old: Scored, new: Scored) -> Compared {
    let change = change(&old.shares, &new.shares);
    Compared {
        epoch,
        old,
        new,
        change,
    }
}
