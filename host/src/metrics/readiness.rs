//! Whether the node is of use, and if not, what it waits for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::subnet::events::{Condition, Event};

use super::words;

/// Without a new block for this long, the chain counts as away.
pub const CHAIN_SILENT_MAX: Duration = Duration::from_secs(60);

/// What `/readyz` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether nothing is missing.
    pub ready: bool,
    /// What holds.
    pub met: Vec<&'static str>,
    /// What does not. While the chain is away nobody can know what it holds, so
    /// that it is away is all that is said of it.
    pub missing: Vec<Missing>,
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Its name.
    pub condition: &'static str,
    /// What to look at.
    pub remedy: &'static str,
}

/// The conditions that matter to this node's role.
#[derive(Debug)]
pub(super) struct Conditions {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    required: BTreeMap<Condition, bool>,
    head_seen: Option<Instant>,
}

impl Conditions {
    pub(super) fn new(required: &[Condition]) -> Self {
        Self {
            state: Mutex::new(State {
                required: required.iter().map(|c| (*c, false)).collect(),
                head_seen: None,
            }),
        }
    }

    pub(super) fn hear(&self, event: Event, now: Instant) {
        match event {
            Event::HeadSeen { .. } => self.lock().head_seen = Some(now),
            Event::Readiness { condition, met } => {
                if let Some(state) = self.lock().required.get_mut(&condition) {
                    *state = met;
                }
            }
            _ => {}
        }
    }

    pub(super) fn readiness(&self, now: Instant) -> Readiness {
        let state = self.lock();
        let chain = state
            .head_seen
            .is_some_and(|seen| now.saturating_duration_since(seen) <= CHAIN_SILENT_MAX);
        let (met, missing): (Vec<_>, Vec<_>) = state
            .required
            .iter()
            .map(|(condition, met)| match condition {
                Condition::Chain => (*condition, chain),
                _ => (*condition, *met),
            })
            .partition(|(_, met)| *met);
        let away = missing.iter().any(|(c, _)| *c == Condition::Chain);
        let told = |condition: Condition| !(away && condition.is_on_chain());
        Readiness {
            ready: missing.is_empty(),
            met: met.iter().map(|(c, _)| words::condition(*c)).collect(),
            missing: missing
                .iter()
                .filter(|(c, _)| told(*c))
                .map(|(c, _)| Missing {
                    condition: words::condition(*c),
                    remedy: words::remedy(*c),
                })
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and a flag is never half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
