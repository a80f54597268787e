//! A plugin that fails again and again gives way to the one before it.
//!
//! Only failures of its own count, in a row, and only while somebody asks for
//! it: it is replaced at the next use, so that no call runs on a plugin that is
//! known to be broken. What the binary carries has nothing before it and stays; so
//! does a generator that fails on what miners send alone, since miners must not
//! be able to bring back the generator of before.
//! The weights on chain are not touched by a policy's failure: the role that
//! asked sets none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::active::Held;
use super::describe::{Refusal, Source, Swap, unix_s};
use super::start::slot_of;
use super::{Registry, lock};
use crate::plugin::admission::{self, AdmissionError, Candidate};
use crate::plugin::builtin::BuiltIn;
use crate::plugin::call::Loaded;
use crate::plugin::rehearsal;
use crate::subnet::events::{Event, SwapKind};
use crate::subnet::plugin::{Digest, World};
use crate::subnet::trust::Subject;

/// Who swapped, where no operator did; the record's words go on from here.
pub(super) const NODE_ITSELF: &str = "the node itself";
/// Earlier plugins that are tried before what the binary carries.
const TRIED_MAX: usize = 4;

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
        if self.is_miners_doing(&held) {
            return held;
        }
        match self.predecessor(&held) {
            Some(previous) => self.demote(&held, previous, failed),
            None => self.keep(held),
        }
    }

    /// A generator that still sets its first task where no miner has a say fails
    /// on what miners sent: whoever wants another generator must not get it so.
    fn is_miners_doing(&self, held: &Held) -> bool {
        let sound = held.world() == World::ChallengeGenerator
            && self
                .aside(|| Ok(rehearsal::is_sound(&held.loaded)))
                .unwrap_or(false);
        if sound {
            tracing::error!(
                slot = held.slot,
                digest = %held.loaded.id.digest,
                "it fails again and again on what miners send, and stays: their sessions are void, and their answers on record"
            );
            held.loaded.counters.forgive();
        }
        sound
    }

    fn keep(&self, held: Arc<Held>) -> Arc<Held> {
        tracing::error!(
            slot = held.slot,
            digest = %held.loaded.id.digest,
            "it fails again and again, and nothing can take its place"
        );
        held.loaded.counters.forgive();
        held
    }

    /// What takes the place of a plugin that must go: the last one before it that
    /// may run and did not have to go itself, or else what the binary carries.
    pub(super) fn predecessor(&self, held: &Held) -> Option<Held> {
        let mut digests = self.predecessors(held);
        digests.truncate(TRIED_MAX);
        let built_in = self.builtins.iter().find(|it| slot_of(it) == held.slot);
        if let Some(built_in) = built_in.map(BuiltIn::digest)
            && !digests.contains(&built_in)
            && built_in != held.loaded.id.digest
        {
            digests.push(built_in);
        }
        digests.into_iter().find_map(|digest| {
            let back = self.come_back(held, digest);
            back.inspect_err(|error| {
                tracing::warn!(slot = held.slot, %digest, "it cannot come back: {error}");
            })
            .ok()
        })
    }

    /// What was active before `held`, the latest first, but for what had to go.
    fn predecessors(&self, held: &Held) -> Vec<Digest> {
        let mut gone = BTreeSet::from([held.loaded.id.digest]);
        let mut found = Vec::new();
        for swap in self.history() {
            let Some(from) = swap.from.filter(|_| swap.slot == held.slot) else {
                continue;
            };
            if swap.by.starts_with(NODE_ITSELF) {
                gone.insert(from);
            }
            if !gone.contains(&from) && !found.contains(&from) {
                found.push(from);
            }
        }
        found
    }

    /// What was active just before `held`, to which an operator may go back.
    pub(super) fn before(&self, held: &Held) -> Result<Option<Held>, AdmissionError> {
        let digest = held.loaded.id.digest;
        let ready = lock(&self.superseded)
            .iter()
            .find(|old| old.slot == held.slot && old.loaded.id.digest != digest)
            .map(|old| old.loaded.id.digest);
        let recorded = || {
            let history = self.history();
            let mut swaps = history.iter().filter(|swap| swap.slot == held.slot);
            swaps.find(|swap| swap.to == digest)?.from
        };
        let before = ready.or_else(recorded);
        before
            .map(|before| self.come_back(held, before))
            .transpose()
    }

    /// Puts together again what was active in the place of `held`, if somebody still
    /// vouches for it: as it is kept ready, or from the state folder.
    fn come_back(&self, held: &Held, digest: Digest) -> Result<Held, AdmissionError> {
        let manifest = self.state().manifest(digest).map(Arc::new);
        let source = self.vouch_again(&held.slot, digest, manifest.as_deref())?;
        let loaded = match self.ready(&held.slot, digest) {
            Some(ready) => {
                ready.counters.forgive();
                ready
            }
            None => {
                let (bytes, around) = (self.bytes_of(digest)?, self.around());
                let candidate = Candidate {
                    bytes: &bytes,
                    expected: &held.loaded.id.name,
                    manifest: manifest.as_ref(),
                };
                self.aside(|| admission::admit(candidate, &around))?
            }
        };
        self.confirm(&source.clone().into(), &loaded)?;
        Ok(Held::new(held.slot.clone(), source, loaded))
    }

    /// One that was swapped out lately and is as the configuration has it now.
    fn ready(&self, slot: &str, digest: Digest) -> Option<Arc<Loaded>> {
        let old = lock(&self.superseded)
            .iter()
            .find(|old| old.slot == slot && old.loaded.id.digest == digest)
            .map(|old| old.loaded.clone());
        old.filter(|old| self.is_current(old).unwrap_or(false))
    }

    fn demote(&self, held: &Held, previous: Held, failed: u32) -> Arc<Held> {
        let (from, to) = (held.loaded.id.digest, previous.loaded.id.digest);
        let recorded = self.state().activate(Swap {
            slot: held.slot.clone(),
            subject: Subject::Plugin(held.world()),
            from: Some(from),
            to,
            by: format!("{NODE_ITSELF}, after {failed} failures in a row"),
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
            .expect("it was put there a moment ago, while nobody else may swap")
    }
}
