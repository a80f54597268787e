//! Holds weights that change too much, until somebody has looked.
//!
//! What the policy wants is compared with what counts now: the weights this node
//! set last, or those on chain if it remembers none. While it holds, those are
//! set again, so that the validator does not fall inactive, without the uids that
//! changed hands since; after so many epochs nothing is set any more. An operator
//! who has looked accepts: then the change is measured from what was held. What is
//! held and what was accepted are on record, so a restart forgets neither.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::subnet::BlockNumber;
use crate::subnet::chain::Metagraph;
use crate::subnet::events::{Event, WeightsKind};
use crate::subnet::evidence::{EvidenceStore, StoreError, WeightsRecord, WeightsState};
use crate::subnet::guard::{Limits, Objection};
use crate::subnet::shares::{Change, Shares, change};
use crate::subnet::weights::Weights;

use super::Validator;
use super::scoring::NotScored;

/// What is held, for the operator to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The epoch whose weights are held.
    pub epoch: u64,
    /// Epochs in a row.
    pub epochs: u32,
    /// Why.
    pub objections: Vec<String>,
    /// What they would change.
    pub change: Change,
    /// What the policy wants, in parts per million.
    pub wanted: Shares,
}

/// Stands between the policy and the chain; shared with whoever may accept.
#[derive(Default)]
pub struct Guard {
    limits: Mutex<Option<Limits>>,
    state: Mutex<State>,
    memory: OnceLock<Arc<dyn EvidenceStore>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    held: Option<Held>,
    accepted: Option<Shares>,
}

impl Guard {
    /// Off if there are no limits.
    pub fn new(limits: Option<Limits>) -> Self {
        Self {
            limits: Mutex::new(limits),
            ..Self::default()
        }
    }

    /// From the next epoch on.
    pub fn set_limits(&self, limits: Option<Limits>) {
        *lock(&self.limits) = limits;
    }

    /// Takes up what is on record in `memory`, and keeps its own there from now on;
    /// blocks.
    pub fn remember_in(&self, memory: Arc<dyn EvidenceStore>) -> Result<(), StoreError> {
        if let Some(json) = memory.guard()? {
            *lock(&self.state) =
                serde_json::from_str(&json).map_err(|error| StoreError(error.to_string()))?;
        }
        // A node has one memory; a second changes nothing.
        let _ = self.memory.set(memory);
        Ok(())
    }

    /// What is held now.
    pub fn held(&self) -> Option<Held> {
        lock(&self.state).held.clone()
    }

    /// Lets what is held through with the next epoch, and what differs little from
    /// it; on record first, so it blocks.
    pub fn accept(&self) -> Result<Option<Held>, StoreError> {
        let Some(held) = self.held() else {
            return Ok(None);
        };
        self.change(State {
            held: None,
            accepted: Some(held.wanted.clone()),
        })?;
        Ok(Some(held))
    }

    fn object(&self, limits: &Limits, old: &Shares, new: &Shares) -> Vec<Objection> {
        let objections = limits.object(old, new);
        let accepted = lock(&self.state).accepted.clone();
        match accepted {
            Some(accepted) if limits.object(&accepted, new).is_empty() => Vec::new(),
            _ => objections,
        }
    }

    fn pass(&self) -> Result<(), StoreError> {
        self.change(State::default())
    }

    fn hold(&self, held: Held) -> Result<(), StoreError> {
        let accepted = lock(&self.state).accepted.clone();
        self.change(State {
            held: Some(held),
            accepted,
        })
    }

