//! Another configuration, while everything runs.
//!
//! From the moment it counts, all that comes is judged by it. What runs is looked
//! at plugin by plugin:
//!
//! ```text
//! nobody vouches for it any more -> what was there before, else the built-in, else nothing
//! its settings or limits changed -> admitted again with the new; refused, it goes on with the old
//! neither                        -> untouched
//! ```
//!
//! A data pack that lost its approval goes first, and its readers are admitted
//! again without it. What a session began under stays as it was.

use std::sync::Arc;

use super::active::{Held, SHADOW_SLOT, UPCOMING_SLOT};
use super::demote::NODE_ITSELF;
use super::describe::{Refusal, Swap, unix_s};
use super::packs::again;
use super::{Registry, lock};
use crate::plugin::admission::AdmissionError;
use crate::plugin::call::Loaded;
use crate::plugin::rehearsal;
use crate::plugin::settings::SettingsByPlugin;
use crate::plugin::tables::{DataByPlugin, LimitsByPlugin, Tables};
use crate::subnet::events::{Event, SwapKind};
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::trust::{Subject, Trust};

/// Where a refusal of new settings comes from.
const ORIGIN: &str = "the configuration";

/// What an operator's configuration says of plugins.
#[derive(Clone, Default)]
pub struct Orders {
    /// But for the data packs themselves.
    pub(super) tables: Tables,
    pub(super) trust: Arc<Trust>,
}

impl Orders {
    /// Settings, data and limits are by the name a plugin describes itself with.
    pub fn new(
        settings: SettingsByPlugin,
        data: DataByPlugin,
        limits: LimitsByPlugin,
        trust: Trust,
    ) -> Self {
        Self {
            tables: Tables {
                settings: Arc::new(settings),
                data: Arc::new(data),
                limits: Arc::new(limits),
                ..Tables::default()
            },
            trust: Arc::new(trust),
        }
    }
}

/// What another configuration meant for one plugin or data pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconfigured {
    /// Its place.
    pub slot: String,
    /// Which one it was.
    pub id: PluginId,
    /// What became of it.
    pub consequence: Consequence,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// It runs with its new settings and limits.
    Readmitted,
    /// It does not take them, and goes on with the old.
    Refused(AdmissionError),
    /// Nobody vouches for it any more.
    Replaced {
        /// Why not.
        why: AdmissionError,
        /// What is there instead, if anything is.
        by: Option<PluginId>,
    },
}

impl Registry {
    /// Lets `orders` count from now on, and looks at all that runs. One at a time,
    /// after the swap under way; blocks for as long as compilations take, so not
    /// to be called on a thread that serves others.
    pub fn reconfigure(&self, orders: Orders) -> Vec<Reconfigured> {
        let _one = self.swapping.clone().blocking_lock_owned();
        self.orders.store(Arc::new(orders));
        let revoked = &self.trust().revoked_digests;
        lock(&self.superseded).retain(|old| !revoked.contains(&old.loaded.id.digest));
        let mut all = self.reconsider_packs();
        let active = self.active.load_full();
        for held in active.all() {
            if let Some(consequence) = self.reconsider(held) {
                all.push(Reconfigured {
                    slot: held.slot.clone(),
                    id: held.loaded.id.clone(),
                    consequence,
                });
            }
        }
        all
    }

    /// Whether a plugin is as it would be if it were admitted now.
    pub(super) fn is_current(&self, loaded: &Loaded) -> Result<bool, AdmissionError> {
        let tables = self.around().tables;
        let (name, manifest) = (&loaded.id.name, loaded.manifest.as_ref());
        let manifest = manifest.map(|signed| &signed.manifest);
        let limits = tables.limits(self.engine().limits(), loaded.world(), name, manifest)?;
        Ok(limits == *loaded.maker.limits && tables.settings(name) == *loaded.maker.settings)
    }

    fn reconsider(&self, held: &Held) -> Option<Consequence> {
        if let Err(why) = self.vouch_still(held) {
            return Some(self.give_way(held, why));
        }
        let again = match self.is_current(&held.loaded) {
            Ok(true) => {
                self.forget_refusal(&held.slot);
                return None;
            }
            Ok(false) => self.readmit_one(held),
            Err(error) => Err(error),
        };
        Some(match again {
            Ok(()) => Consequence::Readmitted,
            Err(error) => {
                let digest = held.loaded.id.digest;
                let refusal = Refusal::new(&held.slot, ORIGIN, digest, &error);
                self.refused(&held.slot, refusal);
                Consequence::Refused(error)
            }
        })
    }

    fn vouch_still(&self, held: &Held) -> Result<(), AdmissionError> {
        let manifest = held.loaded.manifest.as_deref();
        let source = self.vouch_again(&held.slot, held.loaded.id.digest, manifest)?;
        self.confirm(&source.into(), &held.loaded)
    }

