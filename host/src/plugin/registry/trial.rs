//! A policy that waits, on trial or for its moment, becomes the active one or
//! goes; and the way back.

use std::collections::BTreeMap;

use super::active::{Held, POLICY_SLOT, SHADOW_SLOT, UPCOMING_SLOT};
use super::describe::{Swap, SwapReport, unix_s};
use super::{Registry, lock};
use crate::plugin::admission::AdmissionError;
use crate::subnet::BlockNumber;
use crate::subnet::plugin::{Moment, PluginId};
use crate::subnet::trust::Subject;

impl Registry {
    /// Makes the policy on trial the active one. It was admitted already, so
    /// nothing can go wrong but the disk.
    pub fn promote(&self) -> Result<SwapReport, AdmissionError> {
        self.take_over(SHADOW_SLOT, "promoted by the operator")
    }

    /// Makes what waits as `place`, `shadow` or `upcoming`, the active policy at a
    /// moment; whoever follows the chain says when it has come, by [`Self::act`].
    pub fn await_moment(&self, place: &str, moment: Moment) -> Result<PluginId, AdmissionError> {
        let waits = self.active.load().find(place);
        let waits = waits
            .filter(|held| [SHADOW_SLOT, UPCOMING_SLOT].contains(&&*held.slot))
            .ok_or(AdmissionError::NoShadow)?;
        self.state()
            .await_moment(&waits.slot, moment)
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        Ok(waits.loaded.id.clone())
    }

    /// The moments that are waited for, by place.
    pub fn moments(&self) -> BTreeMap<String, Moment> {
        self.state().moments().clone()
    }

    /// Does what is due at this block, and in this epoch if it is known. What
    /// cannot be done stays due.
    pub fn act(&self, block: BlockNumber, epoch: Option<u64>) {
        for (place, moment) in self.moments() {
            let due = match moment {
                Moment::Block(number) => block >= number,
                Moment::Epoch(number) => epoch.is_some_and(|epoch| epoch >= number),
            };
            if due && let Err(error) = self.take_over(&place, &format!("at {moment}")) {
                tracing::error!(%error, %moment, "a policy cannot take over; it is tried again with the next block");
            }
        }
    }

    fn take_over(&self, place: &str, by: &str) -> Result<SwapReport, AdmissionError> {
        let Ok(_one) = self.swapping.clone().try_lock_owned() else {
            return Err(AdmissionError::Busy);
        };
        let waits = self.active.load().find(place);
        let waits = waits.ok_or(AdmissionError::NoShadow)?;
        let held = Held::new(
            POLICY_SLOT.to_owned(),
            waits.source.clone(),
            waits.loaded.clone(),
        );
        let report = self.put(held, by)?;
        self.empty(place)?;
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