    fn change(&self, state: State) -> Result<(), StoreError> {
        let mut now = lock(&self.state);
        if *now == state {
            return Ok(());
        }
        if let Some(memory) = self.memory.get() {
            let json = serde_json::to_string(&state);
            memory.record_guard(&json.map_err(|error| StoreError(error.to_string()))?)?;
        }
        *now = state;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The weights that count now.
struct Standing {
    weights: Weights,
    held_epochs: u32,
    /// Who took a slot after this block is not who these weights were for.
    since: BlockNumber,
}

impl Standing {
    /// Without the uids that changed hands.
    fn still_theirs(&self, metagraph: &Metagraph) -> Weights {
        let same = |uid: u16| {
            let neuron = metagraph.neurons.get(usize::from(uid));
            neuron.is_some_and(|neuron| neuron.registered_at <= self.since)
        };
        let weights = self.weights.0.iter().copied();
        Weights(weights.filter(|(uid, _)| same(*uid)).collect())
    }
}

fn shares(weights: &Weights) -> Shares {
    Shares::of(
        weights
            .0
            .iter()
            .map(|(uid, value)| (*uid, u64::from(*value))),
    )
}

impl Validator {
    /// The record of what is to be set: the policy's weights, the older ones while
    /// the guard holds, or none once it has held for too long.
    pub(super) async fn guarded(
        &self,
        metagraph: &Metagraph,
        wanted: Weights,
    ) -> Result<Option<WeightsRecord>, NotScored> {
        let guard = &self.means.guard;
        let record = |weights, held_epochs| WeightsRecord {
            epoch: metagraph.epoch,
            weights,
            state: WeightsState::Intended,
            held_epochs,
        };
        let Some(limits) = *lock(&guard.limits) else {
            return Ok(Some(record(wanted, 0)));
        };
        let standing = self.standing(metagraph).await?;
        let old = standing.still_theirs(metagraph);
        let (old_shares, new_shares) = (shares(&old), shares(&wanted));
        let objections = guard.object(&limits, &old_shares, &new_shares);
        if objections.is_empty() {
            let guard = guard.clone();
            self.memory().with(move |_| guard.pass()).await?;
            return Ok(Some(record(wanted, 0)));
        }
        let epochs = standing.held_epochs.saturating_add(1);
        let held = Held {
            epoch: metagraph.epoch,
            epochs,
            objections: objections.iter().map(ToString::to_string).collect(),
            change: change(&old_shares, &new_shares),
            wanted: new_shares,
        };
        let guard = guard.clone();
        self.memory().with(move |_| guard.hold(held)).await?;
        self.page(&objections, epochs, &limits, metagraph.block);
        let goes_on = epochs <= limits.hold_epochs_max && !old.0.is_empty();
        Ok(goes_on.then(|| record(old, epochs)))
    }

    /// What this node set last and did not give up, or what is on chain.
    async fn standing(&self, metagraph: &Metagraph) -> Result<Standing, NotScored> {
        let (last, scored) = self
            .memory()
            .with(|store| {
                let last = store.last_weights()?;
                let scored = match &last {
                    Some(last) => store.epoch(last.epoch)?,
                    None => None,
                };
                Ok((last, scored))
            })
            .await?;
        if let Some(last) = last.filter(|last| last.state != WeightsState::Abandoned) {
            return Ok(Standing {
                since: scored.map_or(0, |scored| scored.evidence.epoch.block),
                weights: last.weights,
                held_epochs: last.held_epochs,
            });
        }
        let own = metagraph.neuron(&self.means.me);
        let weights = match own {
            Some(own) => {
                let chain = &self.means.chain;
                chain.weights(metagraph.netuid, own.uid).await?
            }
            None => Weights::default(),
        };
        Ok(Standing {
            weights,
            held_epochs: 0,
            since: own.map_or(0, |own| own.last_update),
        })
    }

    /// As loudly as a log can be.
    fn page(&self, objections: &[Objection], epochs: u32, limits: &Limits, block: BlockNumber) {
        for why in objections {
            error!(%why, epochs, "the guard holds the policy's weights");
        }
        let kind = if epochs <= limits.hold_epochs_max {
            error!(
                "the last weights are set again, {} epochs more at most; look with `host guard`, \
                 then `host guard accept`, or `host plugin swap` another policy",
                limits.hold_epochs_max.saturating_sub(epochs)
            );
            WeightsKind::Held
        } else {
            error!(
                "held for too long: NO WEIGHTS ARE SET any more and this validator will fall \
                 inactive; type `host guard`, then `host guard accept`, or swap another policy"
            );
            WeightsKind::Withheld
        };
        self.means.observer.observe(Event::Weights { kind, block });
    }
}
