//! A plugin that fails again and again gives way to the one before it.
//!
//! Only failures of its own count, in a row, and only while somebody asks for
//! it: it is replaced at the next use, so that no call runs on a plugin that is
//! known to be broken. What the binary carries has nothing before it and stays.
//! The weights on chain are not touched by a policy's failure: the role that
//! asked sets none.

use std::sync::Arc;
use std::thread;

use super::active::Held;
use super::describe::{Refusal, Source, Swap, unix_s};
use super::{Registry, lock};
use crate::plugin::admission::{self, AdmissionError, Candidate};
use crate::plugin::trust;
use crate::subnet::events::{Event, SwapKind};
use crate::subnet::plugin::Digest;
use crate::subnet::trust::Subject;

impl Registry {
    /// `held`, or what takes its place because it failed too often.
    pub(super) fn healthy(&self, held: Arc<Held>) -> Arc<Held> {
        let failed = held.loaded.counters.failed_in_a_row();
        let max = self.engine().limits().failures_max;
        if max == 0 || failed < max || held.source == Source::BuiltIn {
            return held;
        }
        // While another is admitted, or takes over, the old one serves once more.
        let Ok(_one) = self.swapping.clone().try_lock_owned() else {
            return held;
        };
        let active = self.active.load().find(&held.slot);
        if let Some(active) = active.filter(|active| !Arc::ptr_eq(active, &held)) {
            return active;
        }
        match self.before(&held) {
            Ok(Some(previous)) => self.demote(&held, previous, failed),
            Ok(None) => self.keep(held, "there is none before it"),
            Err(error) => self.keep(held, &error.to_string()),
        }
    }

    fn keep(&self, held: Arc<Held>, why: &str) -> Arc<Held> {
        tracing::error!(
            slot = held.slot,
            digest = %held.loaded.id.digest,
            "it fails again and again, and nothing can take its place: {why}"
        );
        held.loaded.counters.forgive();
        held
    }

    /// What was active before `held`: kept ready, or else from the state folder.
    pub(super) fn before(&self, held: &Held) -> Result<Option<Held>, AdmissionError> {
        let digest = held.loaded.id.digest;
        let ready = lock(&self.superseded)
            .iter()
            .find(|old| old.slot == held.slot && old.loaded.id.digest != digest)
            .cloned();
        if let Some(old) = ready {
            let loaded = old.loaded.clone();
            loaded.counters.forgive();
            return Ok(Some(Held::new(
                old.slot.clone(),
                old.source.clone(),
                loaded,
            )));
        }
        let history = self.history();
        let swap = history
            .iter()
            .find(|swap| swap.slot == held.slot && swap.to == digest);
        match swap.and_then(|swap| swap.from) {
            Some(from) => self.revive_slot(held, from).map(Some),
            None => Ok(None),
        }
    }

    fn revive_slot(&self, held: &Held, digest: Digest) -> Result<Held, AdmissionError> {
        trust::check_revoked(&self.trust, digest)?;
        let bytes = self.bytes_of(digest)?;
        let manifest = self.state().manifest(digest).map(Arc::new);
        let around = self.around();
        let name = &held.loaded.id.name;
        let admitted = thread::scope(|scope| {
            let thread = self.spawn(scope, || {
                let candidate = Candidate {
                    bytes: &bytes,
                    expected: name,
                    manifest: manifest.as_ref(),
                };
                Ok(admission::admit(candidate, &around))
            });
            super::start::join(thread)
        });
        let loaded = admitted.map_err(|error| AdmissionError::State(error.to_string()))??;
        Ok(Held::new(held.slot.clone(), self.source_of(digest), loaded))
    }

    fn demote(&self, held: &Held, previous: Held, failed: u32) -> Arc<Held> {
        let (from, to) = (held.loaded.id.digest, previous.loaded.id.digest);
        let recorded = self.state().activate(Swap {
            slot: held.slot.clone(),
            subject: Subject::Plugin(held.world()),
            from: Some(from),
            to,
            by: format!("the node itself, after {failed} failures in a row"),
            at_unix_s: unix_s(),
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "a demotion is not on record: a restart brings the failing plugin back");
        }
        let refusal = Refusal::demoted(&held.slot, from, failed);
        tracing::error!(
            slot = held.slot,
            failing = %from,
            instead = %to,
            "DEMOTED: a plugin failed {failed} times in a row, the one before it takes its place; {}",
            refusal.remedy
        );
        self.base.observer.observe(Event::PluginSwap {
            world: held.world(),
            kind: SwapKind::Demoted,
        });
        self.keep_refusal(refusal);
        let slot = self.activate(previous).slot;
        // A later demotion must not come back to the one that failed.
        lock(&self.superseded).retain(|old| old.loaded.id.digest != from || old.slot != slot);
        self.active
            .load()
            .find(&slot)
            .expect("it was put there a moment ago, and slots are never emptied")
    }
}
