//! A policy on trial becomes the active one, or goes; and the way back.

use super::active::{Held, POLICY_SLOT, SHADOW_SLOT};
use super::describe::{Swap, SwapReport, unix_s};
use super::{Registry, lock};
use crate::plugin::admission::AdmissionError;
use crate::subnet::plugin::PluginId;
use crate::subnet::trust::Subject;

impl Registry {
    /// Makes the policy on trial the active one. It was admitted already, so
    /// nothing can go wrong but the disk.
    pub fn promote(&self) -> Result<SwapReport, AdmissionError> {
        let Ok(_one) = self.swapping.clone().try_lock_owned() else {
            return Err(AdmissionError::Busy);
        };
        let shadow = self.active.load().find(SHADOW_SLOT);
        let shadow = shadow.ok_or(AdmissionError::NoShadow)?;
        let held = Held::new(
            POLICY_SLOT.to_owned(),
            shadow.source.clone(),
            shadow.loaded.clone(),
        );
        let report = self.put(held, "promoted by the operator")?;
        self.empty(SHADOW_SLOT)?;
        Ok(report)
    }

    /// Ends the trial; the policy that was on it.
    pub fn end_trial(&self) -> Result<PluginId, AdmissionError> {
        let shadow = self.active.load().find(SHADOW_SLOT);
        let shadow = shadow.ok_or(AdmissionError::NoShadow)?;
        self.empty(SHADOW_SLOT)?;
        Ok(shadow.loaded.id.clone())
    }

    /// Puts back what was active in a slot before; blocks for as long as a
    /// compilation takes if it is not at hand any more. Done twice, it is undone.
    pub fn roll_back(&self, slot: &str) -> Result<SwapReport, AdmissionError> {
        let Ok(_one) = self.swapping.clone().try_lock_owned() else {
            return Err(AdmissionError::Busy);
        };
        let nothing = || AdmissionError::NothingBefore(slot.to_owned());
        let held = self.active.load().find(slot).ok_or_else(nothing)?;
        let previous = self.before(&held)?.ok_or_else(nothing)?;
        self.put(previous, "rolled back by the operator")
    }

    /// On disk first, as every swap.
    fn put(&self, held: Held, by: &str) -> Result<SwapReport, AdmissionError> {
        let world = held.world();
        let from = self.active.load().find(&held.slot);
        self.state()
            .activate(Swap {
                slot: held.slot.clone(),
                subject: Subject::Plugin(world),
                from: from.map(|from| from.loaded.id.digest),
                to: held.loaded.id.digest,
                by: by.to_owned(),
                at_unix_s: unix_s(),
            })
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        let to = held.loaded.id.digest;
        let taken = self.activate(held);
        // The way back is to what was active now, not to itself.
        lock(&self.superseded).retain(|old| old.slot != taken.slot || old.loaded.id.digest != to);
        let report = SwapReport {
            slot: taken.slot,
            subject: Subject::Plugin(world),
            from: taken.from,
            to: taken.to,
        };
        self.swapped(&report);
        Ok(report)
    }

    fn empty(&self, slot: &str) -> Result<(), AdmissionError> {
        self.state()
            .empty(slot)
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        self.active.rcu(|active| active.without(slot));
        Ok(())
    }
}