    fn readmit_one(&self, held: &Held) -> Result<(), AdmissionError> {
        let bytes = self.bytes_of(held.loaded.id.digest)?;
        let around = self.around();
        let newcomer = self.aside(|| {
            let newcomer = again(held, &bytes, &around)?;
            rehearsal::rehearse(&newcomer.loaded, self.evidence.get().map(Arc::as_ref))?;
            Ok(newcomer)
        })?;
        self.state()
            .retain_settings(&newcomer.loaded.maker.settings)
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        self.activate(newcomer);
        self.forget_refusal(&held.slot);
        tracing::info!(
            slot = held.slot,
            name = held.loaded.id.name,
            "it runs with what the configuration says now"
        );
        Ok(())
    }

    /// What the configuration said before and does not say any more.
    fn forget_refusal(&self, slot: &str) {
        lock(&self.refusals).retain(|refusal| refusal.slot != slot || refusal.origin != ORIGIN);
    }

    /// A policy that decides nothing has no predecessor to come back.
    fn give_way(&self, held: &Held, why: AdmissionError) -> Consequence {
        let digest = held.loaded.id.digest;
        let waits = [SHADOW_SLOT, UPCOMING_SLOT].contains(&&*held.slot);
        let next = match waits {
            true => None,
            false => self.predecessor(held),
        };
        let by = next.as_ref().map(|next| next.loaded.id.clone());
        tell_loudly(&held.slot, digest, &why, by.as_ref());
        self.keep_refusal(Refusal::new(&held.slot, "active before", digest, &why));
        self.base.observer.observe(Event::PluginSwap {
            world: held.world(),
            kind: SwapKind::Demoted,
        });
        let recorded = match &by {
            Some(by) => self.state().activate(Swap {
                slot: held.slot.clone(),
                subject: Subject::Plugin(held.world()),
                from: Some(digest),
                to: by.digest,
                by: format!("{NODE_ITSELF}: {why}"),
                at_unix_s: unix_s(),
            }),
            None => self.state().empty(&held.slot),
        };
        // A restart asks who vouches for it, and comes to the same.
        if let Err(error) = recorded {
            tracing::error!(%error, "this is not on record");
        }
        match next {
            Some(next) => drop(self.activate(next)),
            None => drop(self.active.rcu(|active| active.without(&held.slot))),
        }
        lock(&self.superseded)
            .retain(|old| old.slot != held.slot || old.loaded.id.digest != digest);
        Consequence::Replaced { why, by }
    }

    fn reconsider_packs(&self) -> Vec<Reconfigured> {
        let mut all = Vec::new();
        for (slot, id) in self.packs.load_full().ids() {
            let Err(why) = self.restore_pack(&slot, id.digest) else {
                continue;
            };
            let by = self.take_earlier_pack(&slot, id.digest, &why);
            tell_loudly(&slot, id.digest, &why, by.as_ref());
            self.keep_refusal(Refusal::new(&slot, "active before", id.digest, &why));
            let consequence = Consequence::Replaced { why, by };
            all.push(Reconfigured {
                slot,
                id,
                consequence,
            });
        }
        all
    }

    /// The last pack of that name that may be here; without any, the name is empty.
    fn take_earlier_pack(
        &self,
        name: &str,
        gone: Digest,
        why: &AdmissionError,
    ) -> Option<PluginId> {
        let history = self.history().into_iter();
        let found = history
            .filter(|swap| swap.subject == Subject::DataPack && swap.slot == name)
            .filter_map(|swap| swap.from.filter(|from| *from != gone))
            .find_map(|digest| Some((digest, self.restore_pack(name, digest).ok()?)));
        let held = self.packs.load_full();
        let (after, recorded) = match found {
            Some((digest, (pack, source))) => {
                let swap = Swap {
                    slot: name.to_owned(),
                    subject: Subject::DataPack,
                    from: Some(gone),
                    to: digest,
                    by: format!("{NODE_ITSELF}: {why}"),
                    at_unix_s: unix_s(),
                };
                (held.with(name, pack, source), self.state().activate(swap))
            }
            None => (held.without(name), self.state().empty_pack(name)),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, "this is not on record");
        }
        let ids = after.ids();
        self.packs.store(Arc::new(after));
        ids.into_iter()
            .find(|(its, _)| its == name)
            .map(|(_, id)| id)
    }
}

fn tell_loudly(slot: &str, digest: Digest, why: &AdmissionError, by: Option<&PluginId>) {
    let instead = by.map_or_else(|| "nothing".to_owned(), |by| by.digest.to_string());
    tracing::error!(
        slot,
        %digest,
        instead,
        "NOT APPROVED ANY MORE: {why}; {}",
        why.remedy()
    );
}
